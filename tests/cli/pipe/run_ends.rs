//! `ipc pipe run`: signals, failures, and that nothing is left.

use std::os::unix::process::ExitStatusExt;

use crate::sandbox::{Running, Sandbox, until};
use crate::shell::below;

/// Commands that tell that they run, and go on for ever.
fn endless(sb: &Sandbox, options: &[&str]) -> Running {
    let script = "echo runs >&2; exec sleep 1000";
    let commands = ["sh", "-c", script, "::", "sh", "-c", "echo up; exec cat"];
    let words = [&["pipe", "run"], options, &["--"], &commands].concat();
    let mut running = sb.ipc(words).start();
    assert_eq!(running.line(), "up");
    running
}

#[track_caller]
fn nothing_is_left(sb: &Sandbox) {
    until("all commands to be gone", || below(sb).is_empty());
}

#[test]
fn a_signal_goes_to_all_and_ends_ipc_in_the_end() {
    let sb = Sandbox::new();
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        let running = endless(&sb, &[]);
        running.signal(signal);
        let (status, _, said) = running.finish();
        assert_eq!(status.signal(), Some(signal), "{said}");
        nothing_is_left(&sb);
    }
}

#[test]
fn one_that_takes_its_time_is_waited_for() {
    let sb = Sandbox::new();
    let script = "trap 'echo tidy; exit 7' TERM; echo up; while :; do sleep 0.01; done";
    let mut running = sb
        .ipc([
            "pipe", "run", "--", "sleep", "1000", "::", "sh", "-c", script,
        ])
        .start();
    assert_eq!(running.line(), "up");
    running.signal(libc::SIGTERM);
    let (status, printed, said) = running.finish();
    assert_eq!(status.signal(), Some(libc::SIGTERM));
    assert_eq!(printed, "tidy\n");
    assert!(said.contains("command 2 (sh) ended with 7"), "{said}");
}

#[test]
fn sigkill_of_ipc_takes_all_commands_along() {
    let sb = Sandbox::new();
    for _ in 0..20 {
        let running = endless(&sb, &[]);
        running.signal(libc::SIGKILL);
        drop(running);
        nothing_is_left(&sb);
    }
}

#[test]
fn when_one_is_killed_the_others_see_it_and_all_is_told() {
    let sb = Sandbox::new();
    let script = "echo $$; exec cat";
    let mut running = sb
        .ipc([
            "--json", "pipe", "run", "--", "sleep", "1000", "::", "sh", "-c", script,
        ])
        .start();
    let second: i32 = running.line().parse().unwrap();
    let first = *below(&sb)
        .iter()
        .find(|pid| ![second, running.pid()].contains(pid))
        .unwrap();
    // SAFETY: started by this test, and its parent, which would reap it, runs.
    unsafe { libc::kill(first, libc::SIGKILL) };
    let (status, _, said) = running.finish();
    assert!(status.success(), "{said}");
    let report: serde_json::Value = serde_json::from_str(said.trim()).unwrap();
    assert_eq!(report["stages"][0]["pid"], first);
    assert_eq!(report["stages"][0]["signal"], 9);
    assert_eq!(report["stages"][1]["pid"], second);
    assert_eq!(report["stages"][1]["code"], 0);
}

#[test]
fn the_others_are_ended_when_one_fails_if_that_was_asked_for() {
    let sb = Sandbox::new();
    // The last one has its trap before the second fails.
    sb.ipc(["-q", "pipe", "create", "./ready"]).run().ok();
    let commands = [
        "sleep",
        "1000",
        "::",
        "sh",
        "-c",
        "sleep 1000 & read -r x < ready; exit 3",
        "::",
        "sh",
        "-c",
        "trap '' TERM; echo > ready; sleep 1000 & wait; wait",
    ];
    let words = [
        &["--json", "pipe", "run", "--kill-on-failure", "--"],
        &commands[..],
    ]
    .concat();
    let run = sb.ipc(words).run();
    // The last one did not mind SIGTERM, and what the second left is gone too.
    run.code(3);
    assert_eq!(below(&sb), Vec::<i32>::new());
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    let report: serde_json::Value = serde_json::from_str(said.trim()).unwrap();
    let ends: Vec<_> = report["stages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|stage| (stage["code"].as_i64(), stage["signal"].as_i64()))
        .collect();
    assert_eq!(
        ends,
        [
            (None, Some(i64::from(libc::SIGTERM))),
            (Some(3), None),
            (None, Some(i64::from(libc::SIGKILL)))
        ]
    );
    let blamed = |key: &str| {
        let stages = report["stages"].as_array().unwrap().iter();
        let blamed: Vec<bool> = stages.map(|stage| stage[key].as_bool().unwrap()).collect();
        blamed
    };
    assert_eq!(blamed("failed"), [false, true, false]);
    assert_eq!(blamed("ended_by_ipc"), [true, false, true]);
    let words = ["pipe", "run", "--kill-on-failure", "--pipefail", "--"];
    sb.ipc(
        words
            .iter()
            .chain(&["sleep", "1000", "::", "./none", "::", "cat"]),
    )
    .run()
    .code(127)
    .stderr("ipc: pipe run: ./none: command not found\n");
    // Where none fails nothing is ended: not for want of a reader.
    let fine = [
        "pipe",
        "run",
        "--kill-on-failure",
        "--",
        "yes",
        "::",
        "head",
        "-n1",
    ];
    sb.ipc(fine).run().ok().stdout("y\n");
}

#[test]
fn without_that_what_runs_in_the_background_goes_on() {
    let sb = Sandbox::new();
    let script = "sleep 1000 > /dev/null 2>&1 & echo $!";
    let run = sb
        .ipc(["pipe", "run", "--", "sh", "-c", script, "::", "cat"])
        .run();
    run.ok();
    let said = String::from_utf8_lossy(&run.stdout).into_owned();
    let pid: i32 = said.trim().parse().unwrap();
    assert_eq!(below(&sb), [pid]);
    // SAFETY: started by this test; nobody can have its number while it runs.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGKILL) }, 0);
    nothing_is_left(&sb);
}
