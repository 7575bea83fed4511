//! `ipc lock`: the verbs between separate processes, and their exit codes.

use crate::sandbox::Sandbox;
use crate::shell::{Shell, someone, until_waiters};

fn token(sb: &Sandbox, arguments: &[&str]) -> u64 {
    let outcome = sb.ipc([&["lock", "acquire"], arguments].concat()).run();
    outcome.ok();
    std::str::from_utf8(&outcome.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap()
}

#[test]
fn one_process_takes_it_for_a_shell_and_another_gives_it_back() {
    let sb = Sandbox::new();
    let (mut one, mut two) = (Shell::new(&sb), Shell::new(&sb));
    assert_eq!(one.ask("ipc lock acquire L >token").0, 0);
    assert_eq!(two.ask("ipc lock acquire L --try").0, 1);
    assert_eq!(
        two.ask("ipc lock release L 2>said; grep -c 'does not hold it' said")
            .1,
        "1\n"
    );
    assert_eq!(two.ask("ipc lock release L 2>said").0, 1);
    assert_eq!(
        one.ask("ipc lock status L --mine").1,
        one.ask("cat token").1
    );
    assert_eq!(two.ask("ipc lock status L --mine"), (1, String::new()));
    assert_eq!(one.ask("ipc lock release L"), (0, String::new()));
    assert_eq!(two.ask("ipc lock acquire L --try >token").0, 0);
}

#[test]
fn any_process_can_be_named_as_the_owner() {
    let sb = Sandbox::new();
    let owner = someone(&sb);
    token(&sb, &["L", "--owner", &owner.pid_text()]);
    let status = sb.ipc(["lock", "status", "L", "--json"]).run();
    assert_eq!(status.json()["holders"][0]["pid"], owner.pid());
    sb.ipc(["lock", "release", "L"]).run().code(1);
    sb.ipc(["lock", "release", "L", "--owner", &owner.pid_text()])
        .run()
        .ok();
    sb.ipc(["lock", "status", "L"]).run().ok().stdout("free\n");
}

#[test]
fn tokens_rise_from_holder_to_holder() {
    let sb = Sandbox::new();
    let mut last = 0;
    for _ in 0..20 {
        let next = token(&sb, &["L"]);
        assert!(next > last, "{next} came after {last}");
        last = next;
        sb.ipc(["lock", "release", "L"]).run().ok();
    }
}

#[test]
fn a_waiter_goes_on_when_the_holder_releases() {
    let sb = Sandbox::new();
    let owner = someone(&sb);
    token(&sb, &["L"]);
    let mut waiter = sb
        .ipc([
            "lock",
            "acquire",
            "L",
            "--owner",
            &owner.pid_text(),
            "-t",
            "30s",
        ])
        .start();
    waiter.blocked();
    until_waiters(&sb, "L", 1);
    sb.ipc(["lock", "release", "L"]).run().ok();
    assert!(waiter.wait().success());
    until_waiters(&sb, "L", 0);
}

#[test]
fn busy_is_1_at_once_and_124_when_the_time_is_over() {
    let sb = Sandbox::new();
    let (holder, other) = (someone(&sb), someone(&sb));
    token(&sb, &["L", "--owner", &holder.pid_text()]);
    let number = other.pid_text();
    let acquire = ["lock", "acquire", "L", "--owner", &number];
    for (option, code, words) in [
        (&["--try"][..], 1, ""),
        (&["-t", "0"], 1, ""),
        (&["-t", "50ms"], 124, "timed out"),
    ] {
        let words_of_ipc = [&acquire, option].concat();
        sb.ipc(words_of_ipc)
            .run()
            .code(code)
            .stdout("")
            .stderr_has(words);
    }
}

#[test]
fn what_is_held_already_is_4_and_never_waited_for() {
    let sb = Sandbox::new();
    token(&sb, &["L"]);
    sb.ipc(["lock", "acquire", "L"])
        .run()
        .code(4)
        .stderr_has("holds it already")
        .stderr_has("hint: --reentrant");
}

#[test]
fn a_reentrant_hold_ends_with_its_last_release() {
    let sb = Sandbox::new();
    let first = token(&sb, &["L"]);
    for depth in 2..=4 {
        assert_eq!(token(&sb, &["L", "--reentrant"]), first);
        let status = sb.ipc(["lock", "status", "L", "--json"]).run();
        assert_eq!(status.json()["holders"][0]["depth"], depth);
    }
    for _ in 0..4 {
        sb.ipc(["lock", "status", "L", "--mine"]).run().ok();
        sb.ipc(["lock", "release", "L"]).run().ok();
    }
    sb.ipc(["lock", "release", "L"]).run().code(1);
    // Nothing of the old depth is left for the next hold.
    token(&sb, &["L"]);
    sb.ipc(["lock", "release", "L"]).run().ok();
    sb.ipc(["lock", "status", "L"]).run().ok().stdout("free\n");
}

#[test]
fn slots_let_so_many_in_and_no_more() {
    let sb = Sandbox::new();
    let owners: Vec<Shell> = (0..4).map(|_| someone(&sb)).collect();
    for owner in &owners[..3] {
        token(&sb, &["S", "--slots", "3", "--owner", &owner.pid_text()]);
    }
    let fourth = ["lock", "acquire", "S", "--owner", &owners[3].pid_text()].map(String::from);
    sb.ipc(fourth.iter().map(String::as_str).chain(["--try"]))
        .run()
        .code(1);
    let mut waiter = sb
        .ipc(fourth.iter().map(String::as_str).chain(["-t", "30s"]))
        .start();
    waiter.blocked();
    sb.ipc(["lock", "release", "S", "--owner", &owners[1].pid_text()])
        .run()
        .ok();
    assert!(waiter.wait().success());
    let status = sb.ipc(["lock", "status", "S", "--json"]).run().json();
    assert_eq!(status["slots"], 3);
    assert_eq!(status["holders"].as_array().unwrap().len(), 3);
}

#[test]
fn there_are_1_to_240_slots_fixed_when_the_lock_is_made() {
    let sb = Sandbox::new();
    for count in ["0", "241", "-1", "x"] {
        let slots = format!("--slots={count}");
        sb.ipc(["lock", "acquire", "S", &slots]).run().code(2);
    }
    for count in ["1", "240"] {
        let name = format!("s{count}");
        token(&sb, &[&name, "--slots", count]);
        // Slots that are not asked for are as they are.
        sb.ipc(["lock", "acquire", &name]).run().code(4);
        for other in ["2", "239"] {
            sb.ipc(["lock", "acquire", &name, "--slots", other])
                .run()
                .code(4)
                .stderr_has(&format!("has {count} slots, not {other} slots"));
        }
        sb.ipc(["lock", "acquire", &name, "--shared"]).run().code(4);
    }
    token(&sb, &["plain"]);
    sb.ipc(["lock", "acquire", "plain", "--slots", "1"])
        .run()
        .code(4)
        .stderr_has("has no slots");
}

#[test]
fn all_240_slots_can_be_held_at_once() {
    let sb = Sandbox::new();
    sb.ipc(["-q", "lock", "create", "S", "--slots", "240"])
        .run()
        .ok();
    // A job in the background has no input of the script, but its descriptor 3.
    let script = "exec 3<&0; for i in $(seq 240); do \
        ipc lock run S -- sh -c 'echo in; cat <&3' & done; wait";
    let (mut all, input) = sb.sh(script).start_with_input();
    for _ in 0..240 {
        assert_eq!(all.line(), "in");
    }
    sb.ipc(["lock", "acquire", "S", "--try"]).run().code(1);
    let status = sb.ipc(["lock", "status", "S", "--json"]).run().json();
    assert_eq!(status["holders"].as_array().unwrap().len(), 240);
    drop(input);
    assert!(all.wait().success());
    sb.ipc(["lock", "status", "S"])
        .run()
        .ok()
        .stdout("free, 0 of 240 slots\n");
}

#[test]
fn a_missing_lock_is_3_and_no_looker_makes_it() {
    let sb = Sandbox::new();
    for words in [
        &["release", "no"][..],
        &["status", "no"],
        &["status", "no", "--mine"],
        &["verify", "no", "1"],
        &["break", "no"],
        &["stat", "no"],
        &["rm", "no"],
        &["rm", "no", "--force"],
    ] {
        sb.ipc([&["lock"], words].concat())
            .run()
            .code(3)
            .stderr_has("no such lock");
    }
    assert_eq!(sb.left_in_shm(), Vec::<String>::new());
}

#[test]
fn misuse_is_2() {
    let sb = Sandbox::new();
    for words in [
        &["acquire"][..],
        &["acquire", "a/b"],
        &["acquire", ""],
        &["acquire", "L", "--owner", "0"],
        &["acquire", "L", "--owner", "-5"],
        &["acquire", "L", "--try", "-t", "1s"],
        &["acquire", "L", "--slots", "2", "--shared"],
        &["verify", "L"],
        &["verify", "L", "x"],
        &["status", "L", "--owner", "1"],
    ] {
        sb.ipc([&["lock"], words].concat()).run().code(2);
    }
    assert_eq!(sb.left_in_shm(), Vec::<String>::new());
}

#[test]
fn an_owner_that_does_not_live_is_3() {
    let sb = Sandbox::new();
    let gone = someone(&sb);
    let number = gone.pid_text();
    gone.die();
    for verb in ["acquire", "release"] {
        token(&sb, &["L"]);
        sb.ipc(["lock", verb, "L", "--owner", &number])
            .run()
            .code(3)
            .stderr_has("no such process");
        sb.ipc(["lock", "release", "L"]).run().ok();
    }
}

#[test]
fn a_token_is_good_as_long_as_its_hold() {
    let sb = Sandbox::new();
    let first = token(&sb, &["L"]).to_string();
    sb.ipc(["lock", "verify", "L", &first])
        .run()
        .ok()
        .stdout("");
    sb.ipc(["lock", "release", "L"]).run().ok();
    sb.ipc(["lock", "verify", "L", &first])
        .run()
        .code(1)
        .stderr("");
    let second = token(&sb, &["L"]).to_string();
    sb.ipc(["lock", "verify", "L", &first]).run().code(1);
    sb.ipc(["lock", "verify", "L", &second]).run().ok();
    // The name stands for another lock now.
    sb.ipc(["lock", "rm", "L", "--force"]).run().ok();
    token(&sb, &["L"]);
    sb.ipc(["lock", "verify", "L", &second]).run().code(1);
}

#[test]
fn a_broken_hold_has_no_token_and_the_next_holder_is_told() {
    let sb = Sandbox::new();
    let holder = someone(&sb);
    let held = token(&sb, &["L", "--owner", &holder.pid_text()]).to_string();
    sb.ipc(["lock", "break", "L"])
        .run()
        .code(0)
        .stderr_has(&format!("taken from process {}", holder.pid()));
    sb.ipc(["lock", "break", "L"]).run().code(1);
    sb.ipc(["lock", "verify", "L", &held]).run().code(1);
    sb.ipc(["lock", "release", "L", "--owner", &holder.pid_text()])
        .run()
        .code(1);
    sb.ipc(["lock", "acquire", "L"])
        .run()
        .code(0)
        .stderr_has("recovered");
    sb.ipc(["lock", "release", "L"]).run().ok();
    sb.ipc(["lock", "acquire", "L"]).run().ok();
}

#[test]
fn what_is_held_is_removed_by_force_alone() {
    let sb = Sandbox::new();
    let holder = someone(&sb);
    token(&sb, &["L", "--owner", &holder.pid_text()]);
    sb.ipc(["lock", "rm", "L"])
        .run()
        .code(1)
        .stderr_has(&format!("is held by process {}", holder.pid()))
        .stderr_has("hint: --force");
    sb.ipc([
        "lock",
        "status",
        "L",
        "--mine",
        "--owner",
        &holder.pid_text(),
    ])
    .run()
    .ok();
    token(&sb, &["free"]);
    sb.ipc(["lock", "release", "free"]).run().ok();
    sb.ipc(["lock", "rm", "free", "L"]).run().code(8);
    sb.ipc(["lock", "unlink", "L", "--force"]).run().ok();
    assert_eq!(sb.left_in_shm(), Vec::<String>::new());
}

#[test]
fn the_hold_of_a_dead_owner_does_not_keep_it_from_being_removed() {
    let sb = Sandbox::new();
    let holder = someone(&sb);
    token(&sb, &["L", "--owner", &holder.pid_text()]);
    holder.die();
    sb.ipc(["lock", "rm", "L"]).run().ok();
}

#[test]
fn a_waiter_of_a_removed_lock_ends_with_7() {
    let sb = Sandbox::new();
    let owner = someone(&sb);
    for slots in [&[][..], &["--slots", "1"]] {
        token(&sb, &[&["L"], slots].concat());
        let waiter = sb
            .ipc([
                "lock",
                "acquire",
                "L",
                "--owner",
                &owner.pid_text(),
                "-t",
                "30s",
            ])
            .start();
        waiter.blocked();
        sb.ipc(["lock", "rm", "L", "--force"]).run().ok();
        let (status, _, said) = waiter.finish();
        assert_eq!(status.code(), Some(7), "{said}");
        assert!(said.contains("was removed while waiting"), "{said}");
    }
}

#[test]
fn a_token_that_cannot_be_printed_is_a_lock_given_back() {
    let sb = Sandbox::new();
    for output in [">&-", ">/dev/full"] {
        let script = format!("ipc lock acquire L {output}; echo $?");
        let outcome = sb.sh(&script).run();
        outcome.code(0).stdout("6\n").stderr_has("standard output");
        sb.ipc(["lock", "status", "L"]).run().ok().stdout("free\n");
    }
}
