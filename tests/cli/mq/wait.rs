//! `wait`, and what all that wait see when the queue is removed.

use super::{depth, drain, full_queue, send, waits};
use crate::sandbox::Sandbox;

#[test]
fn wait_ends_when_a_message_comes_and_takes_nothing() {
    let sb = Sandbox::new();
    sb.queue("q");
    let waiters: Vec<_> = (0..3)
        .map(|_| sb.ipc(["mq", "wait", "q", "-t", "30s"]).start())
        .collect();
    for waiter in &waiters {
        waits(waiter);
    }
    send(&sb, "q", &["for all"]);
    for waiter in waiters {
        let (status, stdout, stderr) = waiter.finish();
        assert!(status.success());
        assert_eq!((stdout.as_str(), stderr.as_str()), ("", ""));
    }
    assert_eq!(drain(&sb, "q"), ["for all"]);
}

#[test]
fn wait_of_a_queue_with_a_message_ends_at_once() {
    let sb = Sandbox::new();
    sb.queue("q");
    send(&sb, "q", &["x"]);
    sb.ipc(["mq", "wait", "q", "--try"]).run().ok();
    assert_eq!(depth(&sb, "q"), 1);
}

#[test]
fn send_waits_for_room_and_goes_on_when_one_is_taken() {
    let sb = Sandbox::new();
    full_queue(&sb, "q");
    let sender = sb.ipc(["mq", "send", "q", "f5", "-t", "30s"]).start();
    waits(&sender);
    sb.ipc(["mq", "recv", "q"]).run().ok().stdout("f1");
    assert!(sender.finish().0.success());
    assert_eq!(drain(&sb, "q"), ["f2", "f3", "f4", "f5"]);
}

#[test]
fn all_that_wait_for_a_queue_exit_7_when_it_is_removed() {
    let sb = Sandbox::new();
    sb.queue("e");
    full_queue(&sb, "f");
    sb.queue("s");
    send(&sb, "s", &["x"]);
    let verbs = [
        (&["mq", "recv", "e", "-t", "30s"][..], "recv: /e"),
        (&["mq", "recv", "e", "--follow", "-t", "30s"], "recv: /e"),
        (
            &["mq", "recv", "e", "-t", "30s", "--exec", "true"],
            "recv: /e",
        ),
        (&["mq", "wait", "e", "-t", "30s"], "wait: /e"),
        (
            &["mq", "watch", "e", "-t", "30s", "--", "true"],
            "watch: /e",
        ),
        (&["mq", "send", "f", "more", "-t", "30s"], "send: /f"),
        (&["mq", "move", "s", "f", "-t", "30s"], "move: /f"),
    ];
    let started = verbs.map(|(verb, about)| (sb.ipc(verb).start(), about));
    for (running, _) in &started {
        waits(running);
    }
    sb.ipc(["mq", "rm", "e", "f"]).run().ok();
    for (running, about) in started {
        let (status, stdout, stderr) = running.finish();
        assert_eq!(status.code(), Some(7), "{about}");
        let stderr = stderr.replace(&format!("{}.", sb.scope()), "");
        assert_eq!(
            (stdout.as_str(), stderr.as_str()),
            (
                "",
                format!("ipc: mq {about}: the queue was removed while waiting\n").as_str()
            )
        );
    }
    assert_eq!(drain(&sb, "s"), ["x"]);
}

#[test]
fn a_queue_of_the_same_name_is_not_the_one_that_was_waited_for() {
    let sb = Sandbox::new();
    sb.queue("q");
    let waiter = sb.ipc(["mq", "recv", "q", "-t", "30s"]).start();
    waits(&waiter);
    sb.ipc(["mq", "rm", "q"]).run().ok();
    sb.queue("q");
    send(&sb, "q", &["new"]);
    assert_eq!(waiter.finish().0.code(), Some(7));
    assert_eq!(drain(&sb, "q"), ["new"]);
}
