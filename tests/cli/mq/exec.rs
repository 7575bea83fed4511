//! `recv --exec`: a command for each message.

use std::os::unix::process::ExitStatusExt;

use super::{depth, drain, runs_a_command, send, waits};
use crate::sandbox::{Running, Sandbox, file};

/// A command that says that it runs and goes on until the test lets go.
const HELD: &str = "exec 3<&0; exec ipc mq recv q -t 30s --exec sh -c 'echo held; exec cat <&3'";

#[test]
fn the_message_is_on_standard_input_whole() {
    let sb = Sandbox::new();
    sb.ipc([
        "-q",
        "mq",
        "create",
        "q",
        "--max-messages",
        "1",
        "--max-size",
        "256",
    ])
    .run()
    .ok();
    let bytes: Vec<u8> = (0..=255).collect();
    sb.ipc(["mq", "send", "q"]).stdin(bytes.clone()).run().ok();
    sb.ipc(["mq", "recv", "q", "--exec", "cat"])
        .run()
        .ok()
        .stdout_bytes(&bytes);
    sb.ipc(["mq", "send", "q", ""]).run().ok();
    sb.ipc(["mq", "recv", "q", "--exec", "wc", "-c"])
        .run()
        .ok()
        .stdout("0\n");
}

#[test]
fn a_command_that_reads_nothing_of_a_long_message_does_no_harm() {
    let sb = Sandbox::new();
    sb.ipc([
        "-q",
        "mq",
        "create",
        "q",
        "--max-messages",
        "2",
        "--max-size",
        "8192",
    ])
    .run()
    .ok();
    for _ in 0..2 {
        sb.ipc(["mq", "send", "q"])
            .stdin(vec![b'x'; 8192])
            .run()
            .ok();
    }
    sb.ipc(["mq", "recv", "q", "--drain", "--exec", "true"])
        .run()
        .ok();
    assert_eq!(depth(&sb, "q"), 0);
}

#[test]
fn both_ways_to_write_the_command_are_the_same() {
    let sb = Sandbox::new();
    sb.queue("q");
    for form in [
        &["--exec", "printf", "%s|", "-n", "--follow"][..],
        &["--exec", "--", "printf", "%s|", "-n", "--follow"],
        &["--exec=printf", "--", "%s|", "-n", "--follow"],
    ] {
        send(&sb, "q", &["x"]);
        let arguments: Vec<_> = ["mq", "recv", "q", "-t", "30s"]
            .iter()
            .chain(form)
            .collect();
        sb.ipc(arguments).run().ok().stdout("-n|--follow|");
    }
}

#[test]
fn the_environment_tells_name_and_priority() {
    let sb = Sandbox::new();
    sb.queue("q");
    let script = "echo $IPC_MQ_NAME $IPC_MQ_PRIORITY $(cat)";
    for (priority, message) in [("0", "low"), ("32767", "high")] {
        sb.ipc(["mq", "send", "q", "-p", priority, message])
            .run()
            .ok();
    }
    sb.ipc(["mq", "recv", "/q", "--drain", "--exec", "sh", "-c", script])
        .run()
        .ok()
        .stdout("q 32767 high\nq 0 low\n");
}

#[test]
fn the_name_means_the_same_queue_to_an_ipc_within_the_command() {
    let sb = Sandbox::new();
    sb.queue("q");
    let script = r#"ipc mq send "$IPC_MQ_NAME" "again $(cat)""#;
    send(&sb, "q", &["one"]);
    sb.ipc(["mq", "recv", "q", "--exec", "sh", "-c", script])
        .run()
        .ok();
    // The scope from the command line is handed on as well.
    sb.ipc([
        "--scope",
        sb.scope(),
        "mq",
        "recv",
        "q",
        "--exec",
        "sh",
        "-c",
        script,
    ])
    .with(|command| {
        command.env_remove("IPC_SCOPE");
    })
    .run()
    .ok();
    assert_eq!(drain(&sb, "q"), ["again again one"]);
}

#[test]
fn a_failing_command_puts_its_message_back_behind_its_equals() {
    let sb = Sandbox::new();
    sb.queue("q");
    sb.ipc(["mq", "send", "q", "-p", "1", "low"]).run().ok();
    sb.ipc(["mq", "send", "q", "-p", "5", "first", "second"])
        .run()
        .ok();
    sb.ipc([
        "mq",
        "recv",
        "q",
        "--follow",
        "-t",
        "30s",
        "--exec",
        "sh",
        "-c",
        "cat; exit 42",
    ])
    .run()
    .code(42)
    .stdout("first")
    .stderr("");
    assert_eq!(drain(&sb, "q"), ["second", "first", "low"]);
}

#[test]
fn a_command_killed_by_a_signal_ends_ipc_by_that_signal_and_the_message_stays() {
    let sb = Sandbox::new();
    sb.queue("q");
    send(&sb, "q", &["kept"]);
    for (name, number) in [
        ("KILL", libc::SIGKILL),
        ("TERM", libc::SIGTERM),
        ("USR1", libc::SIGUSR1),
    ] {
        let script = format!("kill -{name} $$");
        sb.ipc(["mq", "recv", "q", "--exec", "sh", "-c", &script])
            .run()
            .killed_by(number)
            .stderr("");
        assert_eq!(depth(&sb, "q"), 1);
    }
    // A shell in between sees 128 + N.
    sb.sh("ipc mq recv q --exec sh -c 'kill -TERM $$'; echo $?")
        .run()
        .code(0)
        .stdout("143\n");
    assert_eq!(drain(&sb, "q"), ["kept"]);
}

#[test]
fn a_command_that_is_not_found_exits_127_and_the_message_stays() {
    let sb = Sandbox::new();
    sb.queue("q");
    send(&sb, "q", &["kept"]);
    for more in [&[][..], &["--keep-going"]] {
        let recv = ["mq", "recv", "q", "-t", "30s"];
        let command = ["--exec", "no-such-command-here", "x"];
        let arguments: Vec<_> = recv.iter().chain(more).chain(&command).collect();
        sb.ipc(arguments)
            // A folder that may not be searched would be "cannot be executed".
            .env("PATH", "/usr/bin:/bin")
            .run()
            .code(127)
            .stderr("ipc: mq recv: no-such-command-here: command not found\n");
    }
    assert_eq!(drain(&sb, "q"), ["kept"]);
}

#[test]
fn a_command_that_cannot_be_executed_exits_126_and_the_message_stays() {
    let sb = Sandbox::new();
    sb.queue("q");
    send(&sb, "q", &["kept"]);
    let plain = file(&sb, "plain", b"#!/bin/sh\n");
    for path in [plain.as_path(), sb.folder()] {
        let path = path.to_str().unwrap();
        sb.ipc(["mq", "recv", "q", "--exec", path])
            .run()
            .code(126)
            .stderr(&format!("ipc: mq recv: {path}: cannot be executed\n"));
    }
    assert_eq!(drain(&sb, "q"), ["kept"]);
}

#[test]
fn keep_going_sets_failures_aside_and_puts_them_back_at_the_end() {
    let sb = Sandbox::new();
    sb.queue("q");
    sb.ipc(["mq", "send", "q", "good-1", "bad-1", "good-2"])
        .run()
        .ok();
    sb.ipc(["mq", "send", "q", "-p", "9", "bad-2"]).run().ok();
    let script = "read word || :; echo $word; case $word in bad*) exit 3; esac";
    sb.ipc([
        "mq",
        "recv",
        "q",
        "--drain",
        "--keep-going",
        "--exec",
        "sh",
        "-c",
        script,
    ])
    .run()
    .code(8)
    .stdout("bad-2\ngood-1\nbad-1\ngood-2\n")
    .stderr("");
    sb.ipc(["mq", "recv", "q", "--drain", "--json"]).run().ok().stdout(
        "{\"name\":\"/q\",\"priority\":9,\"size\":5,\"encoding\":\"utf-8\",\"data\":\"bad-2\"}\n\
         {\"name\":\"/q\",\"priority\":0,\"size\":5,\"encoding\":\"utf-8\",\"data\":\"bad-1\"}\n",
    );
    send(&sb, "q", &["good"]);
    sb.ipc([
        "mq",
        "recv",
        "q",
        "--drain",
        "--keep-going",
        "--exec",
        "true",
    ])
    .run()
    .ok();
}

#[test]
fn keep_going_puts_back_what_failed_when_the_time_is_over() {
    let sb = Sandbox::new();
    sb.queue("q");
    send(&sb, "q", &["bad"]);
    let keep_going = ["mq", "recv", "q", "--follow", "-t", "10ms", "--keep-going"];
    sb.ipc(keep_going.iter().chain(&["--exec", "false"]))
        .run()
        .code(124);
    assert_eq!(drain(&sb, "q"), ["bad"]);
}

#[test]
fn keep_going_that_is_ended_by_a_signal_puts_back_what_failed() {
    let sb = Sandbox::new();
    sb.queue("q");
    send(&sb, "q", &["bad"]);
    let keep_going = ["mq", "recv", "q", "--follow", "-t", "30s", "--keep-going"];
    let mut task = sb
        .ipc(
            keep_going
                .iter()
                .chain(&["--exec", "sh", "-c", "echo ran; exit 1"]),
        )
        .start();
    assert_eq!(task.line(), "ran");
    waits(&task);
    task.signal(libc::SIGTERM);
    assert_eq!(task.wait().signal(), Some(libc::SIGTERM));
    assert_eq!(drain(&sb, "q"), ["bad"]);
}

fn holding(sb: &Sandbox, script: &str) -> (Running, std::process::ChildStdin) {
    sb.queue("q");
    send(sb, "q", &["in hand", "next"]);
    let (mut task, input) = sb.sh(script).start_with_input();
    assert_eq!(task.line(), "held");
    runs_a_command(&task);
    (task, input)
}

#[test]
fn a_signal_to_ipc_alone_is_passed_on_and_the_message_goes_back() {
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
        let sb = Sandbox::new();
        let (mut task, input) = holding(&sb, HELD);
        assert_eq!(depth(&sb, "q"), 1);
        task.signal(signal);
        assert_eq!(task.wait().signal(), Some(signal));
        drop(input);
        assert_eq!(drain(&sb, "q"), ["next", "in hand"]);
    }
}

#[test]
fn a_command_that_outlives_the_signal_and_succeeds_has_done_its_message() {
    let sb = Sandbox::new();
    let script = "exec 3<&0; exec ipc mq recv q --follow -t 30s --exec \
                  sh -c 'trap \"exit 0\" TERM; echo held; read x <&3'";
    let (mut task, input) = holding(&sb, script);
    task.signal(libc::SIGTERM);
    // No further command is started, though a message is there.
    assert_eq!(task.wait().signal(), Some(libc::SIGTERM));
    drop(input);
    assert_eq!(drain(&sb, "q"), ["next"]);
}

#[test]
fn under_keep_going_a_signal_ends_ipc_before_the_next_command() {
    let sb = Sandbox::new();
    let script = HELD.replace("--exec", "--follow --keep-going --exec");
    let (mut task, input) = holding(&sb, &script);
    task.signal(libc::SIGTERM);
    assert_eq!(task.wait().signal(), Some(libc::SIGTERM));
    drop(input);
    assert_eq!(drain(&sb, "q"), ["next", "in hand"]);
}

#[test]
fn the_command_may_outlive_a_stop_and_continue_of_ipc() {
    let sb = Sandbox::new();
    let (mut task, input) = holding(&sb, HELD);
    task.stop();
    task.signal(libc::SIGCONT);
    drop(input);
    assert!(task.wait().success());
    assert_eq!(drain(&sb, "q"), ["next"]);
}

#[test]
fn a_caller_that_ignores_its_children_still_sees_the_command_end() {
    let sb = Sandbox::new();
    sb.queue("q");
    send(&sb, "q", &["x", "y"]);
    sb.ipc([
        "mq", "recv", "q", "-t", "30s", "--exec", "sh", "-c", "exit 5",
    ])
    .with(super::inherited::ignoring(&[libc::SIGCHLD]))
    .run()
    .code(5);
    assert_eq!(depth(&sb, "q"), 2);
}

#[test]
fn children_that_the_caller_left_behind_do_not_disturb() {
    let sb = Sandbox::new();
    sb.queue("q");
    send(&sb, "q", &["x"]);
    sb.sh("true & false & exec ipc mq recv q -t 30s --exec sh -c 'exit 9'")
        .run()
        .code(9);
}

#[test]
fn no_process_is_left_behind_after_hundred_commands() {
    let sb = Sandbox::new();
    sb.queue("q");
    let lines: String = (0..100).map(|i| format!("{i}\n")).collect();
    let sender = sb
        .ipc(["mq", "send", "q", "--lines", "-t", "30s"])
        .stdin(lines)
        .start();
    let script = "ps=$(cat /proc/$PPID/task/*/children); echo $ps | wc -w";
    let ran = sb
        .ipc([
            "mq", "recv", "q", "-n", "100", "-t", "30s", "--exec", "sh", "-c", script,
        ])
        .run();
    assert!(sender.finish().0.success());
    ran.ok().stdout(&"1\n".repeat(100));
}
