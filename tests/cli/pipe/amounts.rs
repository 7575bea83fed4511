//! How much is taken, and in which form it is sent and shown.

use std::io::Read;

use serde_json::json;

use super::{held, keeper, made};
use crate::sandbox::{Sandbox, file};

#[test]
fn exactly_what_was_asked_for_is_taken() {
    let sb = Sandbox::new();
    let path = made(&sb, "log");
    let _both = held(&path);
    let send = |words: &[&str]| {
        sb.ipc([&["pipe", "send", "log"], words].concat())
            .run()
            .ok();
    };
    let recv = |words: &[&str], expected: &str| {
        sb.ipc([&["pipe", "recv", "log", "-t", "30s"], words].concat())
            .run()
            .ok()
            .stdout(expected);
    };
    send(&["one\ntwo\nthree"]);
    recv(&["--line"], "one\n");
    recv(&["-n", "2"], "tw");
    recv(&["-n", "0"], "");
    recv(&["--line"], "o\n");
    recv(&["-n", "5"], "three");
    send(&["--null", "a\nb", "", "c"]);
    recv(&["--null"], "a\nb\0");
    recv(&["--null"], "\0");
    recv(&["-0"], "c\0");
    send(&["--lines", "x y", "z"]);
    recv(&["-l"], "x y\n");
    recv(&["-n", "2"], "z\n");
    // Nothing was taken beyond it.
    sb.ipc(["pipe", "recv", "log", "--try"])
        .run()
        .code(1)
        .stdout("");
}

#[test]
fn without_waiting_all_of_it_is_taken_or_nothing() {
    let sb = Sandbox::new();
    let path = made(&sb, "log");
    let (both, input) = keeper(&sb, &path);
    sb.ipc(["pipe", "send", "log", "abc"]).run().ok();
    for words in [&["--line"][..], &["--null"], &["-n", "4"]] {
        let recv = [&["pipe", "recv", "log", "--try"], words].concat();
        sb.ipc(recv).run().code(1).stdout("").stderr("");
    }
    sb.ipc(["pipe", "recv", "log", "--try", "-n", "3"])
        .run()
        .ok()
        .stdout("abc");
    sb.ipc(["pipe", "send", "log", "de\nf"]).run().ok();
    sb.ipc(["pipe", "recv", "log", "--try", "--line"])
        .run()
        .ok()
        .stdout("de\n");
    // Whether somebody will go on with it only shows by waiting.
    let mut options = std::fs::OpenOptions::new();
    let _reader = options.read(true).open(&path).unwrap();
    drop(input);
    let (status, ..) = both.finish();
    assert!(status.success());
    sb.ipc(["pipe", "recv", "log", "-t", "30s", "--line"])
        .run()
        .code(1)
        .stdout("f");
}

#[test]
fn a_long_line_is_taken_whole() {
    let sb = Sandbox::new();
    made(&sb, "log");
    let line = [vec![b'x'; 300_000], b"\nrest".to_vec()].concat();
    let recv = sb.ipc(["pipe", "recv", "log", "--line"]).start();
    let send = sb.ipc(["pipe", "send", "log"]).stdin(line.clone()).start();
    let (status, printed, said) = recv.finish();
    assert!(status.success(), "{said}");
    assert_eq!(printed.as_bytes(), &line[..300_001]);
    // What nobody takes goes with the last who has it open.
    let (status, ..) = send.finish();
    assert!(matches!(status.code(), Some(0 | 7)), "{status}");
}

#[test]
fn a_stream_that_ends_before_is_no() {
    let sb = Sandbox::new();
    made(&sb, "log");
    for (words, sent, code, printed) in [
        (&["-n", "5"][..], "abc", 1, "abc"),
        (&["-n", "3"], "abc", 0, "abc"),
        (&["--line"], "abc", 1, "abc"),
        (&["--line"], "", 1, ""),
        (&["--null"], "a\nb", 1, "a\nb"),
    ] {
        let recv = sb
            .ipc([&["pipe", "recv", "log", "-t", "30s"], words].concat())
            .start();
        recv.blocked();
        sb.ipc(["pipe", "send", "log", "-t", "30s", sent])
            .run()
            .ok();
        let (status, out, said) = recv.finish();
        assert_eq!(status.code(), Some(code), "{words:?} {sent}: {said}");
        assert_eq!(out, printed, "{words:?} {sent}");
    }
}

#[test]
fn a_shell_takes_a_last_line_without_its_end_as_it_does_with_read() {
    let sb = Sandbox::new();
    made(&sb, "log");
    for sent in ["abc", "abc\n", ""] {
        let script = |read: &str| format!("{read}; printf '%s,%s' \"$?\" \"$line\"");
        let take = script("line=$(ipc pipe recv log --line -t 30s)");
        let recv = sb.sh(&take).start();
        sb.ipc(["pipe", "send", "log", "-t", "30s", sent])
            .run()
            .ok();
        let by_read = sb.sh(&script("read -r line")).stdin(sent).run();
        let by_read = String::from_utf8_lossy(&by_read.stdout).into_owned();
        assert_eq!(recv.finish().1, by_read, "{sent:?}");
    }
    let script = "line=$(ipc pipe recv log --line -t 30s) || [ -n \"$line\" ]; echo \"$? $line\"";
    let recv = sb.sh(script).start();
    sb.ipc(["pipe", "send", "log", "-t", "30s", "abc"])
        .run()
        .ok();
    assert_eq!(recv.finish().1, "0 abc\n");
}

#[test]
fn a_last_line_without_its_end_is_in_the_document_all_the_same() {
    let sb = Sandbox::new();
    made(&sb, "log");
    let recv = ["pipe", "recv", "log", "--line", "--json", "-t", "30s"];
    let recv = sb.ipc(recv).start();
    sb.ipc(["pipe", "send", "log", "-t", "30s", "abc"])
        .run()
        .ok();
    let (status, out, said) = recv.finish();
    assert_eq!((status.code(), said.as_str()), (Some(1), ""));
    let document: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(document["data"], "abc");
}

#[test]
fn lines_of_the_input_get_their_ends() {
    let sb = Sandbox::new();
    let path = made(&sb, "log");
    let both = held(&path);
    let sent = sb
        .ipc(["pipe", "send", "log", "--lines", "--json"])
        .stdin("a\n\nb")
        .run();
    sent.ok();
    assert_eq!(
        sent.json(),
        json!({ "name": "/log", "sent": 5, "records": 3 })
    );
    let from = file(&sb, "records", b"c\0d");
    let sent = sb
        .ipc(["pipe", "send", "log", "-0", "--json", "-f"])
        .with(|command| {
            command.arg(from);
        })
        .run();
    assert_eq!(
        sent.json(),
        json!({ "name": "/log", "sent": 4, "records": 2 })
    );
    let sent = sb.ipc(["pipe", "send", "log", "--json", "e", "f"]).run();
    assert_eq!(
        sent.json(),
        json!({ "name": "/log", "sent": 2, "records": null })
    );
    let mut bytes = [0; 11];
    (&both).read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"a\n\nb\nc\0d\0ef");
}

#[test]
fn a_stream_is_one_document_and_a_followed_one_a_document_a_line() {
    let sb = Sandbox::new();
    made(&sb, "log");
    // From an argument: a sender that still waits for the end of its input when
    // the receiver has what it wanted is told that nobody reads any more.
    let took_argument = |words: &[&str], sent: &str| {
        let recv = sb
            .ipc([&["--json", "pipe", "recv", "log", "-t", "30s"], words].concat())
            .start();
        recv.blocked();
        sb.ipc(["pipe", "send", "log", sent, "-t", "30s"])
            .run()
            .ok();
        let (_, printed, _) = recv.finish();
        serde_json::from_str::<serde_json::Value>(&printed).unwrap()
    };
    let two = json!({ "name": "/log", "size": 2, "encoding": "utf-8", "data": "ab" });
    assert_eq!(took_argument(&["-n", "2"], "ab"), two);
    let took = |words: &[&str], sent: &[u8]| {
        let recv = sb
            .ipc([&["--json", "pipe", "recv", "log", "-t", "30s"], words].concat())
            .start();
        recv.blocked();
        sb.ipc(["pipe", "send", "log", "-t", "30s"])
            .stdin(sent)
            .run()
            .ok();
        let (_, printed, _) = recv.finish();
        serde_json::from_str::<serde_json::Value>(&printed).unwrap()
    };
    let text = json!({ "name": "/log", "size": 4, "encoding": "utf-8", "data": "a\nb\n" });
    assert_eq!(took(&[], b"a\nb\n"), text);
    let binary = json!({ "name": "/log", "size": 2, "encoding": "base64", "data": "/wA=" });
    assert_eq!(took(&[], b"\xff\0"), binary);
    let empty = json!({ "name": "/log", "size": 0, "encoding": "utf-8", "data": "" });
    assert_eq!(took(&[], b""), empty);
    assert_eq!(took(&["--line"], b""), empty);

    let mut recv = sb
        .ipc(["--json", "pipe", "recv", "log", "--follow"])
        .start();
    for sent in ["a\nb", "c\n"] {
        sb.ipc(["pipe", "send", "log", sent, "-t", "30s"])
            .run()
            .ok();
        let lines: Vec<&str> = sent.split_inclusive('\n').collect();
        for line in lines {
            let document: serde_json::Value = serde_json::from_str(&recv.line()).unwrap();
            assert_eq!(document["data"], line);
        }
    }
}

#[test]
fn what_came_before_a_time_out_is_shown() {
    let sb = Sandbox::new();
    let path = made(&sb, "log");
    let _both = held(&path);
    for words in [&["--json"][..], &[]] {
        sb.ipc(["pipe", "send", "log", "abc"]).run().ok();
        let took = sb
            .ipc([&["pipe", "recv", "log", "-t", "50ms"], words].concat())
            .run();
        took.code(124).stderr_has("the writer sends nothing");
        assert!(
            String::from_utf8_lossy(&took.stdout).contains("abc"),
            "{took}"
        );
    }
}

#[test]
fn the_size_is_that_of_the_open_pipe() {
    let sb = Sandbox::new();
    let path = made(&sb, "log");
    let both = held(&path);
    sb.ipc(["pipe", "send", "log", "x", "--size", "128K"])
        .run()
        .ok();
    let capacity = || {
        let shown = sb.ipc(["pipe", "stat", "log", "--json"]).run();
        shown.json()["objects"][0]["capacity"].clone()
    };
    assert_eq!(capacity(), 128 << 10);
    sb.ipc(["pipe", "recv", "log", "-n", "1", "--size", "4K"])
        .run()
        .ok();
    assert_eq!(capacity(), 4096);
    let stream = |words: &[&str]| {
        let recv = [&["pipe", "recv", "log", "-t", "10ms"], words].concat();
        sb.ipc(recv).run().code(124);
        capacity()
    };
    assert_eq!(stream(&["--size", "8K"]), 8192);
    assert_eq!(stream(&["--line"]), 8192);
    assert_eq!(stream(&[]), 1 << 20);
    drop(both);
    // It was that of the pipe, which is gone; the FIFO has none.
    assert_eq!(capacity(), serde_json::Value::Null);
}
