//! `ipc barrier`.

use crate::sandbox::{Running, Sandbox, until};

const SIGKILL: i32 = libc::SIGKILL;

/// A member that arrives and waits; started as the only child of a shell.
fn member(sb: &Sandbox, parties: &str) -> Running {
    sb.ipc(["barrier", "wait", "b", "--parties", parties, "-t", "30s"])
        .start()
}

fn arrived(sb: &Sandbox) -> u64 {
    let outcome = sb.ipc(["barrier", "status", "b", "--json"]).run();
    if outcome.status.success() {
        outcome.json()["arrived"].as_u64().unwrap()
    } else {
        0
    }
}

#[track_caller]
fn wait_for_arrivals(sb: &Sandbox, count: u64) {
    until("the members to arrive", || arrived(sb) == count);
}

#[test]
fn nobody_goes_on_until_all_have_arrived() {
    let sb = Sandbox::new();
    let members: Vec<Running> = (0..3).map(|_| member(&sb, "4")).collect();
    wait_for_arrivals(&sb, 3);
    let last = member(&sb, "4");
    let mut indices: Vec<String> = members
        .into_iter()
        .chain([last])
        .map(|member| {
            let (status, printed, said) = member.finish();
            assert!(status.success(), "{said}");
            printed.trim().to_owned()
        })
        .collect();
    assert_eq!(indices[3], "3", "the last one came last");
    indices.sort();
    assert_eq!(indices, ["0", "1", "2", "3"]);
}

#[test]
fn generations_follow_each_other_without_mixing() {
    let sb = Sandbox::new();
    sb.ipc(["-q", "barrier", "create", "b", "3"]).run().ok();
    // Each shell counts the rounds that it went through.
    let script = "i=0; while [ $i -lt 40 ]; do ipc barrier wait b -t 30s >/dev/null || exit; i=$((i+1)); done; echo $i";
    let shells: Vec<Running> = (0..3).map(|_| sb.sh(script).start()).collect();
    for shell in shells {
        let (status, printed, said) = shell.finish();
        assert!(status.success(), "{said}");
        assert_eq!(printed, "40\n");
    }
    assert_eq!(
        sb.ipc(["barrier", "status", "b", "--json"]).run().json()["generation"],
        40
    );
}

#[test]
fn more_members_than_parties_go_through_in_groups() {
    let sb = Sandbox::new();
    let members: Vec<Running> = (0..9).map(|_| member(&sb, "3")).collect();
    for member in members {
        assert!(member.finish().0.success());
    }
    sb.ipc(["barrier", "status", "b"])
        .run()
        .ok()
        .stdout("0 of 3 arrived, generation 3\n");
}

#[test]
fn a_killed_member_breaks_the_generation_for_the_others() {
    let sb = Sandbox::new();
    for round in 0..10 {
        let one = member(&sb, "3");
        let mut two = member(&sb, "3");
        wait_for_arrivals(&sb, 2);
        two.signal(SIGKILL);
        two.wait();
        let (status, _, said) = one.finish();
        assert_eq!(status.code(), Some(7), "round {round}: {said}");
    }
    let members: Vec<Running> = (0..3).map(|_| member(&sb, "3")).collect();
    for member in members {
        assert!(
            member.finish().0.success(),
            "the next generation is a new one"
        );
    }
}

/// Arrives, is seen waiting, and is killed with nobody there to notice.
fn fall(sb: &Sandbox, parties: &str, before: u64) {
    let mut member = member(sb, parties);
    wait_for_arrivals(sb, before + 1);
    member.signal(SIGKILL);
    member.wait();
}

#[test]
fn nobody_goes_on_with_a_member_that_died_alone_50_times() {
    let sb = Sandbox::new();
    for round in 0..50 {
        fall(&sb, "2", 0);
        let status = sb.ipc(["barrier", "status", "b", "--json"]).run().json();
        assert!(status["fallen"].is_u64(), "{status}");
        // Finds the dead one at once, and is not the last one any more.
        sb.ipc(["barrier", "wait", "b", "--try"]).run().code(1);
        let one = member(&sb, "2");
        wait_for_arrivals(&sb, 1);
        let two = member(&sb, "2").finish();
        assert!(two.0.success(), "round {round}: {}", two.2);
        assert!(one.finish().0.success(), "round {round}");
    }
}

#[test]
fn a_stopped_member_does_not_go_on_with_one_that_died() {
    let sb = Sandbox::new();
    let stopped = member(&sb, "3");
    wait_for_arrivals(&sb, 1);
    stopped.stop();
    fall(&sb, "3", 1);
    sb.ipc(["barrier", "wait", "b", "-t", "50ms"])
        .run()
        .code(124);
    stopped.signal(libc::SIGCONT);
    assert_eq!(stopped.finish().0.code(), Some(7));
}

#[test]
fn the_death_of_a_members_parent_breaks_it_too() {
    let sb = Sandbox::new();
    let one = member(&sb, "3");
    // The shell stays, since something follows in its script.
    let mut shell = sb.sh("ipc barrier wait b --parties 3 -t 30s; true").start();
    wait_for_arrivals(&sb, 2);
    shell.signal(SIGKILL);
    shell.wait();
    let (status, _, said) = one.finish();
    assert_eq!(status.code(), Some(7), "{said}");
}

#[test]
fn one_that_gives_up_ends_with_124_and_the_others_with_7() {
    let sb = Sandbox::new();
    let one = member(&sb, "3");
    wait_for_arrivals(&sb, 1);
    sb.ipc(["barrier", "wait", "b", "-t", "50ms"])
        .run()
        .code(124)
        .stderr_has("timed out");
    assert_eq!(one.finish().0.code(), Some(7));
}

#[test]
fn try_neither_waits_nor_breaks_anything() {
    let sb = Sandbox::new();
    let one = member(&sb, "2");
    wait_for_arrivals(&sb, 1);
    sb.ipc(["barrier", "create", "other", "2"]).run().code(0);
    sb.ipc(["barrier", "wait", "other", "--try"])
        .run()
        .code(1)
        .stdout("")
        .stderr("");
    assert_eq!(arrived(&sb), 1);
    sb.ipc(["barrier", "wait", "b", "--try"])
        .run()
        .ok()
        .stdout("1\n");
    assert!(one.finish().0.success());
}

#[test]
fn reset_sends_home_who_waits() {
    let sb = Sandbox::new();
    let one = member(&sb, "2");
    wait_for_arrivals(&sb, 1);
    sb.ipc(["barrier", "reset", "b"]).run().ok();
    assert_eq!(one.finish().0.code(), Some(7));
    sb.ipc(["barrier", "reset", "b"]).run().code(1);
}

#[test]
fn removal_sends_home_who_waits() {
    let sb = Sandbox::new();
    let one = member(&sb, "2");
    wait_for_arrivals(&sb, 1);
    sb.ipc(["barrier", "rm", "b"]).run().ok();
    let (status, _, said) = one.finish();
    assert_eq!(status.code(), Some(7), "{said}");
    assert_eq!(sb.left_in_shm(), Vec::<String>::new());
}

#[test]
fn one_that_is_interrupted_dies_by_the_signal_and_breaks_it() {
    let sb = Sandbox::new();
    let (one, mut two) = (member(&sb, "3"), member(&sb, "3"));
    wait_for_arrivals(&sb, 2);
    two.signal(libc::SIGTERM);
    let status = two.wait();
    assert_eq!(
        std::os::unix::process::ExitStatusExt::signal(&status),
        Some(libc::SIGTERM)
    );
    assert_eq!(one.finish().0.code(), Some(7));
}

#[test]
fn status_names_the_members() {
    let sb = Sandbox::new();
    let one = member(&sb, "2");
    wait_for_arrivals(&sb, 1);
    let status = sb.ipc(["barrier", "status", "b", "--json"]).run().json();
    assert_eq!(status["members"][0]["pid"], one.pid());
    assert_eq!(
        (&status["parties"], &status["generation"]),
        (&2.into(), &0.into())
    );
    sb.ipc(["barrier", "wait", "b"]).run().ok();
    assert!(one.finish().0.success());
}

#[test]
fn misuse_has_its_own_codes() {
    let sb = Sandbox::new();
    sb.ipc(["barrier", "wait", "b", "-t", "30s"])
        .run()
        .code(3)
        .stderr_has("--parties N makes it");
    sb.ipc(["barrier", "status", "b"]).run().code(3);
    sb.ipc(["barrier", "reset", "b"]).run().code(3);
    sb.ipc(["barrier", "rm", "b"]).run().code(3);
    sb.ipc(["barrier", "create", "b", "2"])
        .run()
        .code(0)
        .stderr("created /b\n");
    sb.ipc(["barrier", "create", "b", "2"]).run().code(4);
    sb.ipc(["barrier", "create", "b", "2", "--if-exists", "open"])
        .run()
        .code(0)
        .stderr("opened /b\n");
    sb.ipc(["barrier", "create", "b", "3", "--if-exists", "open"])
        .run()
        .code(4)
        .stderr_has("2 parties, not 3");
    sb.ipc(["barrier", "wait", "b", "--parties", "3", "--try"])
        .run()
        .code(4);
    for parties in ["0", "241", "x"] {
        sb.ipc(["barrier", "wait", "c", "--parties", parties])
            .run()
            .code(2);
    }
}

#[test]
fn a_foreign_or_broken_page_is_refused() {
    let sb = Sandbox::new();
    let path = std::path::Path::new("/dev/shm").join(format!("ipc.barrier.{}", sb.full("b")));
    for bytes in [vec![], vec![0xff; 31], vec![0xff; 4096], vec![0; 4097]] {
        std::fs::write(&path, &bytes).unwrap();
        sb.ipc(["barrier", "wait", "b", "--parties", "2", "-t", "30s"])
            .run()
            .code(7);
        sb.ipc(["barrier", "status", "b"]).run().code(7);
        let listed = sb.ipc(["barrier", "ls", "--json"]).run().json();
        assert_ne!(
            listed["objects"][0]["status"],
            "ok",
            "{} bytes",
            bytes.len()
        );
    }
    sb.ipc(["barrier", "rm", "b"]).run().ok();
}
