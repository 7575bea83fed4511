//! `ipc lock run` within `ipc lock run`.

use crate::sandbox::{Outcome, Sandbox};
use crate::shell::Shell;

fn run<'a>(sb: &'a Sandbox, options: &[&str], command: &[&str]) -> Outcome<'a> {
    let words = [
        &["lock", "run", "L", "-t", "30s"],
        options,
        &["--"],
        command,
    ]
    .concat();
    sb.ipc(words).run()
}

/// Free, and nothing to recover.
#[track_caller]
fn is_free(sb: &Sandbox) {
    sb.ipc(["lock", "status", "L"]).run().ok().stdout("free\n");
    sb.ipc(["lock", "acquire", "L", "--try", "--no-recover"])
        .run()
        .ok();
    sb.ipc(["lock", "release", "L"]).run().ok();
}

#[test]
fn two_locks_can_be_nested() {
    let sb = Sandbox::new();
    let both = "ipc lock status A --mine && ipc lock status B --mine && echo $IPC_LOCK_NAME";
    let words = [
        "lock", "run", "A", "-t", "30s", "--", "ipc", "lock", "run", "B", "-t", "30s", "--",
    ];
    let outcome = sb.ipc(words.iter().chain(&["sh", "-c", both])).run();
    outcome.ok();
    assert!(outcome.stdout.ends_with(b"B\n"));
    for lock in ["A", "B"] {
        sb.ipc(["lock", "status", lock]).run().ok().stdout("free\n");
    }
}

#[test]
fn the_same_lock_nested_is_125_at_once() {
    let sb = Sandbox::new();
    for inner in [
        "exec ipc lock run L -t 30s -- echo ran",
        "ipc lock run L -t 30s -- echo ran; exit $?",
        "sh -c 'ipc lock run L -t 30s -- echo ran; exit $?'; exit $?",
        "ipc lock run L --shared -t 30s -- echo ran; exit $?",
    ] {
        run(&sb, &[], &["sh", "-c", inner])
            .code(125)
            .stdout("")
            .stderr_has("--reentrant");
    }
    run(
        &sb,
        &["--shared"],
        &["sh", "-c", "ipc lock run L -t 30s -- true; exit $?"],
    )
    .code(125);
    run(
        &sb,
        &["--shared"],
        &[
            "ipc",
            "lock",
            "run",
            "L",
            "--try",
            "--reentrant",
            "--",
            "true",
        ],
    )
    .code(125);
    is_free(&sb);
}

#[test]
fn a_reentrant_command_runs_under_the_hold_that_is_there() {
    let sb = Sandbox::new();
    for inner in [
        "exec ipc lock run L --reentrant -- sh -c 'echo $IPC_LOCK_TOKEN'",
        "ipc lock run L --reentrant -- sh -c 'echo $IPC_LOCK_TOKEN'; ipc lock status L --mine >&2",
    ] {
        let script = format!("echo $IPC_LOCK_TOKEN; {inner}");
        let outcome = run(&sb, &[], &["sh", "-c", &script]);
        outcome.code(0);
        let text = String::from_utf8_lossy(&outcome.stdout).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], lines[1]);
        is_free(&sb);
    }
    // Readers together, and a command under what its shell has acquired.
    run(
        &sb,
        &["--shared"],
        &[
            "ipc",
            "lock",
            "run",
            "L",
            "--shared",
            "--reentrant",
            "--",
            "true",
        ],
    )
    .ok();
    run(
        &sb,
        &["--shared"],
        &["sh", "-c", "ipc lock run L --shared --try -- true"],
    )
    .ok();
    let mut shell = Shell::new(&sb);
    assert_eq!(shell.ask("ipc lock acquire L >tok").0, 0);
    assert_eq!(shell.ask("ipc lock run L --try -- true").0, 124);
    let under = "ipc lock run L --reentrant -- sh -c 'echo $IPC_LOCK_TOKEN'";
    assert_eq!(shell.ask(under).1, shell.ask("cat tok").1);
    assert_eq!(shell.ask("ipc lock release L").0, 0);
}

#[test]
fn what_one_lock_met_is_not_handed_on_to_the_next() {
    let sb = Sandbox::new();
    let script = "ipc lock run L -t 30s -- sh -c 'echo $IPC_LOCK_NAME ${IPC_LOCK_RECOVERED-unset}'";
    sb.sh(script)
        .env("IPC_LOCK_RECOVERED", "1")
        .run()
        .ok()
        .stdout("L unset\n");
}
