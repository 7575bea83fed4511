//! `move`: from one queue to another.

use std::os::unix::process::ExitStatusExt;

use super::{depth, drain, full_queue, send, waits};
use crate::sandbox::Sandbox;

#[test]
fn messages_keep_their_priorities_and_their_order() {
    let sb = Sandbox::new();
    sb.queue("a");
    sb.queue("b");
    sb.ipc(["mq", "send", "a", "-p", "1", "low-1", "low-2"])
        .run()
        .ok();
    sb.ipc(["mq", "send", "a", "-p", "32767", "high"])
        .run()
        .ok();
    sb.ipc(["mq", "send", "b", "-p", "5", "between"]).run().ok();
    sb.ipc(["mq", "move", "a", "b", "-t", "30s"])
        .run()
        .ok()
        .stdout("");
    assert_eq!(depth(&sb, "a"), 0);
    sb.ipc(["mq", "recv", "b", "-n", "4", "--newline"])
        .run()
        .ok()
        .stdout("high\nbetween\nlow-1\nlow-2\n");
}

#[test]
fn an_empty_source_is_fine_and_json_says_how_many_moved() {
    let sb = Sandbox::new();
    sb.queue("a");
    sb.queue("b");
    sb.ipc(["mq", "move", "a", "b", "--json"])
        .run()
        .ok()
        .stdout("{\"source\":\"/a\",\"destination\":\"/b\",\"moved\":0}\n");
    send(&sb, "a", &["x", "y", "z"]);
    sb.ipc(["mq", "move", "a", "b", "-n", "2", "--json"])
        .run()
        .ok()
        .stdout("{\"source\":\"/a\",\"destination\":\"/b\",\"moved\":2}\n");
    assert_eq!(drain(&sb, "b"), ["x", "y"]);
    assert_eq!(drain(&sb, "a"), ["z"]);
}

#[test]
fn a_queue_of_another_geometry_is_made_and_filled() {
    let sb = Sandbox::new();
    full_queue(&sb, "a");
    let create = ["--create", "--max-messages", "8", "--max-size", "16"];
    let arguments = ["mq", "move", "a", "b", "-t", "30s"];
    sb.ipc(arguments.iter().chain(&create)).run().ok();
    assert_eq!(drain(&sb, "b"), ["f1", "f2", "f3", "f4"]);
}

#[test]
fn a_message_too_long_for_the_destination_goes_back_and_exits_6() {
    let sb = Sandbox::new();
    sb.queue("a");
    let narrow = ["--max-messages", "4", "--max-size", "4"];
    sb.ipc(["-q", "mq", "create", "b"].iter().chain(&narrow))
        .run()
        .ok();
    send(&sb, "a", &["fits", "too long", "also"]);
    sb.ipc(["mq", "move", "a", "b", "-t", "30s"])
        .run()
        .code(6)
        .stderr_has("/b: message is 8 bytes, the queue takes 4 (EMSGSIZE)");
    assert_eq!(drain(&sb, "b"), ["fits"]);
    assert_eq!(drain(&sb, "a"), ["also", "too long"]);
}

#[test]
fn a_full_destination_is_waited_for() {
    let sb = Sandbox::new();
    full_queue(&sb, "f");
    sb.queue("s");
    send(&sb, "s", &["x", "y"]);
    let mover = sb.ipc(["mq", "move", "s", "f", "-t", "30s"]).start();
    waits(&mover);
    // One is in its hand.
    assert_eq!(depth(&sb, "s"), 1);
    sb.ipc(["mq", "recv", "f", "-n", "2", "--newline"])
        .run()
        .ok()
        .stdout("f1\nf2\n");
    assert!(mover.finish().0.success());
    assert_eq!(drain(&sb, "f"), ["f3", "f4", "x", "y"]);
}

#[test]
fn a_signal_while_it_waits_puts_the_message_in_hand_back() {
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let sb = Sandbox::new();
        full_queue(&sb, "f");
        sb.queue("s");
        send(&sb, "s", &["x", "y"]);
        let mut mover = sb.ipc(["mq", "move", "s", "f", "-t", "30s"]).start();
        waits(&mover);
        mover.signal(signal);
        assert_eq!(mover.wait().signal(), Some(signal));
        assert_eq!(drain(&sb, "s"), ["y", "x"]);
        assert_eq!(drain(&sb, "f"), ["f1", "f2", "f3", "f4"]);
    }
}

#[test]
fn two_hundred_messages_pass_through_three_queues_in_order() {
    let sb = Sandbox::new();
    for queue in ["a", "b", "c"] {
        sb.queue(queue);
    }
    let lines: String = (0..200).map(|i| format!("{i}\n")).collect();
    let sender = sb
        .ipc(["mq", "send", "a", "--lines", "-t", "30s"])
        .stdin(lines.as_bytes())
        .start();
    // move ends when its source is empty, so each is started again and again.
    let again = "while ipc mq wait $1 -t 30s && ipc mq move $1 $2 -t 30s; do :; done";
    let movers = [["a", "b"], ["b", "c"]]
        .map(|[from, to]| sb.program("sh", ["-c", again, "sh", from, to]).start());
    sb.ipc(["mq", "recv", "c", "-n", "200", "--newline", "-t", "30s"])
        .run()
        .ok()
        .stdout(&lines);
    assert!(sender.finish().0.success());
    sb.ipc(["mq", "rm", "a", "b"]).run().ok();
    for mover in movers {
        assert!(mover.finish().0.success());
    }
}

#[test]
fn a_move_that_never_has_to_wait_ends_by_a_signal() {
    let sb = Sandbox::new();
    sb.queue("a");
    sb.queue("b");
    let sender = sb
        .sh("exec ipc mq send a --null -t 30s < /dev/zero")
        .start();
    let sink = sb
        .sh("exec ipc mq recv b --follow -t 30s > /dev/null")
        .start();
    waits(&sender);
    let mut mover = sb.ipc(["mq", "move", "a", "b", "-t", "30s"]).start();
    // It may find the source empty once and be done.
    mover.signal(libc::SIGTERM);
    let status = mover.wait();
    assert!(
        status.success() || status.signal() == Some(libc::SIGTERM),
        "{status}"
    );
    drop((sender, sink));
}
