//! `watch`: a command when a message comes to the empty queue.

use std::os::unix::process::ExitStatusExt;

use super::{depth, drain, send, waits};
use crate::sandbox::Sandbox;

const DRAIN: [&str; 6] = ["ipc", "mq", "recv", "q", "--drain", "--newline"];

#[test]
fn the_command_runs_at_the_start_when_there_is_a_message() {
    let sb = Sandbox::new();
    sb.queue("q");
    send(&sb, "q", &["early"]);
    let watch = ["mq", "watch", "q", "-n", "1", "-t", "30s", "--"];
    sb.ipc(watch.iter().chain(&DRAIN))
        .run()
        .ok()
        .stdout("early\n");
}

#[test]
fn the_command_runs_after_each_arrival_on_empty() {
    let sb = Sandbox::new();
    sb.queue("q");
    let watch = ["mq", "watch", "q", "-n", "3", "-t", "30s", "--"];
    let mut watcher = sb.ipc(watch.iter().chain(&DRAIN)).start();
    for message in ["one", "two", "three"] {
        waits(&watcher);
        send(&sb, "q", &[message]);
        assert_eq!(watcher.line(), message);
    }
    assert!(watcher.wait().success());
}

#[test]
fn a_command_that_takes_nothing_runs_once() {
    let sb = Sandbox::new();
    sb.queue("q");
    let watch = ["mq", "watch", "q", "-t", "30s", "--", "echo", "ran"];
    let mut watcher = sb.ipc(watch).start();
    waits(&watcher);
    send(&sb, "q", &["x"]);
    assert_eq!(watcher.line(), "ran");
    waits(&watcher);
    send(&sb, "q", &["y"]);
    waits(&watcher);
    watcher.signal(libc::SIGTERM);
    assert_eq!(watcher.wait().signal(), Some(libc::SIGTERM));
    let (_, stdout, _) = watcher.finish();
    assert_eq!(stdout, "");
    assert_eq!(drain(&sb, "q"), ["x", "y"]);
}

#[test]
fn none_of_five_hundred_arrivals_is_missed() {
    let sb = Sandbox::new();
    sb.queue("q");
    let watch = ["mq", "watch", "q", "-t", "30s", "--"];
    let mut watcher = sb.ipc(watch.iter().chain(&DRAIN)).start();
    waits(&watcher);
    let lines: String = (0..500).map(|i| format!("{i}\n")).collect();
    let sender = sb
        .ipc(["mq", "send", "q", "--lines", "-t", "30s"])
        .stdin(lines.as_bytes())
        .start();
    for number in 0..500 {
        assert_eq!(watcher.line(), number.to_string());
    }
    assert!(sender.finish().0.success());
    watcher.signal(libc::SIGTERM);
    assert_eq!(watcher.wait().signal(), Some(libc::SIGTERM));
}

#[test]
fn a_second_watcher_is_refused_and_the_first_is_named() {
    let sb = Sandbox::new();
    sb.queue("q");
    let first = sb
        .ipc(["mq", "watch", "q", "-t", "30s", "--", "true"])
        .start();
    waits(&first);
    sb.ipc(["mq", "watch", "q", "-t", "30s", "--", "true"])
        .run()
        .code(6)
        .stderr(&format!(
            "ipc: mq watch: /q: process {} is registered for notification, and only one can be \
             (EBUSY)\nhint: ipc mq wait waits without a registration\n",
            first.pid()
        ));
    let looked = sb.ipc(["mq", "stat", "q", "--json"]).run();
    let notify = &looked.ok().json()["objects"][0]["notify"];
    assert_eq!(notify["pid"], first.pid());
    assert_eq!(notify["how"], "signal");
    assert_eq!(notify["signal"], libc::SIGIO);
}

#[test]
fn the_registration_ends_with_its_process() {
    let sb = Sandbox::new();
    sb.queue("q");
    for signal in [libc::SIGTERM, libc::SIGKILL] {
        let mut first = sb
            .ipc(["mq", "watch", "q", "-t", "30s", "--", "true"])
            .start();
        waits(&first);
        first.signal(signal);
        assert_eq!(first.wait().signal(), Some(signal));
        let looked = sb.ipc(["mq", "stat", "q", "--json"]).run();
        assert!(looked.ok().json()["objects"][0]["notify"].is_null());
    }
}

#[test]
fn a_failing_command_ends_it_with_its_code_and_its_signal() {
    let sb = Sandbox::new();
    sb.queue("q");
    send(&sb, "q", &["x"]);
    let watch = |script: &str| {
        sb.ipc(["mq", "watch", "q", "-t", "30s", "--", "sh", "-c", script])
            .run()
    };
    watch("exit 42").code(42);
    watch("kill -USR1 $$").killed_by(libc::SIGUSR1);
    for more in [&[][..], &["--keep-going"]] {
        let start = ["mq", "watch", "q", "-t", "30s"];
        let arguments = |command| start.iter().chain(more).chain(command).copied();
        sb.ipc(arguments(&["--", "no-such-command-here"]).collect::<Vec<_>>())
            // A folder that may not be searched would be "cannot be executed".
            .env("PATH", "/usr/bin:/bin")
            .run()
            .code(127)
            .stderr("ipc: mq watch: no-such-command-here: command not found\n");
        sb.ipc(arguments(&["--", "/"]).collect::<Vec<_>>())
            .run()
            .code(126)
            .stderr("ipc: mq watch: /: cannot be executed\n");
    }
    assert_eq!(depth(&sb, "q"), 1);
}

#[test]
fn keep_going_runs_on_after_failures_and_exits_8() {
    let sb = Sandbox::new();
    sb.queue("q");
    let keep = [
        "mq",
        "watch",
        "q",
        "-n",
        "2",
        "-t",
        "30s",
        "--keep-going",
        "--",
    ];
    let script = ["sh", "-c", "ipc mq recv q --drain --newline; exit 3"];
    let mut watcher = sb.ipc(keep.iter().chain(&script)).start();
    for message in ["one", "two"] {
        waits(&watcher);
        send(&sb, "q", &[message]);
        assert_eq!(watcher.line(), message);
    }
    assert_eq!(watcher.wait().code(), Some(8));
}

#[test]
fn a_signal_from_elsewhere_that_looks_like_the_notice_does_no_harm() {
    let sb = Sandbox::new();
    sb.queue("q");
    let watch = ["mq", "watch", "q", "-n", "1", "-t", "30s", "--"];
    let mut watcher = sb.ipc(watch.iter().chain(&DRAIN)).start();
    for _ in 0..3 {
        waits(&watcher);
        watcher.signal(libc::SIGIO);
    }
    waits(&watcher);
    send(&sb, "q", &["real"]);
    assert_eq!(watcher.line(), "real");
    assert!(watcher.wait().success());
}

#[test]
fn term_while_the_command_runs_ends_both() {
    let sb = Sandbox::new();
    sb.queue("q");
    send(&sb, "q", &["x"]);
    for more in ["", "--keep-going"] {
        let script = format!(
            "exec 3<&0; exec ipc mq watch q -t 30s {more} -- sh -c 'echo held; exec cat <&3'"
        );
        let (mut watcher, input) = sb.sh(&script).start_with_input();
        assert_eq!(watcher.line(), "held");
        super::runs_a_command(&watcher);
        watcher.signal(libc::SIGTERM);
        assert_eq!(watcher.wait().signal(), Some(libc::SIGTERM));
        drop(input);
    }
    assert_eq!(depth(&sb, "q"), 1);
}

#[test]
fn the_name_is_in_the_environment_of_the_command() {
    let sb = Sandbox::new();
    sb.queue("q");
    send(&sb, "q", &["x"]);
    let script = r#"echo "$IPC_MQ_NAME"; ipc mq recv "$IPC_MQ_NAME" --newline"#;
    sb.ipc([
        "mq", "watch", "/q", "-n", "1", "-t", "30s", "--", "sh", "-c", script,
    ])
    .run()
    .ok()
    .stdout("q\nx\n");
}
