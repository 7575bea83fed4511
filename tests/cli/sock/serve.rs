//! A command for each connection, as many at once as was said.

use std::io::Write;
use std::os::unix::process::ExitStatusExt;

use super::{file_of, left};
use crate::sandbox::{Sandbox, until};

#[test]
fn the_command_knows_its_peer_and_the_name() {
    let sb = Sandbox::new();
    let script = "echo $IPC_PEER_PID $IPC_PEER_UID $IPC_PEER_GID $IPC_SOCK_NAME $IPC_SCOPE";
    let serve = ["sock", "serve", "who", "-n", "1", "-t", "30s", "--"];
    let server = sb.ipc(serve.iter().chain(&["sh", "-c", script])).start();
    let mut caller = sb
        .ipc(["sock", "connect", "who", "--wait", "-t", "30s"])
        .start();
    // SAFETY: have no precondition.
    let (uid, gid) = unsafe { (libc::geteuid(), libc::getegid()) };
    let expected = format!("{} {uid} {gid} who {}", caller.pid(), sb.scope());
    assert_eq!(caller.line(), expected);
    assert_eq!(server.finish().0.code(), Some(0));
    assert!(left(&sb).is_empty());
}

#[test]
fn no_more_run_at_once_than_was_said_and_all_are_served() {
    let sb = Sandbox::new();
    // Each says how many run with it, and goes on when it is told to.
    let script = "mkdir lock.$$; ls -d lock.* | wc -l; cat; rmdir lock.$$";
    let serve = ["sock", "serve", "few", "--max", "2", "-t", "30s", "--"];
    let _server = sb.ipc(serve.iter().chain(&["sh", "-c", script])).start();
    let call = ["sock", "call", "few", "--wait", "-t", "30s", "x"];
    let callers: Vec<_> = (0..12).map(|_| sb.ipc(call).start()).collect();
    for caller in callers {
        let (status, stdout, stderr) = caller.finish();
        assert_eq!(status.code(), Some(0), "{stderr}");
        let count = stdout.lines().next().unwrap().trim();
        assert!(count == "1" || count == "2", "{stdout:?}");
    }
}

#[test]
fn a_connection_beyond_the_most_waits_until_one_has_ended() {
    let sb = Sandbox::new();
    let serve = [
        "sock", "serve", "one", "--max", "1", "-t", "30s", "--", "cat",
    ];
    let _server = sb.ipc(serve).start();
    let connect = ["sock", "connect", "one", "--wait", "-t", "30s"];
    let (mut first, mut first_in) = sb.ipc(connect).start_with_input();
    first_in.write_all(b"one\n").unwrap();
    assert_eq!(first.line(), "one");
    let (mut second, mut second_in) = sb.ipc(connect).start_with_input();
    second_in.write_all(b"two\n").unwrap();
    let waiting = || {
        let seen = sb.ipc(["sock", "stat", "one", "--json"]).run();
        seen.ok().json()["objects"][0]["waiting"].as_u64() == Some(1)
    };
    until("the second to wait", waiting);
    drop(first_in);
    assert_eq!(first.wait().code(), Some(0));
    assert_eq!(second.line(), "two");
}

#[test]
fn told_to_end_it_ends_its_commands_and_dies_by_the_signal() {
    let sb = Sandbox::new();
    for (signal, script) in [
        (
            libc::SIGTERM,
            "trap 'echo told; exit' TERM; echo $$; while :; do sleep 0.01; done",
        ),
        (libc::SIGINT, "echo $$; sleep 1000"),
    ] {
        let serve = ["sock", "serve", "s", "-t", "30s", "--"];
        let mut server = sb.ipc(serve.iter().chain(&["sh", "-c", script])).start();
        let (mut caller, _input) = sb
            .ipc(["sock", "connect", "s", "--wait", "-t", "30s"])
            .start_with_input();
        let pid: i32 = caller.line().parse().unwrap();
        server.signal(signal);
        assert_eq!(server.wait().signal(), Some(signal));
        // Waited for, so its number leads nowhere.
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
        if signal == libc::SIGTERM {
            assert_eq!(caller.line(), "told");
        }
        assert!(left(&sb).is_empty(), "{:?}", left(&sb));
    }
}

#[test]
fn it_removes_its_file_only_if_that_is_its_own() {
    let sb = Sandbox::new();
    let mut first = sb.ipc(["sock", "serve", "s", "--", "cat"]).start();
    until("the socket", || file_of(&sb, "s").exists());
    sb.ipc(["sock", "rm", "s"]).run().code(1).stderr(
        "ipc: sock rm: /s: a server is there\nhint: --force removes its file all the same\n",
    );
    sb.ipc(["sock", "rm", "--force", "s"]).run().ok();
    let _second = sb.ipc(["sock", "serve", "s", "--", "cat"]).start();
    until("the second socket", || file_of(&sb, "s").exists());
    first.signal(libc::SIGTERM);
    first.wait();
    sb.ipc(["sock", "call", "s", "-t", "30s", "still here"])
        .run()
        .ok()
        .stdout("still here");
}

#[test]
fn a_command_that_cannot_start_is_found_before_anybody_can_connect() {
    let sb = Sandbox::new();
    crate::sandbox::file(&sb, "plain", b"no program");
    for (command, code, why) in [
        ("./is-not-there", 127, "command not found"),
        ("is-not-there", 127, "command not found"),
        ("./plain", 126, "cannot be executed"),
    ] {
        sb.ipc(["sock", "serve", "s", "-t", "30s", "--", command])
            .run()
            .code(code)
            .stderr(&format!("ipc: sock serve: {command}: {why}\n"));
        assert!(left(&sb).is_empty());
    }
}

#[test]
fn a_command_that_went_meanwhile_ends_the_server_with_its_code_and_the_client_with_7() {
    let sb = Sandbox::new();
    sb.sh("printf '#!/bin/sh\\ncat\\n' > echo; chmod +x echo")
        .run()
        .ok();
    let server = sb
        .ipc(["sock", "serve", "s", "-t", "30s", "--", "./echo"])
        .start();
    let call = ["sock", "call", "s", "--wait", "-t", "30s", "x"];
    sb.ipc(call).run().ok().stdout("x");
    std::fs::remove_file(sb.folder().join("echo")).unwrap();
    let _ = sb.ipc(call).run().code(7);
    let (status, _, stderr) = server.finish();
    assert_eq!(status.code(), Some(127));
    assert_eq!(stderr, "ipc: sock serve: ./echo: command not found\n");
    assert!(left(&sb).is_empty());
}

#[test]
fn a_command_that_does_not_listen_to_term_is_killed() {
    let sb = Sandbox::new();
    // Told once it is given five seconds, told twice none.
    for twice in [true, false] {
        let script = "trap '' TERM; echo $$; while :; do sleep 0.01; done";
        let serve = ["sock", "serve", "s", "-t", "30s", "--", "sh", "-c", script];
        let mut server = sb.ipc(serve).start();
        let (mut caller, _input) = sb
            .ipc(["sock", "connect", "s", "--wait", "-t", "30s"])
            .start_with_input();
        let pid: i32 = caller.line().parse().unwrap();
        server.signal(libc::SIGTERM);
        // The name is given up when the signal was seen.
        until("the name to be free", || !file_of(&sb, "s").exists());
        if twice {
            server.signal(libc::SIGTERM);
        }
        assert_eq!(server.wait().signal(), Some(libc::SIGTERM));
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    }
}

#[test]
fn it_ends_when_nobody_comes_for_long_enough() {
    let sb = Sandbox::new();
    sb.ipc(["sock", "serve", "s", "-t", "50ms", "--", "cat"])
        .run()
        .code(124)
        .stderr("ipc: sock serve: /s: timed out: nobody connected\n");
}

#[test]
fn json_tells_how_each_command_ended() {
    let sb = Sandbox::new();
    let script = "read -r n; [ $n = kill ] && kill -9 $$; exit $n";
    let serve = ["sock", "serve", "s", "--json", "-n", "2", "-t", "30s", "--"];
    let mut server = sb.ipc(serve.iter().chain(&["sh", "-c", script])).start();
    for (word, code, signal) in [("7\n", Some(7), None), ("kill\n", None, Some(9))] {
        sb.ipc(["sock", "send", "s", "--wait", "-t", "30s", word])
            .run()
            .ok();
        let line: serde_json::Value = serde_json::from_str(&server.line()).unwrap();
        assert_eq!(line["name"], "/s");
        assert_eq!(line["exit_code"].as_i64(), code);
        assert_eq!(line["signal"].as_i64(), signal);
        assert!(line["peer_pid"].as_i64().unwrap() > 0);
    }
    assert_eq!(server.finish().0.code(), Some(0));
}

#[test]
fn a_full_table_of_the_server_delays_connections_and_loses_none() {
    let sb = Sandbox::new();
    let server =
        "ulimit -n 12; exec ipc -q sock serve s -n 30 -t 30s -- sh -c 'read -r x; echo $x'";
    let server = sb.sh(server).start();
    let connect = ["sock", "connect", "s", "--wait", "-t", "30s"];
    let mut callers: Vec<_> = (0..30)
        .map(|_| sb.ipc(connect).start_with_input())
        .collect();
    for (_, input) in &mut callers {
        input.write_all(b"here\n").unwrap();
    }
    for (caller, input) in callers {
        drop(input);
        let (status, stdout, stderr) = caller.finish();
        assert_eq!(
            (status.code(), stdout.as_str()),
            (Some(0), "here\n"),
            "{stderr}"
        );
    }
    assert_eq!(server.finish().0.code(), Some(0));
}
