//! Opening, meeting the other end, and the end of a stream.

use std::io::Write;

use super::{held, made, path, waits_for_a_partner};
use crate::sandbox::{Sandbox, has};

#[test]
fn bytes_go_from_one_process_to_another_up_to_the_end() {
    let sb = Sandbox::new();
    sb.ipc(["pipe", "create", "log"])
        .run()
        .code(0)
        .stderr("created /log\n");
    let recv = sb.ipc(["pipe", "recv", "log", "-t", "30s"]).start();
    recv.blocked();
    let (send, mut input) = sb
        .ipc(["pipe", "send", "log", "-t", "30s"])
        .start_with_input();
    input.write_all(b"one\0two\xff").unwrap();
    drop(input);
    let (status, _, said) = send.finish();
    assert!(status.success(), "{said}");
    let (status, printed, said) = recv.finish();
    assert!(status.success(), "{said}");
    assert_eq!(printed, "one\0two\u{fffd}");
    sb.ipc(["pipe", "rm", "log"]).run().ok();
    assert!(!path(&sb, "log").exists());
}

#[test]
fn an_empty_stream_is_a_stream() {
    let sb = Sandbox::new();
    made(&sb, "log");
    let recv = sb.ipc(["pipe", "recv", "log", "-t", "30s"]).start();
    recv.blocked();
    sb.ipc(["pipe", "send", "log", "-t", "30s"]).run().ok();
    let (status, printed, said) = recv.finish();
    assert!(status.success(), "{said}");
    assert_eq!((printed.as_str(), said.as_str()), ("", ""));
}

#[test]
fn nobody_at_the_other_end_is_a_time_out_that_says_so() {
    let sb = Sandbox::new();
    let path = made(&sb, "log");
    for option in ["-t", "--open-timeout"] {
        sb.ipc(["pipe", "send", "log", "x", option, "50ms"])
            .run()
            .code(124)
            .stderr("ipc: pipe send: /log: timed out: no reader\n");
        sb.ipc(["pipe", "recv", "log", option, "50ms"])
            .run()
            .code(124)
            .stderr("ipc: pipe recv: /log: timed out: no writer\n");
        sb.ipc(["pipe", "recv", "log", "--line", option, "50ms"])
            .run()
            .code(124)
            .stderr("ipc: pipe recv: /log: timed out: no writer\n");
    }
    for try_once in [&["--try"][..], &["-t", "0"]] {
        for verb in [&["pipe", "send", "log", "x"][..], &["pipe", "recv", "log"]] {
            let words = [verb, try_once].concat();
            sb.ipc(words).run().code(1).stdout("").stderr("");
        }
    }
    // With a writer that sends nothing it is another reason.
    let _both = held(&path);
    sb.ipc(["pipe", "recv", "log", "-t", "50ms"])
        .run()
        .code(124)
        .stderr("ipc: pipe recv: /log: timed out: the writer sends nothing\n");
    // --open-timeout sets no limit to what comes after.
    let recv = sb
        .ipc(["pipe", "recv", "log", "--open-timeout", "1ms", "-n", "1"])
        .start();
    recv.blocked();
    sb.ipc(["pipe", "send", "log", "x"]).run().ok();
    let (status, printed, _) = recv.finish();
    assert!(status.success());
    assert_eq!(printed, "x");
}

#[test]
fn a_reader_that_does_not_read_is_a_time_out_too() {
    let sb = Sandbox::new();
    let path = made(&sb, "log");
    let _both = held(&path);
    let send = |words: &[&str]| {
        sb.ipc([&["pipe", "send", "log"], words].concat())
            .stdin(vec![b'x'; 100_000])
            .run()
    };
    send(&["-t", "50ms", "--size", "64K", "--lines"])
        .code(124)
        .stderr_has("timed out: the reader does not read; 65536 bytes are sent");
    send(&["--try", "--size", "64K", "--lines"])
        .code(1)
        .stderr("ipc: pipe send: /log: full; 0 bytes are sent\n");
}

#[test]
fn a_reader_asleep_in_open_is_met() {
    let sb = Sandbox::new();
    let path = made(&sb, "log");
    // Whoever comes first, cat or ipc.
    let cat = sb.program("cat", [&path]).start();
    waits_for_a_partner(&cat);
    sb.ipc(["pipe", "send", "log", "hello", "-t", "30s"])
        .run()
        .ok();
    let (status, printed, _) = cat.finish();
    assert!(status.success());
    assert_eq!(printed, "hello");
    let send = sb
        .ipc(["pipe", "send", "log", "again", "-t", "30s"])
        .start();
    waits_for_a_partner(&send);
    sb.program("cat", [&path]).run().ok().stdout("again");
    let (status, _, said) = send.finish();
    assert!(status.success(), "{said}");
}

#[test]
fn a_writer_asleep_in_open_is_let_in() {
    let sb = Sandbox::new();
    let path = made(&sb, "log");
    let writer = sb.sh(&format!("echo hello > '{}'", path.display())).start();
    waits_for_a_partner(&writer);
    sb.ipc(["pipe", "recv", "log", "-t", "30s"])
        .run()
        .ok()
        .stdout("hello\n");
    let (status, ..) = writer.finish();
    assert!(status.success());
    let send = sb.ipc(["pipe", "send", "log", "-l", "ours"]).start();
    waits_for_a_partner(&send);
    sb.ipc(["pipe", "recv", "log", "-t", "30s"])
        .run()
        .ok()
        .stdout("ours\n");
    let (status, ..) = send.finish();
    assert!(status.success());
}

#[test]
fn python_is_on_either_end() {
    if !has("python3") {
        return;
    }
    let sb = Sandbox::new();
    let path = made(&sb, "log");
    let path = path.to_str().unwrap();
    let script = "import sys; print(open(sys.argv[1], 'rb').read())";
    let python = sb.program("python3", ["-c", script, path]).start();
    sb.ipc(["pipe", "send", "log", "a\nb", "-t", "30s"])
        .run()
        .ok();
    let (status, printed, _) = python.finish();
    assert!(status.success());
    assert_eq!(printed, "b'a\\nb'\n");
    let script = "import sys; open(sys.argv[1], 'wb').write(b'c\\0d')";
    let python = sb.program("python3", ["-c", script, path]).start();
    sb.ipc(["pipe", "recv", "log", "-t", "30s"])
        .run()
        .ok()
        .stdout("c\0d");
    let (status, ..) = python.finish();
    assert!(status.success());
}

#[test]
fn follow_goes_on_over_the_ends_of_writers() {
    let sb = Sandbox::new();
    let path = made(&sb, "log");
    let mut recv = sb
        .ipc(["pipe", "recv", "log", "--follow", "-t", "60s"])
        .start();
    for round in 0..20 {
        let line = format!("line {round}");
        if round % 2 == 0 {
            sb.ipc(["pipe", "send", "log", "--lines", &line, "-t", "30s"])
                .run()
                .ok();
        } else {
            let script = format!("echo '{line}' > '{}'", path.display());
            sb.sh(&script).run().ok();
        }
        assert_eq!(recv.line(), line);
    }
    recv.signal(libc::SIGTERM);
    recv.wait();
    sb.ipc(["pipe", "send", "log", "x", "--try"]).run().code(1);
}

#[test]
fn a_pipe_that_is_removed_wakes_who_waits_for_it() {
    let sb = Sandbox::new();
    let removed = "the pipe was removed while waiting";
    for words in [
        &["pipe", "recv", "log", "-t", "30s"][..],
        &["pipe", "recv", "log", "--line"],
        &["pipe", "recv", "log", "--follow"],
        &["pipe", "send", "log", "x", "-t", "30s"],
    ] {
        made(&sb, "log");
        let waiting = sb.ipc(words).start();
        if words[1] == "send" {
            waits_for_a_partner(&waiting);
        } else {
            waiting.blocked();
        }
        sb.ipc(["pipe", "rm", "log"]).run().ok();
        let (status, _, said) = waiting.finish();
        assert_eq!(status.code(), Some(7), "{words:?}: {said}");
        assert!(said.contains(removed), "{words:?}: {said}");
    }
}

#[test]
fn paths_are_used_as_they_are_and_have_no_scope() {
    let sb = Sandbox::new();
    sb.ipc(["-q", "pipe", "create", "./in"]).run().ok();
    let file = sb.folder().join("in");
    let both = held(&file);
    let absolute = file.to_str().unwrap();
    sb.ipc(["pipe", "send", absolute, "x"]).run().ok();
    sb.ipc(["pipe", "recv", "./in", "-n", "1"])
        .run()
        .ok()
        .stdout("x");
    drop(both);
    sb.ipc(["pipe", "ls", "--no-headings"])
        .run()
        .ok()
        .stdout("");
    sb.ipc(["pipe", "rm", "./in", "--json"])
        .run()
        .ok()
        .stdout("{\"name\":\"./in\",\"removed\":true}\n");
    assert!(!file.exists());
}

#[test]
fn a_reader_that_has_taken_everything_may_leave() {
    let sb = Sandbox::new();
    made(&sb, "log");
    for more in [&[][..], &["--lines"]] {
        let recv = ["pipe", "recv", "log", "-t", "30s", "-n"];
        let send = ["pipe", "send", "log", "-t", "30s"];
        let first = sb.ipc(recv.iter().chain(&["4"])).start();
        let (send, mut input) = sb.ipc(send.iter().chain(more)).start_with_input();
        input.write_all(b"one\n").unwrap();
        assert_eq!(first.finish().1, "one\n");
        send.blocked_in(&[libc::SYS_ppoll]);
        // Another one goes on where the first stopped.
        let second = sb.ipc(recv.iter().chain(&["4"])).start();
        second.blocked_in(&[libc::SYS_ppoll]);
        input.write_all(b"two\n").unwrap();
        let (status, printed, said) = second.finish();
        assert_eq!(
            (status.code(), printed.as_str()),
            (Some(0), "two\n"),
            "{said}"
        );
        send.blocked_in(&[libc::SYS_ppoll]);
        drop(input);
        let (status, _, said) = send.finish();
        assert_eq!((status.code(), said.as_str()), (Some(0), ""));
    }
}

#[test]
fn a_reader_that_leaves_something_is_told_of_at_the_end() {
    let sb = Sandbox::new();
    made(&sb, "log");
    for more in [&[][..], &["--lines"]] {
        let recv = sb
            .ipc(["pipe", "recv", "log", "-t", "30s", "-n", "1"])
            .start();
        let send = ["pipe", "send", "log", "-t", "30s"];
        let (send, mut input) = sb.ipc(send.iter().chain(more)).start_with_input();
        input.write_all(b"one\n").unwrap();
        assert_eq!(recv.finish().1, "o");
        send.blocked_in(&[libc::SYS_ppoll]);
        drop(input);
        let (status, _, said) = send.finish();
        assert_eq!(status.code(), Some(7), "{said}");
        let told = "the last reader is gone and left 3 bytes unread; 4 bytes are sent";
        assert!(said.contains(told), "{said}");
    }
}

#[test]
fn an_input_that_fills_the_pipe_to_the_brim_has_an_end() {
    let sb = Sandbox::new();
    let path = made(&sb, "log");
    let _both = held(&path);
    sb.sh("head -c 65536 /dev/zero | ipc pipe send log --size 64K -t 30s")
        .run()
        .ok();
}
