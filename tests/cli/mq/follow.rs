//! How many messages `recv` takes: -n, --follow, --drain, --try, -t.

use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use super::{depth, drain, send, waits};
use crate::sandbox::Sandbox;

#[test]
fn recv_waits_for_a_message_that_another_process_sends() {
    let sb = Sandbox::new();
    sb.queue("q");
    let receiver = sb.ipc(["mq", "recv", "q", "-t", "30s"]).start();
    waits(&receiver);
    send(&sb, "q", &["late"]);
    let (status, stdout, stderr) = receiver.finish();
    assert!(status.success());
    assert_eq!((stdout.as_str(), stderr.as_str()), ("late", ""));
}

#[test]
fn a_count_is_kept_exactly() {
    let sb = Sandbox::new();
    sb.queue("q");
    send(&sb, "q", &["a", "b", "c"]);
    sb.ipc(["mq", "recv", "q", "-n", "2", "--newline"])
        .run()
        .ok()
        .stdout("a\nb\n");
    assert_eq!(drain(&sb, "q"), ["c"]);
}

#[test]
fn what_came_before_the_time_was_over_is_printed() {
    let sb = Sandbox::new();
    sb.queue("q");
    send(&sb, "q", &["a", "b"]);
    sb.ipc(["mq", "recv", "q", "-n", "3", "--newline", "-t", "10ms"])
        .run()
        .code(124)
        .stdout("a\nb\n")
        .stderr("ipc: mq recv: /q: timed out\n");
    send(&sb, "q", &["a", "b"]);
    sb.ipc(["mq", "recv", "q", "-n", "3", "--newline", "--try"])
        .run()
        .code(1)
        .stdout("a\nb\n")
        .stderr("");
    assert_eq!(depth(&sb, "q"), 0);
}

#[test]
fn drain_takes_what_is_there_and_an_empty_queue_is_fine() {
    let sb = Sandbox::new();
    sb.queue("q");
    sb.ipc(["mq", "recv", "q", "--drain"]).run().ok().stdout("");
    send(&sb, "q", &["a", "b"]);
    sb.ipc(["mq", "recv", "q", "--drain", "--newline"])
        .run()
        .ok()
        .stdout("a\nb\n");
}

#[test]
fn follow_prints_each_message_as_it_comes() {
    let sb = Sandbox::new();
    sb.queue("q");
    let mut receiver = sb
        .ipc(["mq", "recv", "q", "--follow", "--newline", "-t", "30s"])
        .start();
    for message in ["one", "two", "three"] {
        send(&sb, "q", &[message]);
        assert_eq!(receiver.line(), message);
    }
    receiver.signal(libc::SIGTERM);
    assert_eq!(receiver.wait().signal(), Some(libc::SIGTERM));
}

#[test]
fn each_message_goes_to_one_of_several_receivers() {
    let sb = Sandbox::new();
    sb.queue("q");
    let receivers: Vec<_> = (0..4)
        .map(|_| {
            sb.ipc(["mq", "recv", "q", "-n", "50", "--newline", "-t", "30s"])
                .start()
        })
        .collect();
    let lines: String = (0..200).map(|i| format!("{i:03}\n")).collect();
    sb.ipc(["mq", "send", "q", "--lines", "-t", "30s"])
        .stdin(lines.as_bytes())
        .run()
        .ok();
    let mut found = Vec::new();
    for receiver in receivers {
        let (status, stdout, stderr) = receiver.finish();
        assert!(status.success(), "{stderr}");
        let mine: Vec<_> = stdout.lines().map(str::to_owned).collect();
        assert!(mine.is_sorted(), "{mine:?}");
        found.extend(mine);
    }
    found.sort();
    assert_eq!(found.concat(), lines.replace('\n', ""));
}

#[test]
fn messages_of_many_senders_all_arrive_each_sender_in_order() {
    let sb = Sandbox::new();
    sb.queue("q");
    let senders: Vec<_> = (0..4)
        .map(|sender| {
            let lines: String = (0..50).map(|i| format!("{sender} {i:03}\n")).collect();
            sb.ipc(["mq", "send", "q", "--lines", "-t", "30s"])
                .stdin(lines)
                .start()
        })
        .collect();
    let received = sb
        .ipc(["mq", "recv", "q", "-n", "200", "--newline", "-t", "30s"])
        .run();
    let text = String::from_utf8(received.ok().stdout.clone()).unwrap();
    for sender in senders {
        assert!(sender.finish().0.success());
    }
    for sender in ["0 ", "1 ", "2 ", "3 "] {
        let mine: Vec<_> = text
            .lines()
            .filter(|line| line.starts_with(sender))
            .collect();
        assert_eq!(mine.len(), 50);
        assert!(mine.is_sorted(), "{mine:?}");
    }
}

#[test]
fn a_follower_whose_socket_loses_its_other_end_ends() {
    let sb = Sandbox::new();
    sb.queue("q");
    let (mine, theirs) = UnixStream::pair().unwrap();
    let mut command = sb
        .ipc(["mq", "recv", "q", "--follow", "-t", "30s"])
        .command();
    let mut child = command
        .stdout(Stdio::from(std::os::fd::OwnedFd::from(theirs)))
        .spawn()
        .unwrap();
    drop(command);
    drop(mine);
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), Some(libc::SIGPIPE));
    send(&sb, "q", &["kept"]);
    assert_eq!(drain(&sb, "q"), ["kept"]);
}
