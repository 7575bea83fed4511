//! Which command `recv --exec` is given, told before a message is taken.

use super::{drain, send};
use crate::sandbox::{Sandbox, file};

#[test]
fn words_that_look_like_options_are_no_command() {
    let sb = Sandbox::new();
    sb.queue("q");
    send(&sb, "q", &["kept"]);
    for words in [
        &["--exec", "--keep-going", "cat"][..],
        &["--exec", "-n", "1", "cat"],
        &["--exec=-x"],
    ] {
        let arguments = ["mq", "recv", "q"].iter().chain(words);
        let refused = sb.ipc(arguments).run();
        refused
            .code(2)
            .stdout("")
            .stderr_has("looks like an option");
        refused.stderr_has("hint: --exec -- CMD ARGUMENT…");
    }
    sb.ipc(["mq", "recv", "q", "--exec"])
        .run()
        .code(2)
        .stdout("");
    sb.ipc(["mq", "recv", "q", "--exec", "--"])
        .run()
        .code(2)
        .stdout("");
    assert_eq!(drain(&sb, "q"), ["kept"]);
}

#[test]
fn after_two_hyphens_a_command_may_start_with_one() {
    let sb = Sandbox::new();
    sb.queue("q");
    send(&sb, "q", &["one"]);
    let program = file(&sb, "-x", b"#!/bin/sh\nexec cat\n");
    sb.program("chmod", ["+x", "--"])
        .with(|command| {
            command.arg(&program);
        })
        .run()
        .ok();
    let path = std::env::var("PATH").unwrap();
    sb.ipc(["mq", "recv", "q", "--exec", "--", "-x"])
        .env("PATH", format!("{}:{path}", sb.folder().display()))
        .run()
        .ok()
        .stdout("one");
}

#[test]
fn a_command_that_cannot_start_is_told_before_a_message_is_taken() {
    let sb = Sandbox::new();
    sb.queue("q");
    // Its place would be behind the other one, had it been taken and put back.
    send(&sb, "q", &["first", "second"]);
    let plain = file(&sb, "plain", b"").display().to_string();
    let folder = sb.folder().display().to_string();
    for (command, code, why) in [
        ("no-such-command", 127, "no-such-command: command not found"),
        (
            "./no-such-command",
            127,
            "./no-such-command: command not found",
        ),
        ("", 127, "'': command not found"),
        (plain.as_str(), 126, "plain: cannot be executed"),
        (folder.as_str(), 126, "cannot be executed"),
    ] {
        sb.ipc(["mq", "recv", "q", "--exec", command])
            .run()
            .code(code)
            .stdout("")
            .stderr_has(why);
    }
    assert_eq!(drain(&sb, "q"), ["first", "second"]);
}

#[test]
fn no_queue_is_made_for_a_command_that_cannot_start() {
    let sb = Sandbox::new();
    sb.ipc([
        "mq",
        "recv",
        "q",
        "--create",
        "--max-messages",
        "1",
        "--max-size",
        "8",
    ])
    .with(|command| {
        command.args(["--exec", "no-such-command"]);
    })
    .run()
    .code(127)
    .stderr_has("command not found");
    sb.ipc(["mq", "stat", "q"])
        .run()
        .code(3)
        .stderr_has("no such queue");
}
