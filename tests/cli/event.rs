//! `ipc event`: level and pulse between separate processes.

use std::os::unix::process::ExitStatusExt;

use serde_json::json;

use crate::sandbox::{Running, Sandbox, state_of, until};
use crate::shell::someone;

fn waiting(sb: &Sandbox, options: &[&str]) -> Running {
    let running = sb
        .ipc([&["event", "wait", "e", "-t", "30s"], options].concat())
        .start();
    running.blocked();
    running
}

#[test]
fn a_set_event_lets_all_on_until_it_is_cleared() {
    let sb = Sandbox::new();
    let waiters: Vec<Running> = (0..8).map(|_| waiting(&sb, &[])).collect();
    sb.ipc(["event", "set", "e"]).run().ok().stdout("");
    for mut waiter in waiters {
        assert!(waiter.wait().success());
    }
    for _ in 0..3 {
        sb.ipc(["event", "wait", "e"]).run().ok().stdout("");
        sb.ipc(["event", "wait", "e", "--try"]).run().ok();
    }
    sb.ipc(["event", "clear", "e"]).run().ok().stdout("");
    sb.ipc(["event", "wait", "e", "--try"])
        .run()
        .code(1)
        .stderr("");
    sb.ipc(["event", "wait", "e", "-t", "0"]).run().code(1);
    sb.ipc(["event", "wait", "e", "-t", "20ms"])
        .run()
        .code(124)
        .stderr_has("timed out");
}

#[test]
fn a_pulse_is_seen_by_who_waits_and_by_nobody_else_200_times() {
    let sb = Sandbox::new();
    for _ in 0..200 {
        let mut waiter = waiting(&sb, &[]);
        sb.ipc(["event", "pulse", "e"]).run().ok();
        assert!(waiter.wait().success());
    }
    sb.ipc(["event", "wait", "e", "--try"]).run().code(1);
    let status = sb.ipc(["event", "status", "e", "--json"]).run().json();
    assert_eq!(status, json!({ "name": "/e", "set": false, "count": 200 }));
}

#[test]
fn set_and_clear_in_one_breath_is_seen_like_a_pulse() {
    let sb = Sandbox::new();
    for _ in 0..20 {
        let mut waiter = waiting(&sb, &[]);
        sb.sh("ipc event set e; ipc event clear e").run().ok();
        assert!(waiter.wait().success());
    }
}

#[test]
fn one_pulse_lets_many_on() {
    let sb = Sandbox::new();
    let waiters: Vec<Running> = (0..32).map(|_| waiting(&sb, &[])).collect();
    sb.ipc(["event", "pulse", "e"]).run().ok();
    for mut waiter in waiters {
        assert!(waiter.wait().success());
    }
}

#[test]
fn a_killed_waiter_takes_nothing_from_the_others() {
    let sb = Sandbox::new();
    for signal in [libc::SIGKILL, libc::SIGTERM] {
        let (mut dies, mut stays) = (waiting(&sb, &[]), waiting(&sb, &[]));
        dies.signal(signal);
        assert_eq!(dies.wait().signal(), Some(signal));
        sb.ipc(["event", "pulse", "e"]).run().ok();
        assert!(stays.wait().success());
    }
}

#[test]
fn the_end_of_the_process_is_3_and_the_event_before_it_is_0() {
    let sb = Sandbox::new();
    for round in 0..50 {
        let process = someone(&sb);
        let number = process.pid_text();
        let waiter = waiting(&sb, &["--or-exit", &number]);
        if round % 2 == 0 {
            process.die();
            let (status, _, said) = waiter.finish();
            assert_eq!(status.code(), Some(3));
            assert!(
                said.contains(&format!("process {number} ended first")),
                "{said}"
            );
        } else {
            sb.ipc(["event", "pulse", "e"]).run().ok();
            process.die();
            assert!(waiter.finish().0.success());
        }
    }
}

#[test]
fn an_event_and_an_end_at_the_same_time_never_hang() {
    let sb = Sandbox::new();
    for _ in 0..30 {
        let process = someone(&sb);
        let waiter = waiting(&sb, &["--or-exit", &process.pid_text()]);
        let mut pulse = sb.ipc(["event", "pulse", "e"]).start();
        process.die();
        assert!(pulse.wait().success());
        let code = waiter.finish().0.code();
        assert!(matches!(code, Some(0 | 3)), "{code:?}");
    }
}

#[test]
fn a_process_that_is_gone_is_3_unless_the_event_is_set() {
    let sb = Sandbox::new();
    let process = someone(&sb);
    let number = process.pid_text();
    process.die();
    let wait = ["event", "wait", "e", "--or-exit", &number, "-t", "30s"];
    sb.ipc(wait).run().code(3).stderr_has("no such process");
    sb.ipc(["event", "set", "e"]).run().ok();
    sb.ipc(wait).run().ok();
}

#[test]
fn a_zombie_has_ended() {
    let sb = Sandbox::new();
    // A child of this test, which does not ask for its status yet.
    let mut child = std::process::Command::new("true").spawn().unwrap();
    let pid = child.id() as i32;
    until("the child to be a zombie", || state_of(pid) == Some('Z'));
    sb.ipc([
        "event",
        "wait",
        "e",
        "--or-exit",
        &child.id().to_string(),
        "-t",
        "30s",
    ])
    .run()
    .code(3)
    .stderr_has("ended first");
    child.wait().unwrap();
}

#[test]
fn a_time_out_beside_a_process_is_124_and_try_is_1() {
    let sb = Sandbox::new();
    let process = someone(&sb);
    let number = process.pid_text();
    for (option, code) in [(&["-t", "20ms"][..], 124), (&["--try"], 1)] {
        let words = [&["event", "wait", "e", "--or-exit", &number], option].concat();
        sb.ipc(words).run().code(code);
    }
}

#[test]
fn a_waiter_of_a_removed_event_ends_with_7() {
    let sb = Sandbox::new();
    let process = someone(&sb);
    for options in [&[][..], &["--or-exit", &process.pid_text()]] {
        let waiter = waiting(&sb, options);
        sb.ipc(["event", "rm", "e"]).run().ok();
        let (status, _, said) = waiter.finish();
        assert_eq!(status.code(), Some(7), "{said}");
        assert!(said.contains("was removed while waiting"), "{said}");
    }
}

#[test]
fn lookers_never_make_it_and_changers_do() {
    let sb = Sandbox::new();
    for words in [&["status", "no"][..], &["stat", "no"], &["rm", "no"]] {
        sb.ipc([&["event"], words].concat())
            .run()
            .code(3)
            .stderr_has("no such event");
    }
    assert_eq!(sb.left_in_shm(), Vec::<String>::new());
    for (verb, state) in [("set", "set\n"), ("clear", "clear\n"), ("pulse", "clear\n")] {
        sb.ipc(["event", verb, verb]).run().ok();
        sb.ipc(["event", "status", verb]).run().ok().stdout(state);
    }
    sb.ipc(["event", "wait", "wait", "--try"]).run().code(1);
    sb.ipc(["event", "status", "wait"])
        .run()
        .ok()
        .stdout("clear\n");
}

#[test]
fn creation_has_the_rules_of_every_kind() {
    use std::os::unix::fs::MetadataExt;
    let sb = Sandbox::new();
    let create = |words: &[&str]| sb.ipc([&["event", "create", "e"], words].concat()).run();
    create(&["--mode", "0640"]).code(0).stderr("created /e\n");
    let file = format!("/dev/shm/ipc.event.{}", sb.full("e"));
    assert_eq!(std::fs::metadata(file).unwrap().mode() & 0o777, 0o640);
    create(&[]).code(4);
    sb.ipc(["event", "set", "e"]).run().ok();
    create(&["--if-exists", "open"])
        .code(0)
        .stderr("opened /e\n");
    sb.ipc(["event", "status", "e"]).run().ok().stdout("set\n");
    let waiter = {
        sb.ipc(["event", "clear", "e"]).run().ok();
        waiting(&sb, &[])
    };
    create(&["--if-exists", "replace"])
        .code(0)
        .stderr("replaced /e\n");
    assert_eq!(waiter.finish().0.code(), Some(7));
}

#[test]
fn every_verb_answers_in_json() {
    let sb = Sandbox::new();
    let answer = |words: &[&str]| {
        let outcome = sb.ipc([&["event"], words, &["--json"]].concat()).run();
        outcome.ok().json()
    };
    assert_eq!(
        answer(&["create", "e"]),
        json!({ "kind": "event", "name": "/e", "result": "created" })
    );
    assert_eq!(
        answer(&["set", "e"]),
        json!({ "name": "/e", "set": true, "was_set": false })
    );
    assert_eq!(
        answer(&["wait", "e"]),
        json!({ "name": "/e", "set": true, "count": 1 })
    );
    assert_eq!(
        answer(&["clear", "e"]),
        json!({ "name": "/e", "set": false, "was_set": true })
    );
    assert_eq!(
        answer(&["pulse", "e"]),
        json!({ "name": "/e", "set": false })
    );
    assert_eq!(
        answer(&["status", "e"]),
        json!({ "name": "/e", "set": false, "count": 2 })
    );
    for verb in ["stat", "ls", "list"] {
        let shown = answer(&[verb, "e"])["objects"][0].clone();
        assert_eq!(
            (&shown["kind"], &shown["set"], &shown["count"]),
            (&json!("event"), &json!(false), &json!(2))
        );
    }
    assert_eq!(
        answer(&["unlink", "e"]),
        json!({ "name": "/e", "removed": true })
    );
    assert_eq!(answer(&["ls"]), json!({ "objects": [] }));
}

#[test]
fn what_is_no_event_is_7_and_misuse_is_2() {
    let sb = Sandbox::new();
    let path = format!("/dev/shm/ipc.event.{}", sb.full("e"));
    for bytes in [vec![], vec![1; 16], vec![0; 4096], vec![0xff; 4097]] {
        std::fs::write(&path, bytes).unwrap();
        for verb in [
            &["set"][..],
            &["clear"],
            &["pulse"],
            &["status"],
            &["wait", "--try"],
        ] {
            sb.ipc([&["event"], verb, &["e"]].concat()).run().code(7);
        }
        sb.ipc(["event", "stat", "e"]).run().ok();
    }
    for words in [
        &["set"][..],
        &["set", "a/b"],
        &["wait", "x", "--or-exit", "0"],
        &["wait", "x", "--try", "-t", "1s"],
        &["wait", "x", "-t", "soon"],
    ] {
        sb.ipc([&["event"], words].concat()).run().code(2);
    }
}
