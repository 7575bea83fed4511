//! A request and its answer, and whether what was sent was read.

use super::noise;
use crate::sandbox::Sandbox;

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
    let _server = sb
        .ipc([
            "sock",
            "serve",
            "s",
            "--type",
            "seqpacket",
            "-t",
            "30s",
            "--",
            "cat",
        ])
        .start();
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
