//! `send --lines` and `send --null`: one message for each record of the input.

use std::io::Write;
use std::os::fd::AsRawFd;

use super::{depth, drain, waits};
use crate::sandbox::{Sandbox, until};

#[test]
fn each_line_is_a_message_and_empty_lines_too() {
    let sb = Sandbox::new();
    sb.queue("q");
    sb.ipc(["mq", "send", "q", "--lines"])
        .stdin("a\n\nb\n\n")
        .run()
        .ok();
    sb.ipc(["mq", "recv", "q", "--drain", "--null"])
        .run()
        .ok()
        .stdout_bytes(b"a\0\0b\0\0");
}

#[test]
fn the_last_line_counts_without_its_end() {
    let sb = Sandbox::new();
    sb.queue("q");
    sb.ipc(["mq", "send", "q", "-l"]).stdin("a\nb").run().ok();
    assert_eq!(drain(&sb, "q"), ["a", "b"]);
}

#[test]
fn empty_input_has_no_lines() {
    let sb = Sandbox::new();
    sb.queue("q");
    sb.ipc(["mq", "send", "q", "--lines", "--json"])
        .stdin("")
        .run()
        .ok()
        .stdout("{\"name\":\"/q\",\"sent\":0}\n");
    assert_eq!(depth(&sb, "q"), 0);
}

#[test]
fn carriage_returns_and_nul_bytes_stay_in_lines() {
    let sb = Sandbox::new();
    sb.queue("q");
    sb.ipc(["mq", "send", "q", "--lines"])
        .stdin("a\r\nb\0c\n\r\n")
        .run()
        .ok();
    sb.ipc(["mq", "recv", "q", "--drain", "--newline"])
        .run()
        .ok()
        .stdout_bytes(b"a\r\nb\0c\n\r\n");
}

#[test]
fn records_end_with_nul_and_keep_their_line_ends() {
    let sb = Sandbox::new();
    sb.queue("q");
    sb.ipc(["mq", "send", "q", "--null"])
        .stdin("a\nb\0\0c\0d\r\n")
        .run()
        .ok();
    sb.ipc(["mq", "recv", "q", "--drain", "-0"])
        .run()
        .ok()
        .stdout_bytes(b"a\nb\0\0c\0d\r\n\0");
}

#[test]
fn a_record_that_comes_in_pieces_is_one_message() {
    let sb = Sandbox::new();
    sb.queue("q");
    let (mut sender, mut input) = sb
        .ipc(["mq", "send", "q", "--lines", "-t", "30s"])
        .start_with_input();
    for piece in ["be", "gin", "ning\nse"] {
        input.write_all(piece.as_bytes()).unwrap();
        // It has read the piece and waits for the next one.
        sender.blocked_in(&[libc::SYS_read]);
    }
    sb.ipc(["mq", "recv", "q", "-t", "30s"])
        .run()
        .ok()
        .stdout("beginning");
    input.write_all(b"cond").unwrap();
    drop(input);
    assert!(sender.wait().success());
    assert_eq!(drain(&sb, "q"), ["second"]);
}

#[test]
fn thousands_of_records_over_many_reads_arrive_in_order() {
    let sb = Sandbox::new();
    sb.queue("q");
    // More than the read buffer holds, so that records lie across its end.
    let lines: String = (0..5000)
        .map(|i| format!("record number {i:>6}\n"))
        .collect();
    assert!(lines.len() > 64 << 10);
    let receiver = sb
        .sh("exec ipc mq recv q -n 5000 --newline -t 30s > out")
        .start();
    sb.ipc(["mq", "send", "q", "--lines", "-t", "30s"])
        .stdin(lines.as_bytes())
        .run()
        .ok();
    let (status, _, stderr) = receiver.finish();
    assert!(status.success(), "{stderr}");
    let out = std::fs::read_to_string(sb.folder().join("out")).unwrap();
    assert_eq!(out, lines);
}

#[test]
fn a_record_longer_than_the_queue_takes_stops_after_those_before_it() {
    let sb = Sandbox::new();
    sb.queue("q");
    let input = format!("a\nb\n{}\nc\n", "x".repeat(65));
    sb.ipc(["mq", "send", "q", "--lines"])
        .stdin(input)
        .run()
        .code(6)
        .stderr_has(
            "ipc: mq send: after 2 messages sent: /q: \
         message is 65 bytes, the queue takes 64 (EMSGSIZE)",
        );
    assert_eq!(drain(&sb, "q"), ["a", "b"]);
}

#[test]
fn a_record_longer_than_the_buffer_is_refused_as_well() {
    let sb = Sandbox::new();
    sb.queue("q");
    let input = format!("a\n{}\nc\n", "x".repeat(100_000));
    sb.ipc(["mq", "send", "q", "--lines"])
        .stdin(input)
        .run()
        .code(6)
        .stderr_has("after 1 message sent: /q: message is ");
    assert_eq!(drain(&sb, "q"), ["a"]);
}

#[test]
fn lines_go_in_one_by_one_while_the_input_is_open() {
    let sb = Sandbox::new();
    sb.queue("q");
    let (mut sender, mut input) = sb
        .ipc(["mq", "send", "q", "--lines", "-t", "30s"])
        .start_with_input();
    for line in ["one", "two"] {
        writeln!(input, "{line}").unwrap();
        sb.ipc(["mq", "recv", "q", "-t", "30s"])
            .run()
            .ok()
            .stdout(line);
    }
    drop(input);
    assert!(sender.wait().success());
}

#[test]
fn a_sender_of_lines_waits_for_room_and_goes_on() {
    let sb = Sandbox::new();
    sb.queue("q");
    let sender = sb
        .ipc(["mq", "send", "q", "--lines", "-t", "30s"])
        .stdin("1\n2\n3\n4\n5\n6\n")
        .start();
    waits(&sender);
    sb.ipc(["mq", "recv", "q", "-n", "6", "--newline", "-t", "30s"])
        .run()
        .ok()
        .stdout("1\n2\n3\n4\n5\n6\n");
    assert!(sender.finish().0.success());
}

#[test]
fn a_standard_input_that_does_not_block_is_waited_for() {
    let sb = Sandbox::new();
    sb.queue("q");
    for form in [&["--lines"][..], &[]] {
        let (reader, mut writer) = std::io::pipe().unwrap();
        // SAFETY: a plain system call on a descriptor that is open.
        unsafe { libc::fcntl(reader.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) };
        let send = ["mq", "send", "q", "-t", "30s"];
        let mut command = sb.ipc(send.iter().chain(form)).command();
        let mut child = command.stdin(reader).spawn().unwrap();
        drop(command);
        let call = format!("/proc/{}/syscall", child.id());
        until("it to wait for input", || {
            let call = std::fs::read_to_string(&call).unwrap_or_default();
            call.starts_with(&format!("{} ", libc::SYS_poll))
        });
        writer.write_all(b"late").unwrap();
        drop(writer);
        assert!(child.wait().unwrap().success());
        assert_eq!(drain(&sb, "q"), ["late"]);
    }
}
