//! `ipc proc`: what is run again, and what a command leaves.

use crate::proc::{join, lives, start};
use crate::proc_ties::{kill, state};
use crate::sandbox::{Sandbox, state_of, until};

#[test]
fn a_command_that_fails_is_run_again_and_one_that_succeeds_is_not() {
    let sb = Sandbox::new();
    let script = "echo run >> runs; [ $(wc -l < runs) -ge 3 ] && exit 0; exit 9";
    start(
        &sb,
        "r",
        &["--restart", "on-failure"],
        &["sh", "-c", script],
    );
    assert_eq!(join(&sb, "r"), 0);
    assert_eq!(state(&sb, "r")["restarts"], 2);
    let runs = std::fs::read_to_string(sb.folder().join("runs")).unwrap();
    assert_eq!(runs.lines().count(), 3);
    let options = [
        "--restart",
        "on-failure",
        "--max-restarts",
        "1",
        "--if-exists",
        "replace",
    ];
    start(&sb, "r", &options, &["sh", "-c", "kill -9 $$"]);
    assert_eq!(join(&sb, "r"), 128 + 9);
    assert_eq!(state(&sb, "r")["restarts"], 1);
    sb.ipc(["proc", "rm", "r"]).run().ok();
}

#[test]
fn a_stop_ends_a_series_of_restarts() {
    let sb = Sandbox::new();
    start(
        &sb,
        "r",
        &["--restart", "on-failure"],
        &["sh", "-c", "exit 3"],
    );
    // Pauses grow, so that sooner or later one is seen.
    until("a pause between two runs", || {
        state(&sb, "r")["state"] == "restarting"
    });
    sb.ipc(["proc", "join", "r", "--try"]).run().code(124);
    sb.ipc(["-q", "proc", "stop", "r"]).run().ok();
    // Stopped in a pause, or while it ran.
    assert!([3, 128 + 15].contains(&join(&sb, "r")));
    assert_eq!(state(&sb, "r")["state"], "ended");
    sb.ipc(["proc", "rm", "r"]).run().ok();
}

/// A script that leaves two daemons and ends; their pids are in files.
const LEAVES: &str = "setsid sh -c 'echo $$ > one; exec sleep 600' & \
    (setsid sh -c 'trap \"\" TERM; echo $$ > two; while :; do sleep 600; done' &) & \
    until [ -s one ] && [ -s two ]; do sleep 0.01; done; exit 4";

fn daemon(sb: &Sandbox, file: &str) -> i32 {
    let text = std::fs::read_to_string(sb.folder().join(file)).unwrap();
    text.trim().parse().unwrap()
}

#[test]
fn what_a_double_fork_leaves_is_stopped_with_it() {
    let sb = Sandbox::new();
    let (_, supervisor) = start(&sb, "l", &[], &["sh", "-c", LEAVES]);
    assert_eq!(join(&sb, "l"), 4);
    let (one, two) = (daemon(&sb, "one"), daemon(&sb, "two"));
    assert!(lives(one) && lives(two) && lives(supervisor));
    assert_eq!(state(&sb, "l")["leftovers"], true);
    sb.ipc(["proc", "rm", "l"])
        .run()
        .code(1)
        .stderr_has("/l: is ended, and what it left still runs");
    sb.ipc(["proc", "stop", "l", "--after", "100ms"])
        .run()
        .code(0)
        .stderr("/l ended with 4\n");
    assert!(!lives(one) && !lives(two) && !lives(supervisor));
    sb.ipc(["proc", "rm", "l"]).run().ok();
}

#[test]
fn what_a_double_fork_leaves_is_killed_when_asked_for() {
    let sb = Sandbox::new();
    start(&sb, "l", &["--kill-leftovers"], &["sh", "-c", LEAVES]);
    assert_eq!(join(&sb, "l"), 4);
    let (one, two) = (daemon(&sb, "one"), daemon(&sb, "two"));
    assert!(!lives(one) && !lives(two));
    sb.ipc(["proc", "rm", "l"]).run().ok();
}

#[test]
fn the_end_of_a_run_is_not_that_of_the_next() {
    let sb = Sandbox::new();
    let script = "if [ -e again ]; then exec sleep 600; fi; echo > again; \
        until [ -e go ]; do sleep 0.01; done; exit 3";
    let (_, supervisor) = start(
        &sb,
        "r",
        &["--restart", "on-failure"],
        &["sh", "-c", script],
    );
    until("the first run", || sb.folder().join("again").exists());
    let joined = sb.ipc(["proc", "join", "r", "--timeout", "60s"]).start();
    joined.blocked_in(&[libc::SYS_ppoll]);
    // It holds the first run, and sees nothing of the second.
    kill(joined.pid(), libc::SIGSTOP);
    until("it to be stopped", || state_of(joined.pid()) == Some('T'));
    std::fs::write(sb.folder().join("go"), "").unwrap();
    until("the second run", || {
        let now = state(&sb, "r");
        now["restarts"] == 1 && now["state"] == "running"
    });
    kill(supervisor, libc::SIGKILL);
    until("the command to end with its supervisor", || {
        state(&sb, "r")["state"] == "lost"
    });
    kill(joined.pid(), libc::SIGCONT);
    assert_eq!(joined.finish().0.code(), Some(125));
    assert_eq!(state(&sb, "r")["state"], "lost");
    sb.ipc(["proc", "rm", "r"]).run().ok();
}
