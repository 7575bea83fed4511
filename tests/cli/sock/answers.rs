//! A request and its answer, and whether what was sent was read.

use super::{echoing, file_of, noise};
use crate::sandbox::{Running, Sandbox, has, until};

#[test]
fn a_call_gets_one_answer() {
    let sb = Sandbox::new();
    let (mut server, _input) = sb
        .ipc([
            "sock", "serve", "up", "--json", "-t", "30s", "--", "tr", "a-z", "A-Z",
        ])
        .start_with_input();
    let call = ["sock", "call", "up", "--wait", "-t", "30s"];
    sb.ipc(call.iter().chain(&["hello ", "there"]))
        .run()
        .ok()
        .stdout("HELLO THERE");
    assert!(server.line().contains("\"exit_code\":0"));
    sb.ipc(call)
        .stdin("from input")
        .run()
        .ok()
        .stdout("FROM INPUT");
    sb.ipc(call.iter().chain(&["--json", "x"]))
        .run()
        .ok()
        .stdout("{\"name\":\"/up\",\"size\":1,\"encoding\":\"utf-8\",\"data\":\"X\"}\n");
    let big = noise(3_000_000);
    let answer = sb.ipc(call).stdin(big.clone()).run();
    assert_eq!(answer.ok().stdout.len(), big.len());
}

#[test]
fn a_sender_that_asks_for_it_knows_whether_everything_was_read() {
    let sb = Sandbox::new();
    for kind in ["stream", "seqpacket"] {
        for (words, command, code) in [
            (&["x"][..], &["cat"][..], 0),
            (&["-f", "/etc/passwd"], &["cat"], 0),
            (&["x"], &["true"], 7),
        ] {
            let serve = ["sock", "serve", "s", "-n", "1", "-t", "30s"];
            let form = ["--type", kind, "--"];
            let server = sb.ipc(serve.iter().chain(&form).chain(command)).start();
            let send = ["sock", "send", "s", "--type", kind, "--confirm"];
            let more = ["--wait", "-t", "30s"];
            let sent = sb.ipc(send.iter().chain(&more).chain(words)).run();
            assert_eq!(sent.status.code(), Some(code), "{kind} {command:?} {sent}");
            assert_eq!(server.finish().0.code(), Some(0));
        }
    }
    sb.ipc(["sock", "send", "s", "--type", "dgram", "--confirm", "x"])
        .run()
        .code(2);
}

#[test]
fn a_call_of_lines_does_not_wait_for_the_end() {
    let sb = Sandbox::new();
    let script = "while read -r word; do echo \"got $word\"; done; exec sleep 30";
    let _server = sb
        .ipc(["sock", "serve", "s", "-t", "30s", "--", "sh", "-c", script])
        .start();
    sb.ipc(["sock", "call", "s", "--wait", "-t", "30s", "--lines", "one"])
        .run()
        .ok()
        .stdout("got one\n");
}

#[test]
fn a_call_of_packets_is_a_message_there_and_one_back() {
    let sb = Sandbox::new();
    let _server = echoing(&sb, "s");
    let call = [
        "sock",
        "call",
        "s",
        "--wait",
        "-t",
        "30s",
        "--type",
        "seqpacket",
    ];
    sb.ipc(call.iter().chain(&["a", "b"]))
        .run()
        .ok()
        .stdout("ab");
    sb.ipc(call.iter().chain(&["--lines", "c"]))
        .run()
        .ok()
        .stdout("c\n");
}

#[test]
fn an_answer_without_its_end_is_not_a_whole_one() {
    let sb = Sandbox::new();
    for (form, whole) in [("--lines", "par\\n"), ("--null", "par\\0")] {
        for (answer, code, shown) in [
            ("par", 7, "par"),
            ("", 7, ""),
            (whole, 0, if form == "--null" { "par\0" } else { "par\n" }),
        ] {
            let serve = ["sock", "serve", "s", "-n", "1", "-t", "30s", "--", "sh"];
            let script = format!("read -r word; printf '{answer}'");
            let server = sb.ipc(serve.iter().chain(&["-c", &script])).start();
            let call = ["sock", "call", "s", "--wait", "-t", "30s", form, "word"];
            let called = sb.ipc(call).run();
            called.code(code).stdout(shown);
            if answer == "par" {
                called.stderr_has("the server went in the middle of its answer");
            }
            assert_eq!(server.finish().0.code(), Some(0));
        }
    }
    let serve = ["sock", "serve", "s", "-n", "1", "-t", "30s", "--", "sh"];
    let _server = sb
        .ipc(serve.iter().chain(&["-c", "read -r word; printf par"]))
        .start();
    sb.ipc([
        "sock", "call", "s", "--wait", "-t", "30s", "--lines", "--json", "word",
    ])
    .run()
    .code(7)
    .stdout("");
}

/// Answers once and closes, while the request lies unread in front of it.
fn answers_unasked(sb: &Sandbox, kind: &str, answer: &str) -> Running {
    let script = "import select, socket, sys
s = socket.socket(socket.AF_UNIX, getattr(socket, 'SOCK_' + sys.argv[1].upper()))
s.bind(sys.argv[2])
s.listen()
c, _ = s.accept()
select.select([c], [], [], 30)
c.send(sys.argv[3].encode())
c.close()";
    sb.program("python3", ["-c", script, kind, "theirs", answer])
        .start()
}

#[test]
fn an_answer_that_came_before_the_request_was_read_is_printed() {
    if !has("python3") {
        return;
    }
    let sb = Sandbox::new();
    for (form, code, answer) in [
        (&["--type", "stream"][..], 0, "whole"),
        (&["--type", "stream", "--lines"], 7, "a part"),
        (&["--type", "seqpacket"], 0, "whole"),
    ] {
        let server = answers_unasked(&sb, form[1], answer);
        let call = ["sock", "call", "./theirs", "--wait", "-t", "30s"];
        let got = sb.ipc(call.iter().chain(form).chain(&["x"])).run();
        got.code(code).stdout(answer);
        assert_eq!(server.finish().0.code(), Some(0));
        std::fs::remove_file(sb.folder().join("theirs")).unwrap();
    }
}

#[test]
fn a_message_is_taken_from_a_sender_that_left_something_unread() {
    if !has("python3") {
        return;
    }
    let sb = Sandbox::new();
    let server = answers_unasked(&sb, "seqpacket", "whole");
    let connect = ["sock", "connect", "./theirs", "--type", "seqpacket"];
    sb.ipc(connect.iter().chain(&["--wait", "-t", "30s"]))
        .stdin("x")
        .run()
        .code(7)
        .stdout("whole")
        .stderr_has("gone before it read everything");
    assert_eq!(server.finish().0.code(), Some(0));
}

#[test]
fn a_message_without_its_end_is_not_counted() {
    let sb = Sandbox::new();
    for (sent, code, shown) in [
        ("a\nb", 1, "a\nb"),
        ("a\nb\nc", 1, "a\nb\nc"),
        ("a\nb\nc\nd", 0, "a\nb\nc\n"),
    ] {
        let take = ["sock", "recv", "s", "--lines", "-n", "3", "-t", "30s"];
        let taker = sb.ipc(take).start();
        sb.ipc(["sock", "send", "s", "--wait", "-t", "30s", sent])
            .run()
            .ok();
        let (status, stdout, stderr) = taker.finish();
        assert_eq!(
            (status.code(), stdout.as_str(), stderr.as_str()),
            (Some(code), shown, "")
        );
    }
}

#[test]
fn a_sender_that_is_gone_before_its_datagram_is_taken_is_an_end() {
    let sb = Sandbox::new();
    let taker = sb
        .ipc(["sock", "recv", "s", "--type", "dgram", "-t", "30s"])
        .start();
    until("the socket", || file_of(&sb, "s").exists());
    taker.stop();
    sb.ipc(["sock", "send", "s", "--type", "dgram", "b"])
        .run()
        .ok();
    taker.signal(libc::SIGCONT);
    let (status, stdout, _) = taker.finish();
    assert_eq!((status.code(), stdout.as_str()), (Some(0), "b"));
}

#[test]
fn an_empty_argument_is_no_datagram_and_nothing_is_sent_before_it() {
    let sb = Sandbox::new();
    let take = [
        "sock", "recv", "s", "--type", "dgram", "--lines", "-t", "30s",
    ];
    let taker = sb.ipc(take).start();
    let send = ["sock", "send", "s", "--type", "dgram"];
    let wait = ["--wait", "-t", "30s"];
    for words in [&["a", "", "c"][..], &[""]] {
        sb.ipc(send.iter().chain(&wait).chain(words))
            .run()
            .code(6)
            .stderr_has("an empty message cannot be sent");
    }
    sb.ipc(send.iter().chain(&wait).chain(&["b"])).run().ok();
    let (status, stdout, _) = taker.finish();
    assert_eq!((status.code(), stdout.as_str()), (Some(0), "b\n"));
    sb.ipc(["sock", "send", "s", "--type", "seqpacket", "", "-t", "1s"])
        .run()
        .code(3);
}
