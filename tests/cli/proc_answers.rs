//! `ipc proc start`: its answer, and what is left when that is an error or does not arrive.

use crate::lock_worlds::can_mount;
use crate::proc::{left, lives, start, state};
use crate::sandbox::Sandbox;

#[test]
fn the_pid_is_data_and_the_rest_is_words() {
    let sb = Sandbox::new();
    let outcome = sb.ipc(["proc", "start", "one", "--", "sleep", "600"]).run();
    outcome.code(0).stderr("started /one\n");
    let text = String::from_utf8(outcome.stdout.clone()).unwrap();
    assert!(lives(text.trim().parse().unwrap()));
    sb.ipc(["proc", "rm", "--force", "one"]).run().ok();
}

#[test]
fn what_cannot_be_started_leaves_nothing() {
    let sb = Sandbox::new();
    sb.ipc(["proc", "start", "x", "--", "no-such-command"])
        .run()
        .code(127)
        .stderr("ipc: proc start: no-such-command: command not found\n");
    sb.ipc(["proc", "start", "x", "--", "/etc/passwd"])
        .run()
        .code(126)
        .stderr("ipc: proc start: /etc/passwd: cannot be executed\n");
    sb.ipc([
        "proc",
        "start",
        "x",
        "--log",
        "no/such/folder",
        "--",
        "true",
    ])
    .run()
    .code(3)
    .stderr_has("no/such/folder: no such file or directory (ENOENT)");
    sb.ipc([
        "proc",
        "start",
        "x",
        "--die-with",
        "2147483647",
        "--",
        "true",
    ])
    .run()
    .code(3)
    .stderr_has("no such process");
    sb.ipc(["proc", "start", "a/b", "--", "true"]).run().code(2);
    sb.ipc(["proc", "start", "x"]).run().code(2);
    assert_eq!(left(&sb), Vec::<String>::new());
}

#[test]
fn a_reader_of_the_starter_sees_its_end_at_once() {
    let sb = Sandbox::new();
    // The substitution ends although the process goes on, and so does that of descriptor 7.
    let script = "pid=$(ipc proc start bg -- sleep 600 2>&1 7>&1) && echo started; \
        { ipc -q proc start bg2 -- sleep 600 >/dev/null; } 7>&1 | cat; echo ended";
    sb.sh(script).run().ok().stdout("started\nended\n");
    let pid = state(&sb, "bg2")["pid"].as_i64().unwrap();
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    assert_eq!(entries.count(), 3);
    sb.ipc(["proc", "rm", "--force", "bg", "bg2"]).run().ok();
}

#[test]
fn nothing_runs_when_the_pid_cannot_be_printed() {
    let sb = Sandbox::new();
    start(&sb, "old", &[], &["sleep", "600"]);
    for to in [">/dev/full", ">&-"] {
        for options in ["x", "--if-exists replace old"] {
            let script = format!("ipc proc start {options} -- sleep 600 {to}");
            sb.sh(&script).run().code(6).stderr_has("standard output");
            sb.ipc(["proc", "status", "x"]).run().code(3);
        }
    }
    // Nobody was replaced by what could not be started.
    assert_eq!(state(&sb, "old")["state"], "running");
    sb.ipc(["proc", "rm", "--force", "old"]).run().ok();
    assert_eq!(left(&sb), Vec::<String>::new());
}

#[test]
fn what_was_started_is_taken_back_when_its_pid_does_not_arrive() {
    let sb = Sandbox::new();
    // A file system that is found full only when it is written to.
    let mount = "mkdir full && mount -t tmpfs -o size=4k none full";
    if !can_mount(&sb, mount) {
        return;
    }
    let script = "mount -t tmpfs -o size=4k none full && head -c 4096 /dev/zero > full/fill && \
        ipc --json proc start x -- sh -c 'trap \"\" TERM; sleep 600 & setsid sleep 600' > full/out";
    sb.program("unshare", ["-rm", "sh", "-c", script])
        .run()
        .code(6)
        .stdout("")
        .stderr_has("/x: it is stopped and removed, for its pid did not arrive")
        .stderr_has("ENOSPC");
    sb.ipc(["proc", "status", "x"]).run().code(3);
    assert_eq!(crate::shell::below(&sb), Vec::<i32>::new());
    assert_eq!(left(&sb), Vec::<String>::new());
}
