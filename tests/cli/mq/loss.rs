//! No message is lost when standard output does not take it.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, PipeReader};
use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;
use std::process::Child;

use super::{depth, drain, saved, send};
use crate::sandbox::{Sandbox, state_of, until};

/// Starts a receiver whose output is a pipe of one page that the test reads.
fn receiver_into_a_pipe(sb: &Sandbox, arguments: &[&str]) -> (Child, PipeReader) {
    let (reader, writer) = std::io::pipe().unwrap();
    // SAFETY: a plain system call on a descriptor that is open.
    unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_SETPIPE_SZ, 4096) };
    let mut command = sb.ipc(arguments).command();
    let child = command.stdout(writer).spawn().unwrap();
    (child, reader)
}

/// Bytes that lie in a pipe unread.
fn unread(reader: &PipeReader) -> usize {
    let mut count: libc::c_int = 0;
    // SAFETY: the descriptor is open and the number is writable.
    unsafe { libc::ioctl(reader.as_raw_fd(), libc::FIONREAD, &raw mut count) };
    count as usize
}

/// Waits until the pipe is full and the writer sleeps.
fn wait_until_stuck(child: &Child, reader: &PipeReader) {
    until("the pipe to be full", || {
        let call = std::fs::read_to_string(format!("/proc/{}/syscall", child.id()));
        let call = call.unwrap_or_default();
        unread(reader) > 0 && call.starts_with(&format!("{} ", libc::SYS_poll))
    });
}

/// Stops a process, and waits until it has stopped.
fn stop(child: &Child) {
    // SAFETY: the child is not reaped yet, so the pid is its own.
    unsafe { libc::kill(child.id() as i32, libc::SIGSTOP) };
    let pid = child.id() as i32;
    until("the process to stop", || state_of(pid) == Some('T'));
}

#[test]
fn a_closed_standard_output_refuses_before_a_message_is_taken() {
    let sb = Sandbox::new();
    sb.queue("q");
    send(&sb, "q", &["kept"]);
    for form in ["", "--newline", "--json", "--follow", "--drain", "-n 2"] {
        sb.sh(&format!("exec ipc mq recv q -t 30s {form} >&-")
            .replace(if form == "--drain" { "-t 30s " } else { "\0" }, ""))
            .run()
            .code(6)
            .stderr("ipc: mq recv: standard output: is closed (EBADF)\n");
    }
    assert_eq!(drain(&sb, "q"), ["kept"]);
}

#[test]
fn every_set_of_closed_descriptors_loses_nothing() {
    let sb = Sandbox::new();
    sb.queue("q");
    for closed in 0..8 {
        let close: String = (0..3)
            .filter(|fd| closed & (1 << fd) != 0)
            .map(|fd| format!(" {fd}>&-"))
            .collect();
        send(&sb, "q", &["kept"]);
        let received = sb.sh(&format!("exec ipc mq recv q --newline{close}")).run();
        if closed & 2 == 0 {
            received.ok().stdout("kept\n");
        } else {
            received.code(6);
            assert_eq!(drain(&sb, "q"), ["kept"]);
        }
    }
}

#[test]
fn a_full_device_refuses_before_a_message_is_taken() {
    let sb = Sandbox::new();
    sb.queue("q");
    // Empty ones too, of which no byte is written.
    send(&sb, "q", &["", "kept", ""]);
    for form in ["", "--newline", "--null", "--json"] {
        sb.sh(&format!("exec ipc mq recv q --drain {form} > /dev/full"))
            .run()
            .code(6)
            .stderr("ipc: mq recv: standard output: no space left (ENOSPC)\n");
    }
    assert_eq!(drain(&sb, "q"), ["", "kept", ""]);
}

#[test]
fn a_reader_that_left_ends_ipc_by_sigpipe_and_the_message_stays() {
    let sb = Sandbox::new();
    sb.queue("q");
    send(&sb, "q", &["kept"]);
    for form in [&["-t", "30s"][..], &["--follow", "-t", "30s"], &["--drain"]] {
        let arguments: Vec<_> = ["mq", "recv", "q"].iter().chain(form).copied().collect();
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = sb.ipc(arguments).command();
        let status = command.stdout(writer).status().unwrap();
        assert_eq!(status.signal(), Some(libc::SIGPIPE));
    }
    assert_eq!(drain(&sb, "q"), ["kept"]);
}

#[test]
fn where_sigpipe_is_ignored_a_reader_that_left_is_exit_code_6() {
    let sb = Sandbox::new();
    sb.queue("q");
    send(&sb, "q", &["kept"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = sb
        .ipc(["mq", "recv", "q", "-t", "30s"])
        .with(super::inherited::ignoring(&[libc::SIGPIPE]))
        .command();
    let output = command.stdout(writer).stderr(std::process::Stdio::piped());
    let output = output.spawn().unwrap().wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(6));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "ipc: mq recv: standard output: its reader is gone (EPIPE)\n"
    );
    assert_eq!(drain(&sb, "q"), ["kept"]);
}

#[test]
fn a_follower_whose_reader_leaves_ends_and_takes_nothing_more() {
    let sb = Sandbox::new();
    sb.queue("q");
    let arguments = ["mq", "recv", "q", "--follow", "--newline", "-t", "30s"];
    let (mut child, reader) = receiver_into_a_pipe(&sb, &arguments);
    send(&sb, "q", &["read"]);
    let mut reader = BufReader::new(reader);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert_eq!(line, "read\n");
    drop(reader);
    assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGPIPE));
    send(&sb, "q", &["kept"]);
    assert_eq!(drain(&sb, "q"), ["kept"]);
}

/// A queue whose receiver has one page in the pipe and messages in hand.
struct Stuck {
    child: Child,
    reader: PipeReader,
    numbers: Vec<String>,
}

/// Sends numbered lines until the receiver is stuck with four in hand.
fn stuck_with_messages_in_hand(sb: &Sandbox) -> Stuck {
    sb.queue("q");
    let arguments = ["mq", "recv", "q", "--follow", "--newline", "-t", "30s"];
    let (child, reader) = receiver_into_a_pipe(sb, &arguments);
    // 64 lines of 64 bytes fill the page to its last byte.
    let numbers: Vec<_> = (0..68).map(|i| format!("{i:063}")).collect();
    for few in numbers[..64].chunks(4) {
        let few: Vec<_> = few.iter().map(String::as_str).collect();
        send(sb, "q", &few);
    }
    until("the page to be full", || unread(&reader) == 4096);
    // The first goes into the hand alone, and the pipe is full.
    send(sb, "q", &[&numbers[64]]);
    wait_until_stuck(&child, &reader);
    let few: Vec<_> = numbers[65..].iter().map(String::as_str).collect();
    send(sb, "q", &few);
    Stuck {
        child,
        reader,
        numbers,
    }
}

#[test]
fn what_a_stuck_receiver_holds_goes_back_when_its_reader_leaves() {
    let sb = Sandbox::new();
    let Stuck {
        mut child,
        reader,
        numbers,
    } = stuck_with_messages_in_hand(&sb);
    assert_eq!(depth(&sb, "q"), 3);
    drop(reader);
    assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGPIPE));
    let [held, rest @ ..] = &numbers[64..] else {
        panic!()
    };
    assert_eq!(drain(&sb, "q"), [rest, std::slice::from_ref(held)].concat());
}

#[test]
fn a_stuck_receiver_ends_by_a_signal_and_what_it_holds_goes_back() {
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
        let sb = Sandbox::new();
        let Stuck {
            mut child,
            reader,
            numbers,
        } = stuck_with_messages_in_hand(&sb);
        // SAFETY: the child is not reaped yet, so the pid is its own.
        unsafe { libc::kill(child.id() as i32, signal) };
        assert_eq!(child.wait().unwrap().signal(), Some(signal));
        let mut found: Vec<_> = BufReader::new(reader).lines().map(Result::unwrap).collect();
        assert_eq!(found, numbers[..64]);
        found = drain(&sb, "q");
        found.sort();
        assert_eq!(found, numbers[64..]);
    }
}

#[test]
fn a_message_that_cannot_go_back_is_saved_and_its_file_is_named() {
    let sb = Sandbox::new();
    let Stuck {
        mut child,
        reader,
        numbers,
    } = stuck_with_messages_in_hand(&sb);
    // No room is left for the one in hand.
    send(&sb, "q", &["the last place"]);
    drop(reader);
    child.wait().unwrap();
    assert_eq!(saved(&sb), [numbers[64].as_bytes()]);
    assert_eq!(drain(&sb, "q").len(), 4);
}

#[test]
fn a_thousand_messages_in_flight_are_all_accounted_for_when_the_reader_dies() {
    let sb = Sandbox::new();
    sb.queue("q");
    let lines: String = (0..1000).map(|i| format!("{i:040}\n")).collect();
    let sender = sb
        .ipc(["mq", "send", "q", "--lines", "-t", "30s"])
        .stdin(lines.as_bytes())
        .start();
    let arguments = ["mq", "recv", "q", "--follow", "--newline", "-t", "30s"];
    let (mut child, reader) = receiver_into_a_pipe(&sb, &arguments);
    let mut reader = BufReader::with_capacity(41, reader);
    let mut delivered = 0;
    for _ in 0..300 {
        let mut line = String::new();
        delivered += reader.read_line(&mut line).unwrap();
    }
    // A short read leaves the start of a line there.
    delivered += reader.buffer().len();
    let reader = reader.into_inner();
    wait_until_stuck(&child, &reader);
    // It may just be waking up to write more: nothing moves while it is counted.
    stop(&child);
    // What lies in the pipe has been delivered, whether it is read or not.
    delivered += unread(&reader);
    drop(reader);
    // SAFETY: the child is not reaped yet, so the pid is its own.
    unsafe { libc::kill(child.id() as i32, libc::SIGCONT) };
    assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGPIPE));
    let mut rest = Vec::new();
    while delivered / 41 + rest.len() + saved(&sb).len() < 1000 {
        sb.ipc(["mq", "wait", "q", "-t", "30s"]).run().ok();
        rest.extend(drain(&sb, "q"));
    }
    assert!(sender.finish().0.success());
    let saved = saved(&sb)
        .into_iter()
        .map(|bytes| String::from_utf8(bytes).unwrap());
    let all: BTreeSet<_> = lines[..delivered / 41 * 41]
        .lines()
        .map(str::to_owned)
        .chain(rest.iter().cloned())
        .chain(saved)
        .collect();
    let expected: BTreeSet<_> = lines.lines().map(str::to_owned).collect();
    assert_eq!(all, expected);
    assert_eq!(depth(&sb, "q"), 0);
}

#[test]
fn a_file_that_cannot_grow_takes_a_part_and_the_rest_goes_back() {
    let sb = Sandbox::new();
    sb.queue("q");
    send(&sb, "q", &["first", "second", "third"]);
    // The limit cuts the second line; SIGXFSZ is ignored, so the write fails.
    let limit = |command: &mut std::process::Command| {
        use std::os::unix::process::CommandExt;
        let lower = || {
            let limit = libc::rlimit {
                rlim_cur: 9,
                rlim_max: 9,
            };
            // SAFETY: plain system calls on a local value.
            unsafe {
                libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
                libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit);
            }
            Ok(())
        };
        // SAFETY: makes only async-signal-safe calls.
        unsafe { command.pre_exec(lower) };
    };
    sb.sh("exec ipc mq recv q --drain --newline > out")
        .with(limit)
        .run()
        .code(6)
        .stderr_has("ipc: mq recv: standard output: ");
    let out = std::fs::read(sb.folder().join("out")).unwrap();
    assert_eq!(out, b"first\nsec");
    assert_eq!(drain(&sb, "q"), ["second", "third"]);
}

#[test]
fn a_fifo_takes_many_pages_while_its_reader_is_slow() {
    let sb = Sandbox::new();
    sb.queue("q");
    let fifo = sb.folder().join("fifo");
    sb.program("mkfifo", [&fifo]).run().ok();
    let lines: String = (0..4000).map(|i| format!("{i:050}\n")).collect();
    let sender = sb
        .ipc(["mq", "send", "q", "--lines", "-t", "30s"])
        .stdin(lines.as_bytes())
        .start();
    let mut receiver = sb
        .sh("exec ipc mq recv q -n 4000 --newline -t 30s > fifo")
        .start();
    let mut reader = std::fs::File::open(&fifo).unwrap();
    let mut found = Vec::new();
    let mut few = [0; 777];
    // Reads of an odd size, so that pages are freed at odd moments.
    while let count @ 1.. = std::io::Read::read(&mut reader, &mut few).unwrap() {
        found.extend_from_slice(&few[..count]);
    }
    assert!(receiver.wait().success());
    assert!(sender.finish().0.success());
    assert_eq!(String::from_utf8(found).unwrap(), lines);
}
