//! `ipc sem run`: a unit for as long as a command runs.

use std::os::unix::process::ExitStatusExt;

use crate::sandbox::{Running, Sandbox, file, has, until};
use crate::shell::{struck_at, system_calls};

fn semaphore(sb: &Sandbox, value: &str) {
    sb.ipc(["-q", "sem", "create", "s", value]).run().ok();
}

#[track_caller]
fn has_value(sb: &Sandbox, value: &str) {
    sb.ipc(["sem", "value", "s"])
        .run()
        .ok()
        .stdout(&format!("{value}\n"));
}

/// A command that has a unit and says so.
fn inside(sb: &Sandbox, script: &str) -> Running {
    let script = format!("echo $$; {script}");
    sb.ipc(["sem", "run", "s", "-t", "30s", "--", "sh", "-c", &script])
        .start()
}

#[test]
fn the_unit_is_away_while_the_command_runs_and_back_after_it() {
    let sb = Sandbox::new();
    semaphore(&sb, "1");
    let script = "ipc sem value s; exit 7";
    sb.ipc(["sem", "run", "s", "-t", "30s", "--", "sh", "-c", script])
        .run()
        .code(7)
        .stdout("0\n")
        .stderr("");
    has_value(&sb, "1");
    sb.ipc(["sem", "run", "s", "--", "sh", "-c", "kill -9 $$"])
        .run()
        .killed_by(libc::SIGKILL);
    has_value(&sb, "1");
    sb.ipc(["sem", "run", "s", "-n", "1", "--", "true"])
        .run()
        .ok();
    has_value(&sb, "1");
}

#[test]
fn several_units_go_back_together() {
    let sb = Sandbox::new();
    semaphore(&sb, "5");
    sb.ipc([
        "sem", "run", "s", "-n", "3", "--", "ipc", "sem", "value", "s",
    ])
    .run()
    .ok()
    .stdout("2\n");
    has_value(&sb, "5");
}

#[test]
fn an_ending_signal_is_passed_on_and_the_unit_comes_back() {
    let sb = Sandbox::new();
    semaphore(&sb, "1");
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT] {
        // It sleeps in a read that no writer ends, and the trap shows that the
        // command itself is told.
        let script = "trap 'echo told; exit 3' TERM INT HUP QUIT; \
            test -p fifo || mkfifo fifo; exec 3<>fifo; echo in; while :; do read x <&3; done";
        let mut running = inside(&sb, script);
        running.line();
        assert_eq!(running.line(), "in");
        running.signal(signal);
        assert_eq!(running.line(), "told");
        // It ended by itself, so its exit code is the answer.
        assert_eq!(running.wait().code(), Some(3));
        has_value(&sb, "1");
    }
}

#[test]
fn a_command_that_a_signal_ends_ends_ipc_by_it() {
    let sb = Sandbox::new();
    semaphore(&sb, "1");
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGUSR1] {
        let mut running = inside(&sb, "echo in; exec sleep 600");
        running.line();
        assert_eq!(running.line(), "in");
        running.signal(signal);
        assert_eq!(running.wait().signal(), Some(signal));
        has_value(&sb, "1");
    }
}

#[test]
fn a_signal_that_the_command_lives_on_after_does_not_end_ipc() {
    let sb = Sandbox::new();
    semaphore(&sb, "1");
    let script = "trap 'echo again' USR1; test -p fifo || mkfifo fifo; exec 3<>fifo; echo in; \
        read x <&3; read x <&3; exit 0";
    let mut running = inside(&sb, script);
    running.line();
    assert_eq!(running.line(), "in");
    running.signal(libc::SIGUSR1);
    assert_eq!(running.line(), "again");
    std::fs::write(sb.folder().join("fifo"), "x\nx\n").unwrap();
    assert_eq!(running.wait().code(), Some(0));
    has_value(&sb, "1");
}

#[test]
fn a_signal_that_comes_while_it_waits_takes_nothing() {
    let sb = Sandbox::new();
    semaphore(&sb, "0");
    let mut waiter = sb
        .ipc(["sem", "run", "s", "-t", "30s", "--", "true"])
        .start();
    waiter.blocked();
    waiter.signal(libc::SIGTERM);
    assert_eq!(waiter.wait().signal(), Some(libc::SIGTERM));
    sb.ipc(["sem", "release", "s"]).run().ok();
    has_value(&sb, "1");
}

#[test]
fn a_signal_at_any_system_call_loses_no_unit() {
    if !has("strace") {
        return;
    }
    let sb = Sandbox::new();
    semaphore(&sb, "2");
    let command = ["ipc", "sem", "run", "s", "-t", "30s", "--", "true"];
    let calls = system_calls(&sb, &command);
    assert!(calls.len() > 20, "{calls:?}");
    for call in &calls[1..] {
        let outcome = struck_at(&sb, call, "TERM", &command);
        // One that comes as it ends may be too late.
        if !outcome.status.success() {
            outcome.killed_by(libc::SIGTERM);
        }
        has_value(&sb, "2");
    }
}

#[test]
fn killing_ipc_ends_the_command_and_loses_the_unit() {
    let sb = Sandbox::new();
    semaphore(&sb, "1");
    let mut running = inside(&sb, "exec sleep 600");
    let command = running.line();
    running.signal(libc::SIGKILL);
    running.wait();
    let gone = || {
        let stat = std::fs::read_to_string(format!("/proc/{command}/stat"));
        // Reaped, or a zombie that nobody reaps.
        stat.map_or(true, |line| line.contains(") Z") || line.contains(") X"))
    };
    until("the command to end", gone);
    // As plain POSIX must; the manual says so and points to lock --slots.
    has_value(&sb, "0");
}

#[test]
fn it_follows_a_command_when_sigchld_is_ignored() {
    let sb = Sandbox::new();
    semaphore(&sb, "1");
    sb.sh("trap '' CHLD; ipc sem run s -t 30s -- sh -c 'exit 9'")
        .run()
        .code(9);
    has_value(&sb, "1");
    // The command has it as the caller had it.
    let plain = sb.sh("trap '' CHLD; grep SigIgn /proc/self/status").run();
    let below = sb
        .sh("trap '' CHLD; ipc sem run s -t 30s -- grep SigIgn /proc/self/status")
        .run();
    assert_eq!(below.stdout, plain.stdout);
}

#[test]
fn a_command_that_cannot_be_started_is_126_or_127() {
    let sb = Sandbox::new();
    semaphore(&sb, "1");
    sb.ipc(["sem", "run", "s", "--", "no-such-command"])
        .run()
        .code(127)
        .stderr("ipc: sem run: no-such-command: command not found\n");
    has_value(&sb, "1");
    let plain = file(&sb, "plain", b"no program");
    sb.ipc(["sem", "run", "s", "--", plain.to_str().unwrap()])
        .run()
        .code(126);
    has_value(&sb, "1");
}

#[test]
fn what_fails_before_the_command_starts_is_125() {
    let sb = Sandbox::new();
    for words in [
        &["run"][..],
        &["run", "s"],
        &["run", "s", "--"],
        &["run", "s", "--", "true"],
        &["run", "s", "-n", "0", "--", "true"],
        &["run", "a/b", "--", "true"],
    ] {
        sb.ipc([&["sem"], words].concat()).run().code(125);
    }
    assert_eq!(sb.left_in_shm(), Vec::<String>::new());
    sb.ipc(["sem", "run", "s", "--create=1", "--", "true"])
        .run()
        .code(0);
    has_value(&sb, "1");
}

#[test]
fn busy_is_124_or_the_code_that_was_asked_for() {
    let sb = Sandbox::new();
    semaphore(&sb, "0");
    for (options, code) in [
        (&["--try"][..], 124),
        (&["-t", "0"], 124),
        (&["-t", "20ms"], 124),
        (&["--try", "--conflict-code", "0"], 0),
        (&["-t", "20ms", "--conflict-code", "1"], 1),
    ] {
        let words = [&["sem", "run", "s"], options, &["--", "echo", "ran"]].concat();
        sb.ipc(words).run().code(code).stdout("");
    }
}

#[test]
fn the_command_has_no_descriptor_of_ours() {
    let sb = Sandbox::new();
    semaphore(&sb, "1");
    let list = "sh -c 'echo /proc/self/fd/*'";
    let plain = sb.sh(list).run();
    let below = sb.sh(&format!("ipc sem run s -t 30s -- {list}")).run();
    assert_eq!(
        String::from_utf8_lossy(&below.stdout),
        String::from_utf8_lossy(&plain.stdout)
    );
}

#[test]
fn never_more_run_than_there_are_units() {
    let sb = Sandbox::new();
    semaphore(&sb, "3");
    sb.ipc(["-q", "sem", "create", "count", "3"]).run().ok();
    // Whoever finds no unit in the second one has met a fourth.
    let script = "for i in $(seq 12); do ipc sem run s -t 30s -- sh -c \
        'ipc sem acquire count --try || echo full; ipc sem release count' & done; wait";
    sb.sh(script).run().ok().stdout("");
    has_value(&sb, "3");
}
