//! Signals at arbitrary moments: the count of messages is kept.

use std::os::unix::process::ExitStatusExt;

use super::{drain, runs_a_command, send, waits};
use crate::sandbox::Sandbox;

/// A queue of eight, and as many messages.
fn queue_of_eight(sb: &Sandbox) {
    let geometry = ["--max-messages", "8", "--max-size", "16"];
    sb.ipc(["-q", "mq", "create", "q"].iter().chain(&geometry))
        .run()
        .ok();
}

const EIGHT: &str = "1\n2\n3\n4\n5\n6\n7\n8\n";

/// Any moment will do: it only has to be another one in each round.
fn another_moment(round: usize) {
    for _ in 0..round * 4001 % 400_000 {
        std::hint::spin_loop();
    }
}

/// INT, TERM or HUP, in turn.
fn another_signal(round: usize) -> i32 {
    [libc::SIGINT, libc::SIGTERM, libc::SIGHUP][round % 3]
}

/// What a receiver wrote to its file, which is gone then.
fn taken(sb: &Sandbox) -> Vec<String> {
    let path = sb.folder().join("out");
    let out = std::fs::read_to_string(&path).unwrap_or_default();
    let _ = std::fs::remove_file(path);
    out.lines().map(str::to_owned).collect()
}

#[test]
fn a_signal_at_any_moment_leaves_each_message_in_the_file_or_in_the_queue() {
    let sb = Sandbox::new();
    queue_of_eight(&sb);
    let follow = "exec ipc mq recv q --follow --newline -t 30s > out";
    for round in 0..200 {
        let mut receiver = sb.sh(follow).start();
        let sender = sb
            .ipc(["mq", "send", "q", "--lines", "-t", "30s"])
            .stdin(EIGHT)
            .start();
        another_moment(round);
        let signal = another_signal(round);
        receiver.signal(signal);
        assert_eq!(receiver.wait().signal(), Some(signal));
        assert!(sender.finish().0.success());
        let mut found = taken(&sb);
        found.extend(drain(&sb, "q"));
        assert_eq!(found.concat(), "12345678", "round {round}");
    }
}

#[test]
fn kill_loses_only_the_message_in_hand() {
    let sb = Sandbox::new();
    sb.queue("q");
    send(&sb, "q", &["in hand", "kept"]);
    let script = "exec 3<&0; exec ipc mq recv q -t 30s --exec sh -c 'echo held; exec cat <&3'";
    let (mut task, input) = sb.sh(script).start_with_input();
    assert_eq!(task.line(), "held");
    runs_a_command(&task);
    task.signal(libc::SIGKILL);
    assert_eq!(task.wait().signal(), Some(libc::SIGKILL));
    // Lets the command end, which nobody waits for any more.
    drop(input);
    assert_eq!(drain(&sb, "q"), ["kept"]);
}

#[test]
fn a_receiver_of_a_queue_that_never_runs_dry_ends_by_a_signal() {
    let sb = Sandbox::new();
    sb.queue("q");
    let senders: Vec<_> = (0..2)
        .map(|_| {
            sb.sh("exec ipc mq send q --null -t 30s < /dev/zero")
                .start()
        })
        .collect();
    let mut receiver = sb
        .sh("exec ipc mq recv q --follow -t 30s > /dev/null")
        .start();
    waits(&senders[0]);
    receiver.signal(libc::SIGTERM);
    assert_eq!(receiver.wait().signal(), Some(libc::SIGTERM));
}

#[test]
fn a_signal_at_any_moment_of_exec_leaves_each_message_handled_or_in_the_queue() {
    let sb = Sandbox::new();
    queue_of_eight(&sb);
    let eight: Vec<_> = EIGHT.lines().collect();
    for round in 0..60 {
        send(&sb, "q", &eight);
        let keep_going = ["", "--keep-going"][round % 2];
        let follow = format!(
            "exec ipc mq recv q --follow -t 30s {keep_going} --exec sh -c 'read x || :; echo $x >> out'"
        );
        let mut task = sb.sh(&follow).start();
        another_moment(round * 25);
        let signal = another_signal(round);
        task.signal(signal);
        assert_eq!(task.wait().signal(), Some(signal));
        let mut found = taken(&sb);
        found.extend(drain(&sb, "q"));
        // One whose command was done when the signal met it is there twice.
        found.sort();
        found.dedup();
        assert_eq!(found, eight, "round {round}");
    }
}

#[test]
fn a_signal_at_any_moment_of_move_leaves_each_message_in_one_of_both_queues() {
    let sb = Sandbox::new();
    queue_of_eight(&sb);
    sb.queue("narrow");
    let eight: Vec<_> = EIGHT.lines().collect();
    for round in 0..60 {
        send(&sb, "q", &eight);
        let mut mover = sb.ipc(["mq", "move", "q", "narrow", "-t", "30s"]).start();
        another_moment(round * 10);
        let signal = another_signal(round);
        mover.signal(signal);
        assert_eq!(mover.wait().signal(), Some(signal));
        let mut found = drain(&sb, "narrow");
        found.extend(drain(&sb, "q"));
        found.sort();
        assert_eq!(found, eight, "round {round}");
    }
}

#[test]
fn kill_at_any_moment_loses_at_most_what_was_in_hand_and_doubles_nothing() {
    let sb = Sandbox::new();
    queue_of_eight(&sb);
    let eight: Vec<_> = EIGHT.lines().collect();
    for round in 0..100 {
        send(&sb, "q", &eight);
        let mut receiver = sb
            .sh("exec ipc mq recv q --follow --newline -t 30s > out")
            .start();
        another_moment(round * 10);
        receiver.signal(libc::SIGKILL);
        assert_eq!(receiver.wait().signal(), Some(libc::SIGKILL));
        let mut found = taken(&sb);
        found.extend(drain(&sb, "q"));
        let in_order = found.windows(2).all(|pair| pair[0] < pair[1]);
        assert!(in_order, "round {round}: {found:?}");
        // The queue works as before.
        send(&sb, "q", &["after"]);
        assert_eq!(drain(&sb, "q"), ["after"]);
    }
}

#[test]
fn without_descriptors_to_spare_a_message_is_handled_or_stays() {
    let sb = Sandbox::new();
    sb.queue("q");
    let mut codes = std::collections::BTreeSet::new();
    for most in 3..12 {
        for verb in ["--exec true", "--exec cat", "--newline"] {
            send(&sb, "q", &["x"]);
            let script = format!("ulimit -n {most}; exec ipc mq recv q -t 30s {verb} 3>&- 4>&-");
            let code = sb.sh(&script).run().status.code();
            codes.insert(code);
            let left = drain(&sb, "q").len();
            match code {
                Some(0) => assert_eq!(left, 0, "{most} {verb}"),
                _ => assert_eq!(left, 1, "{most} {verb}"),
            }
        }
    }
    assert!(
        codes.contains(&Some(0)) && codes.contains(&Some(6)),
        "{codes:?}"
    );
}
