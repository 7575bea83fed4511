//! Every verb and every exit code that is no signal.

use super::{depth, drain, full_queue, send};
use crate::sandbox::{Sandbox, file};

#[test]
fn messages_come_in_order_and_whole() {
    let sb = Sandbox::new();
    sb.queue("q");
    send(&sb, "q", &["one", "two"]);
    sb.ipc(["mq", "recv", "q", "-n", "2", "--newline"])
        .run()
        .ok()
        .stdout("one\ntwo\n");
}

#[test]
fn create_says_what_it_did_on_standard_error_unless_quiet() {
    let sb = Sandbox::new();
    let create = [
        "mq",
        "create",
        "q",
        "--max-messages",
        "2",
        "--max-size",
        "16",
    ];
    sb.ipc(create)
        .run()
        .code(0)
        .stdout("")
        .stderr("created /q\n");
    sb.ipc(["-q", "mq", "create", "q", "--if-exists", "open"])
        .run()
        .ok();
    sb.ipc(["mq", "create", "q", "--if-exists", "open"])
        .run()
        .code(0)
        .stderr("opened /q\n");
}

#[test]
fn a_name_with_and_without_its_slash_is_the_same_queue() {
    let sb = Sandbox::new();
    sb.queue("/q");
    send(&sb, "q", &["x"]);
    sb.ipc(["mq", "recv", "/q"]).run().ok().stdout("x");
}

#[test]
fn receive_list_and_unlink_are_other_names_of_recv_ls_and_rm() {
    let sb = Sandbox::new();
    sb.queue("q");
    send(&sb, "q", &["x"]);
    sb.ipc(["mq", "receive", "q"]).run().ok().stdout("x");
    if crate::sandbox::is_root() {
        sb.ipc(["mq", "list", "--no-headings", "--columns", "name"])
            .run()
            .ok()
            .stdout("/q\n");
    }
    sb.ipc(["mq", "unlink", "q"]).run().ok();
    sb.ipc(["mq", "stat", "q"]).run().code(3);
}

#[test]
fn every_verb_exits_3_without_the_queue() {
    let sb = Sandbox::new();
    sb.queue("there");
    for arguments in [
        &["mq", "send", "q", "x"][..],
        &["mq", "recv", "q"],
        &["mq", "recv", "q", "--exec", "true"],
        &["mq", "wait", "q", "-t", "30s"],
        &["mq", "full", "q"],
        &["mq", "empty", "q"],
        &["mq", "move", "q", "there"],
        &["mq", "move", "there", "q"],
        &["mq", "watch", "q", "-t", "30s", "--", "true"],
        &["mq", "stat", "q"],
        &["mq", "rm", "q"],
    ] {
        // Only a verb that can make it says how.
        let hint = match arguments {
            ["mq", "send" | "recv", ..] | ["mq", "move", "there", ..] => {
                "ipc mq create NAME, or --create"
            }
            _ => "ipc mq ls shows what there is",
        };
        sb.ipc(arguments).run().code(3).stdout("").stderr(&format!(
            "ipc: mq {}: /q: no such queue (ENOENT)\nhint: {hint}\n",
            arguments[1]
        ));
    }
}

#[test]
fn a_command_line_without_sense_exits_2() {
    let sb = Sandbox::new();
    sb.queue("q");
    for arguments in [
        &["mq", "send"][..],
        &["mq", "send", "q", "--priority", "32768", "x"],
        &["mq", "send", "q", "--priority=-1", "x"],
        &["mq", "send", "q", "--lines", "--null"],
        &["mq", "send", "q", "-f", "file", "x"],
        &["mq", "send", "q", "-t", "soon", "x"],
        &["mq", "send", "q", "-t", "1", "--try", "x"],
        &["mq", "recv", "q", "-n", "0"],
        &["mq", "recv", "q", "-n", "1", "--follow"],
        &["mq", "recv", "q", "--drain", "--follow"],
        &["mq", "recv", "q", "--newline", "--null"],
        &["mq", "recv", "q", "--keep-going"],
        &["mq", "recv", "q", "--exec"],
        &["mq", "recv", "q", "--exec", "--"],
        &["mq", "recv", "q", "--", "true"],
        &["mq", "watch", "q"],
        &["mq", "move", "q", "q"],
        &["mq", "move", "q", "/q"],
        &["mq", "create", "q", "--max-messages", "0"],
        &["mq", "create", "new", "--max-size", "0"],
        &["mq", "create", "a/b"],
        &["mq", "create", ".."],
        &["mq", "create", ""],
        &["mq", "create", "a\nb"],
        &["mq", "rm"],
        &["mq", "rm", "q", "--all"],
        &["mq", "--scope", "a.b", "stat", "q"],
        &["mq", "nonsense"],
    ] {
        let refused = sb.ipc(arguments).run();
        refused.code(2).stdout("");
        assert!(!refused.stderr.is_empty(), "{arguments:?} says nothing");
    }
    assert_eq!(depth(&sb, "q"), 0);
}

#[test]
fn a_missing_command_after_exec_is_refused_before_a_message_is_taken() {
    let sb = Sandbox::new();
    sb.queue("q");
    send(&sb, "q", &["first", "second"]);
    sb.ipc(["mq", "recv", "q", "--exec"])
        .run()
        .code(2)
        .stderr_has("a value is required for '--exec <CMD>...'");
    sb.ipc(["mq", "recv", "q", "--exec", "--"])
        .run()
        .code(2)
        .stderr("ipc: mq recv: --exec needs a command to run\nhint: --exec -- CMD ARGUMENT…\n");
    assert_eq!(drain(&sb, "q"), ["first", "second"]);
}

#[test]
fn try_exits_1_where_it_would_have_to_wait() {
    let sb = Sandbox::new();
    sb.queue("e");
    full_queue(&sb, "f");
    sb.queue("s");
    send(&sb, "s", &["x"]);
    for waiting in [&["--try"][..], &["-t", "0"], &["--timeout", "0ms"]] {
        for verb in [
            &["mq", "recv", "e"][..],
            &["mq", "recv", "e", "--follow"],
            &["mq", "wait", "e"],
            &["mq", "send", "f", "more"],
            &["mq", "move", "s", "f"],
        ] {
            let arguments: Vec<_> = verb.iter().chain(waiting).collect();
            sb.ipc(arguments).run().code(1).stdout("").stderr("");
        }
        let command = ["--", "true"];
        let watch = ["mq", "watch", "e"];
        let arguments: Vec<_> = watch.iter().chain(waiting).chain(&command).collect();
        sb.ipc(arguments).run().code(1).stdout("").stderr("");
        let arguments: Vec<_> = ["mq", "recv", "e"]
            .into_iter()
            .chain(waiting.iter().copied())
            .chain(["--exec", "true"])
            .collect();
        sb.ipc(arguments).run().code(1).stdout("").stderr("");
    }
    assert_eq!(drain(&sb, "s"), ["x"]);
    assert_eq!(drain(&sb, "f"), ["f1", "f2", "f3", "f4"]);
}

#[test]
fn a_time_out_exits_124_and_changes_nothing() {
    let sb = Sandbox::new();
    sb.queue("e");
    full_queue(&sb, "f");
    sb.queue("s");
    send(&sb, "s", &["x"]);
    for (verb, about) in [
        (&["mq", "recv", "e", "-t", "10ms"][..], "recv: /e"),
        (&["mq", "wait", "e", "-t", "0.01"], "wait: /e"),
        (&["mq", "send", "f", "more", "-t", "10ms"], "send: /f"),
        (&["mq", "move", "s", "f", "-t", "10ms"], "move: /f"),
        (
            &["mq", "watch", "e", "-t", "10ms", "--", "true"],
            "watch: /e",
        ),
        (
            &["mq", "recv", "e", "-t", "10ms", "--exec", "true"],
            "recv: /e",
        ),
    ] {
        sb.ipc(verb)
            .run()
            .code(124)
            .stdout("")
            .stderr(&format!("ipc: mq {about}: timed out\n"));
    }
    assert_eq!(drain(&sb, "e"), [""; 0]);
    assert_eq!(drain(&sb, "s"), ["x"]);
    assert_eq!(drain(&sb, "f"), ["f1", "f2", "f3", "f4"]);
}

#[test]
fn full_and_empty_answer_by_their_exit_code() {
    let sb = Sandbox::new();
    sb.queue("e");
    full_queue(&sb, "f");
    sb.queue("h");
    send(&sb, "h", &["x"]);
    for (queue, empty, full) in [("e", 0, 1), ("h", 1, 1), ("f", 1, 0)] {
        sb.ipc(["mq", "empty", queue])
            .run()
            .code(empty)
            .stdout("")
            .stderr("");
        sb.ipc(["mq", "full", queue])
            .run()
            .code(full)
            .stdout("")
            .stderr("");
    }
    sb.ipc(["mq", "full", "f", "--json"])
        .run()
        .code(0)
        .stdout("{\"full\":true}\n");
    sb.ipc(["mq", "empty", "f", "--json"])
        .run()
        .code(1)
        .stdout("{\"empty\":false}\n");
}

#[test]
fn a_message_longer_than_the_queue_takes_exits_6_with_both_numbers() {
    let sb = Sandbox::new();
    sb.queue("q");
    let hint = "hint: ipc mq create NAME --max-size BYTES makes a queue for longer ones\n";
    let exact = "ipc: mq send: /q: message is 65 bytes, the queue takes 64 (EMSGSIZE)\n";
    let least = "ipc: mq send: /q: message is longer than 64 bytes, which is what the queue takes (EMSGSIZE)\n";
    let long = "x".repeat(65);
    sb.ipc(["mq", "send", "q", &long])
        .run()
        .code(6)
        .stderr(&format!("{exact}{hint}"));
    sb.ipc(["mq", "send", "q"])
        .stdin(long.as_bytes())
        .run()
        .code(6)
        .stderr(&format!("{least}{hint}"));
    let path = file(&sb, "letter", long.as_bytes());
    sb.ipc(["mq", "send", "q", "-f", path.to_str().unwrap()])
        .run()
        .code(6)
        .stderr(&format!("{least}{hint}"));
    assert_eq!(depth(&sb, "q"), 0);
    sb.ipc(["mq", "send", "q", &long[..64]]).run().ok();
    sb.ipc(["mq", "recv", "q"]).run().ok().stdout(&long[..64]);
}

#[test]
fn input_that_never_ends_is_refused_and_not_read_for_ever() {
    let sb = Sandbox::new();
    sb.queue("q");
    for form in ["", "--lines"] {
        sb.sh(&format!("exec ipc mq send q {form} < /dev/zero"))
            .run()
            .code(6)
            .stderr_has("longer than 64 bytes, which is what the queue takes (EMSGSIZE)");
    }
    assert_eq!(depth(&sb, "q"), 0);
}

#[test]
fn a_file_that_cannot_be_read_sends_nothing() {
    let sb = Sandbox::new();
    sb.queue("q");
    let missing = sb.folder().join("missing");
    sb.ipc(["mq", "send", "q", "-f", missing.to_str().unwrap()])
        .run()
        .code(6)
        .stdout("")
        .stderr(&format!(
            "ipc: mq send: input file {}: no such file or directory (ENOENT)\n",
            missing.display()
        ));
    sb.sh("exec ipc mq send q <&-")
        .run()
        .code(6)
        .stderr_has("standard input: is closed");
    assert_eq!(depth(&sb, "q"), 0);
}

#[test]
fn rm_removes_all_it_can_and_mixed_outcomes_exit_8() {
    let sb = Sandbox::new();
    sb.queue("a");
    sb.queue("b");
    sb.ipc(["mq", "rm", "a", "missing", "b"])
        .run()
        .code(8)
        .stdout("")
        .stderr_has("ipc: mq rm: /missing: no such queue (ENOENT)");
    sb.ipc(["mq", "rm", "a", "b"]).run().code(3);
}

#[test]
fn stat_of_several_shows_those_that_are_there_and_exits_8() {
    let sb = Sandbox::new();
    sb.queue("a");
    let looked = sb.ipc(["mq", "stat", "a", "missing", "--json"]).run();
    looked.code(8).stderr_has("/missing: no such queue");
    let objects = looked.json()["objects"].as_array().unwrap().clone();
    assert_eq!(objects.len(), 1);
    assert_eq!(objects[0]["name"], "/a");
}

#[test]
fn help_of_every_verb_goes_to_standard_output() {
    let sb = Sandbox::new();
    for verb in [
        "create", "send", "recv", "wait", "full", "empty", "move", "watch", "stat", "ls", "rm",
    ] {
        let help = sb.ipc(["mq", verb, "--help"]).run();
        help.ok();
        let text = String::from_utf8(help.stdout.clone()).unwrap();
        assert!(text.contains("Usage:"), "{text}");
    }
}
