//! Messages are bytes: none added, none lost, none changed; and their order.

use super::{depth, drain, send};
use crate::sandbox::{Sandbox, file, has};

fn all_bytes() -> Vec<u8> {
    (0..=255).collect()
}

fn queue_of(sb: &Sandbox, name: &str, size: &str) {
    let geometry = ["--max-messages", "2", "--max-size", size];
    sb.ipc(["-q", "mq", "create", name].iter().chain(&geometry))
        .run()
        .ok();
}

#[test]
fn all_256_bytes_pass_from_standard_input() {
    let sb = Sandbox::new();
    queue_of(&sb, "q", "256");
    sb.ipc(["mq", "send", "q"]).stdin(all_bytes()).run().ok();
    sb.ipc(["mq", "recv", "q"])
        .run()
        .ok()
        .stdout_bytes(&all_bytes());
}

#[test]
fn all_256_bytes_pass_from_a_file_and_from_a_dash() {
    let sb = Sandbox::new();
    queue_of(&sb, "q", "256");
    let path = file(&sb, "letter", &all_bytes());
    sb.ipc(["mq", "send", "q", "-f", path.to_str().unwrap()])
        .run()
        .ok();
    sb.ipc(["mq", "send", "q", "-"])
        .stdin(all_bytes())
        .run()
        .ok();
    let twice = [all_bytes(), all_bytes()].concat();
    sb.ipc(["mq", "recv", "q", "-n", "2"])
        .run()
        .ok()
        .stdout_bytes(&twice);
}

#[test]
fn a_file_named_dash_is_standard_input_for_the_file_option_too() {
    let sb = Sandbox::new();
    sb.queue("q");
    sb.ipc(["mq", "send", "q", "-f", "-"])
        .stdin("from stdin")
        .run()
        .ok();
    assert_eq!(drain(&sb, "q"), ["from stdin"]);
}

#[test]
fn an_argument_may_be_any_bytes_but_nul() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;
    let sb = Sandbox::new();
    queue_of(&sb, "q", "255");
    let bytes: Vec<u8> = (1..=255).collect();
    let message = OsString::from_vec(bytes.clone());
    sb.ipc(["mq".into(), "send".into(), "q".into(), message])
        .run()
        .ok();
    sb.ipc(["mq", "recv", "q"]).run().ok().stdout_bytes(&bytes);
}

#[test]
fn an_empty_message_is_a_message() {
    let sb = Sandbox::new();
    sb.queue("q");
    sb.ipc(["mq", "send", "q", ""]).run().ok();
    sb.ipc(["mq", "send", "q"]).stdin("").run().ok();
    assert_eq!(depth(&sb, "q"), 2);
    sb.ipc(["mq", "recv", "q"]).run().ok().stdout("");
    sb.ipc(["mq", "recv", "q", "--newline"])
        .run()
        .ok()
        .stdout("\n");
    assert_eq!(depth(&sb, "q"), 0);
}

#[test]
fn several_arguments_are_several_messages() {
    let sb = Sandbox::new();
    sb.queue("q");
    sb.ipc(["mq", "send", "q", "a", "", "b c", "-"]).run().ok();
    assert_eq!(drain(&sb, "q"), ["a", "", "b c", "-"]);
}

#[test]
fn what_stands_after_two_dashes_is_no_option() {
    let sb = Sandbox::new();
    sb.queue("q");
    sb.ipc(["mq", "send", "q", "--", "--lines", "-p"])
        .run()
        .ok();
    assert_eq!(drain(&sb, "q"), ["--lines", "-p"]);
}

#[test]
fn the_largest_message_of_the_usual_geometry_passes() {
    let sb = Sandbox::new();
    queue_of(&sb, "q", "8192");
    let message: Vec<u8> = (0..8192_u32).map(|i| (i * 7 % 251) as u8).collect();
    sb.ipc(["mq", "send", "q"])
        .stdin(message.clone())
        .run()
        .ok();
    sb.ipc(["mq", "recv", "q"])
        .run()
        .ok()
        .stdout_bytes(&message);
}

#[test]
fn higher_priorities_come_first_and_the_oldest_first_within_one() {
    let sb = Sandbox::new();
    sb.ipc([
        "-q",
        "mq",
        "create",
        "q",
        "--max-messages",
        "8",
        "--max-size",
        "16",
    ])
    .run()
    .ok();
    for (priority, message) in [
        ("0", "low"),
        ("32767", "top"),
        ("5", "five-1"),
        ("0", "low-2"),
        ("5", "five-2"),
        ("32766", "nearly"),
        ("5", "five-3"),
        ("32767", "top-2"),
    ] {
        sb.ipc(["mq", "send", "q", "-p", priority, message])
            .run()
            .ok();
    }
    let expected = "top top-2 nearly five-1 five-2 five-3 low low-2";
    assert_eq!(drain(&sb, "q").join(" "), expected);
}

#[test]
fn json_out_tells_text_from_bytes_and_each_priority() {
    let sb = Sandbox::new();
    sb.queue("q");
    sb.ipc(["mq", "send", "q", "-p", "7", "grüße\n"]).run().ok();
    sb.ipc(["mq", "send", "q", "-p", "3"])
        .stdin(b"\xff\x00".to_vec())
        .run()
        .ok();
    sb.ipc(["mq", "send", "q", ""]).run().ok();
    sb.ipc(["mq", "recv", "/q", "--drain", "--json"]).run().ok().stdout(
        "{\"name\":\"/q\",\"priority\":7,\"size\":8,\"encoding\":\"utf-8\",\"data\":\"grüße\\n\"}\n\
         {\"name\":\"/q\",\"priority\":3,\"size\":2,\"encoding\":\"base64\",\"data\":\"/wA=\"}\n\
         {\"name\":\"/q\",\"priority\":0,\"size\":0,\"encoding\":\"utf-8\",\"data\":\"\"}\n",
    );
}

#[test]
fn null_out_ends_each_message_with_a_nul_byte() {
    let sb = Sandbox::new();
    sb.queue("q");
    send(&sb, "q", &["a\nb", "", "c"]);
    sb.ipc(["mq", "recv", "q", "--drain", "--null"])
        .run()
        .ok()
        .stdout_bytes(b"a\nb\0\0c\0");
}

#[test]
fn without_a_form_nothing_stands_between_messages() {
    let sb = Sandbox::new();
    sb.queue("q");
    send(&sb, "q", &["a", "b\n", "c"]);
    sb.ipc(["mq", "recv", "q", "--drain"])
        .run()
        .ok()
        .stdout("ab\nc");
}

#[test]
fn send_says_in_json_how_many_went_in() {
    let sb = Sandbox::new();
    sb.queue("q");
    sb.ipc(["mq", "send", "q", "a", "b", "--json"])
        .run()
        .ok()
        .stdout("{\"name\":\"/q\",\"sent\":2}\n");
    sb.ipc(["mq", "send", "q", "c", "d", "e", "--json", "--try"])
        .run()
        .code(1)
        .stdout("{\"name\":\"/q\",\"sent\":2}\n");
    assert_eq!(drain(&sb, "q"), ["a", "b", "c", "d"]);
}

#[test]
fn where_several_are_sent_and_one_fails_those_before_it_are_counted() {
    let sb = Sandbox::new();
    sb.queue("q");
    let long = "x".repeat(65);
    sb.ipc(["mq", "send", "q", "a", "b", &long, "c"])
        .run()
        .code(6)
        .stderr_has("ipc: mq send: after 2 messages sent: /q: message is 65 bytes");
    sb.ipc(["mq", "send", "q", "c", "d", "e", "-t", "10ms"])
        .run()
        .code(124)
        .stderr("ipc: mq send: after 2 messages sent: /q: timed out\n");
    sb.ipc(["mq", "recv", "q"]).run().ok();
    sb.ipc(["mq", "send", "q", "e", "f", "--try"])
        .run()
        .code(1)
        .stderr("ipc: mq send: /q: full after 1 message sent\n");
    assert_eq!(drain(&sb, "q"), ["b", "c", "d", "e"]);
}

#[test]
fn on_a_terminal_control_bytes_are_escaped_and_each_message_has_its_line() {
    let sb = Sandbox::new();
    if !has("script") {
        return;
    }
    sb.queue("q");
    send(&sb, "q", &["\x1b[31mred", "\u{202e}turned", ""]);
    let on_a_terminal = ["-qec", "ipc mq recv q --drain", "/dev/null"];
    sb.program("script", on_a_terminal)
        .run()
        .code(0)
        .stdout("\\x1b[31mred\r\n\\u{202e}turned\r\n\r\n");
}
