//! SIGKILL of either side, again and again; signals while waiting.

use std::os::unix::process::ExitStatusExt;

use super::{held, made, waits_for_a_partner};
use crate::sandbox::{Sandbox, until};

/// As the requirement says.
const ROUNDS: usize = 200;

/// Nobody has it open, and nothing but it is there.
#[track_caller]
fn is_clean(sb: &Sandbox) {
    let shown = sb.ipc(["pipe", "stat", "log", "--json"]).run();
    shown.ok();
    let object = &shown.json()["objects"][0];
    assert_eq!(object["readers"].as_array().unwrap().len(), 0, "{shown}");
    assert_eq!(object["writers"].as_array().unwrap().len(), 0, "{shown}");
    let files = std::fs::read_dir(sb.folder().join("run")).unwrap().count();
    assert_eq!(files, 1);
    assert_eq!(sb.left_in_shm(), Vec::<String>::new());
}

#[test]
fn when_the_writer_is_killed_the_reader_sees_the_end() {
    let sb = Sandbox::new();
    made(&sb, "log");
    for round in 0..ROUNDS {
        let mut recv = sb.ipc(["pipe", "recv", "log", "-t", "30s"]).start();
        let (mut send, mut input) = sb
            .ipc(["pipe", "send", "log", "-t", "30s"])
            .start_with_input();
        let line = format!("round {round}\n");
        std::io::Write::write_all(&mut input, line.as_bytes()).unwrap();
        assert_eq!(recv.line(), line.trim_end());
        send.signal(libc::SIGKILL);
        let (status, printed, said) = recv.finish();
        assert!(status.success(), "{said}");
        assert_eq!(printed, "");
        send.wait();
    }
    is_clean(&sb);
}

#[test]
fn when_the_reader_is_killed_the_writer_is_told() {
    let sb = Sandbox::new();
    made(&sb, "log");
    for _ in 0..ROUNDS {
        let mut recv = sb.ipc(["pipe", "recv", "log", "-t", "30s"]).start();
        let (send, mut input) = sb
            .ipc(["pipe", "send", "log", "-t", "30s"])
            .start_with_input();
        std::io::Write::write_all(&mut input, b"line\n").unwrap();
        assert_eq!(recv.line(), "line");
        recv.signal(libc::SIGKILL);
        recv.wait();
        // It hears of it when there is more to send.
        std::io::Write::write_all(&mut input, b"more\n").unwrap();
        let (status, _, said) = send.finish();
        assert_eq!(status.code(), Some(7), "{said}");
        let told = "the last reader is gone; 5 bytes are sent (EPIPE)";
        assert!(said.contains(told), "{said}");
        drop(input);
    }
    is_clean(&sb);
}

#[test]
fn one_that_is_killed_while_it_waits_leaves_nothing() {
    let sb = Sandbox::new();
    made(&sb, "log");
    let send = sb.ipc(["pipe", "send", "log", "x"]).start();
    waits_for_a_partner(&send);
    send.signal(libc::SIGKILL);
    drop(send);
    let recv = sb.ipc(["pipe", "recv", "log"]).start();
    recv.blocked();
    recv.signal(libc::SIGKILL);
    drop(recv);
    is_clean(&sb);
}

#[test]
fn a_signal_ends_every_wait_and_takes_nothing() {
    let sb = Sandbox::new();
    let path = made(&sb, "log");
    for words in [
        &["pipe", "recv", "log"][..],
        &["pipe", "recv", "log", "--line"],
        &["pipe", "recv", "log", "-n", "7"],
        &["pipe", "recv", "log", "--follow"],
        &["pipe", "recv", "log", "--json"],
        &["pipe", "send", "log", "x"],
    ] {
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
            let running = sb.ipc(words).start();
            if words[1] == "send" {
                waits_for_a_partner(&running);
            } else {
                running.blocked();
            }
            // A stop and a continue in between change nothing.
            running.signal(libc::SIGSTOP);
            running.signal(libc::SIGCONT);
            running.signal(signal);
            let (status, _, said) = running.finish();
            assert_eq!(status.signal(), Some(signal), "{words:?}: {said}");
            assert_eq!(said, "", "{words:?}");
        }
    }
    is_clean(&sb);
    // With bytes there that are not enough they stay there, or were printed.
    let _both = held(&path);
    sb.ipc(["pipe", "send", "log", "abc"]).run().ok();
    let recv = sb.ipc(["pipe", "recv", "log", "-n", "7"]).start();
    recv.blocked();
    recv.signal(libc::SIGTERM);
    let (_, printed, _) = recv.finish();
    assert_eq!(printed, "abc");
}

#[test]
fn one_that_is_killed_with_its_turn_leaves_it_to_the_next() {
    let sb = Sandbox::new();
    let path = made(&sb, "log");
    let _both = held(&path);
    for _ in 0..20 {
        sb.ipc(["pipe", "send", "log", "a"]).run().ok();
        let first = sb.ipc(["pipe", "recv", "log", "--line"]).start();
        until("the first part to be taken", || {
            let shown = sb.ipc(["pipe", "stat", "log", "--json"]).run();
            shown.json()["objects"][0]["waiting"] == 0
        });
        let second = sb
            .ipc(["pipe", "recv", "log", "--line", "-t", "30s"])
            .start();
        second.blocked();
        sb.ipc(["pipe", "recv", "log", "-n", "1", "-t", "10ms"])
            .run()
            .code(124);
        first.signal(libc::SIGKILL);
        drop(first);
        sb.ipc(["pipe", "send", "log", "b\n"]).run().ok();
        let (status, printed, said) = second.finish();
        assert!(status.success(), "{said}");
        assert_eq!(printed, "b\n");
    }
}
