//! How queues come to be: sizes, modes, scopes, and those that exist already.

use super::{depth, drain, send};
use crate::sandbox::{Invocation, Sandbox, skip};
use crate::shm_owners::as_nobody;

#[track_caller]
fn look(sb: &Sandbox, queue: &str) -> serde_json::Value {
    let looked = sb.ipc(["mq", "stat", queue, "--json"]).run();
    looked.ok();
    looked.json()["objects"][0].clone()
}

#[test]
fn ten_geometries_come_out_as_they_went_in() {
    let sb = Sandbox::new();
    for (messages, size, bytes) in [
        (1, "1", 1),
        (1, "8192", 8192),
        (10, "1", 1),
        (10, "16", 16),
        (2, "1K", 1024),
        (2, "1KB", 1000),
        (3, "33", 33),
        (4, "64", 64),
        (7, "4095", 4095),
        (1, "4097", 4097),
    ] {
        sb.ipc([
            "-q",
            "mq",
            "create",
            "q",
            "--max-messages",
            &messages.to_string(),
        ])
        .with(|command| {
            command.args(["--max-size", size]);
        })
        .run()
        .ok();
        let found = look(&sb, "q");
        assert_eq!(found["max_messages"], messages);
        assert_eq!(found["max_size"], bytes);
        assert_eq!(found["budget"], messages * (bytes + 96));
        for message in 0..messages {
            assert_eq!(depth(&sb, "q"), message);
            send(&sb, "q", &["x"]);
        }
        sb.ipc(["mq", "full", "q"]).run().ok();
        sb.ipc(["mq", "rm", "q"]).run().ok();
    }
}

#[test]
fn an_existing_queue_is_refused_taken_or_replaced() {
    let sb = Sandbox::new();
    sb.queue("q");
    send(&sb, "q", &["kept"]);
    let create = |action: &str, messages: &str| {
        sb.ipc([
            "mq",
            "create",
            "q",
            "--if-exists",
            action,
            "--max-messages",
            messages,
        ])
        .with(|command| {
            command.args(["--max-size", "64"]);
        })
        .run()
    };
    create("fail", "4")
        .code(4)
        .stderr_has("ipc: mq create: /q: the queue exists already (EEXIST)");
    create("open", "4").code(0).stderr("opened /q\n");
    create("open", "3")
        .code(4)
        .stderr_has("/q: the queue exists with 4 messages of 64 bytes, not 3 messages of 64 bytes");
    assert_eq!(depth(&sb, "q"), 1);
    create("replace", "3").code(0).stderr("replaced /q\n");
    assert_eq!(depth(&sb, "q"), 0);
    assert_eq!(look(&sb, "q")["max_messages"], 3);
    // Nothing was asked for, so nothing can differ.
    sb.ipc(["mq", "create", "q", "--if-exists", "open"])
        .run()
        .code(0)
        .stderr("opened /q\n");
}

#[test]
fn create_in_json_is_typed_and_has_the_name_without_its_scope() {
    let sb = Sandbox::new();
    let create = [
        "mq",
        "create",
        "q",
        "--max-messages",
        "2",
        "--max-size",
        "16",
        "--json",
    ];
    sb.ipc(create).run().ok().stdout(
        "{\"kind\":\"mq\",\"name\":\"/q\",\"result\":\"created\",\"max_messages\":2,\"max_size\":16}\n",
    );
    sb.ipc(["mq", "create", "q", "--if-exists", "open", "--json"]).run().ok().stdout(
        "{\"kind\":\"mq\",\"name\":\"/q\",\"result\":\"opened\",\"max_messages\":2,\"max_size\":16}\n",
    );
}

#[test]
fn the_mode_is_exact_under_every_umask() {
    let sb = Sandbox::new();
    sb.will_make_queue("q");
    for umask in ["000", "022", "027", "077", "777"] {
        for mode in ["0600", "0666", "0640", "0622", "0400"] {
            sb.sh(&format!(
                "umask {umask}; ipc -q mq create q --mode {mode} --max-messages 1 --max-size 1"
            ))
            .run()
            .ok();
            if crate::sandbox::is_root() || mode != "0000" {
                assert_eq!(look(&sb, "q")["mode"], mode, "under {umask}");
            }
            sb.ipc(["mq", "rm", "q"]).run().ok();
        }
    }
}

#[test]
fn without_a_mode_a_queue_is_for_its_owner_alone() {
    let sb = Sandbox::new();
    sb.will_make_queue("q");
    sb.sh("umask 000; ipc -q mq create q --max-messages 1 --max-size 1")
        .run()
        .ok();
    assert_eq!(look(&sb, "q")["mode"], "0600");
}

#[test]
fn send_makes_a_missing_queue_when_it_may() {
    let sb = Sandbox::new();
    let create = [
        "--create",
        "--max-messages",
        "3",
        "--max-size",
        "16",
        "--mode",
        "0640",
    ];
    for message in ["one", "two"] {
        let send = ["mq", "send", "q", message];
        sb.ipc(send.iter().chain(&create)).run().ok();
    }
    let found = look(&sb, "q");
    assert_eq!(
        (&found["max_messages"], &found["max_size"], &found["mode"]),
        (&3.into(), &16.into(), &"0640".into())
    );
    assert_eq!(drain(&sb, "q"), ["one", "two"]);
}

#[test]
fn recv_and_move_make_a_missing_queue_when_they_may() {
    let sb = Sandbox::new();
    let create = ["--create", "--max-messages", "2", "--max-size", "16"];
    let recv = ["mq", "recv", "r", "--try"];
    sb.ipc(recv.iter().chain(&create)).run().code(1);
    assert_eq!(look(&sb, "r")["max_messages"], 2);
    send(&sb, "r", &["x"]);
    let moved = ["mq", "move", "r", "m", "-t", "30s"];
    sb.ipc(moved.iter().chain(&create)).run().ok();
    assert_eq!(drain(&sb, "m"), ["x"]);
}

#[test]
fn many_that_create_the_same_queue_at_once_all_send_into_one() {
    let sb = Sandbox::new();
    for _ in 0..10 {
        let senders: Vec<_> = ["a", "b", "c", "d"]
            .into_iter()
            .map(|message| {
                let create = ["--create", "--max-messages", "4", "--max-size", "16"];
                let send = ["mq", "send", "q", message, "-t", "30s"];
                sb.ipc(send.iter().chain(&create)).start()
            })
            .collect();
        for sender in senders {
            let (status, _, stderr) = sender.finish();
            assert!(status.success(), "{stderr}");
        }
        let mut found = drain(&sb, "q");
        found.sort();
        assert_eq!(found, ["a", "b", "c", "d"]);
        sb.ipc(["mq", "rm", "q"]).run().ok();
    }
}

#[test]
fn queues_of_two_scopes_never_meet() {
    let sb = Sandbox::new();
    sb.queue("q");
    send(&sb, "q", &["outer"]);
    let other = format!("{}x", sb.scope());
    sb.ipc(["--scope", &other, "mq", "stat", "q"]).run().code(3);
    sb.ipc([
        "--scope",
        &other,
        "-q",
        "mq",
        "create",
        "q",
        "--max-messages",
        "1",
    ])
    .run()
    .ok();
    sb.ipc(["mq", "--scope", &other, "send", "q", "inner", "--json"])
        .run()
        .ok()
        .stdout("{\"name\":\"/q\",\"sent\":1}\n");
    sb.ipc(["mq", "recv", "q"]).run().ok().stdout("outer");
    // With an empty scope the name is the full one.
    let full = format!("{other}.q");
    sb.ipc(["mq", "recv", &full, "--scope", ""])
        .run()
        .ok()
        .stdout("inner");
    sb.ipc(["mq", "rm", "q", "--scope", &other]).run().ok();
}

#[test]
fn the_longest_name_counts_its_scope() {
    let sb = Sandbox::new();
    let room = 240 - sb.scope().len() - 1;
    sb.queue(&"n".repeat(room));
    sb.ipc(["mq", "create", &"n".repeat(room + 1)])
        .run()
        .code(2)
        .stderr_has("a name has at most 240 bytes, this one has 241");
}

#[test]
fn create_of_a_verb_refuses_a_queue_of_another_geometry() {
    let sb = Sandbox::new();
    sb.queue("q");
    sb.queue("other");
    let verbs: [&[&str]; 3] = [
        &["mq", "send", "q", "lost"],
        &["mq", "recv", "q", "--drain"],
        &["mq", "move", "other", "q"],
    ];
    for verb in verbs {
        let run = |geometry: &[&str]| {
            let words = [verb, &["--create"], geometry].concat();
            sb.ipc(words).run()
        };
        for geometry in [["--max-messages", "3"], ["--max-size", "65"]] {
            let refused = run(&geometry);
            refused.code(4).stdout("");
            refused.stderr_has("the queue exists with 4 messages of 64 bytes, not ");
        }
        // Nothing, or the same, is asked for.
        run(&["--max-messages", "4", "--max-size", "64"]).ok();
        run(&[]).ok();
    }
}

#[test]
fn one_message_is_not_called_messages() {
    let sb = Sandbox::new();
    let words = [
        "-q",
        "mq",
        "create",
        "q",
        "--max-messages",
        "1",
        "--max-size",
        "1",
    ];
    sb.ipc(words).run().ok();
    sb.ipc([
        "mq",
        "create",
        "q",
        "--if-exists",
        "open",
        "--max-size",
        "2",
    ])
    .run()
    .code(4)
    .stderr_has("exists with 1 message of 1 byte, not 1 message of 2 bytes");
    sb.ipc(["mq", "send", "q", "a", "b", "--try"])
        .run()
        .code(1)
        .stderr("ipc: mq send: /q: full after 1 message sent\n");
}

#[test]
fn a_queue_of_another_user_names_owner_and_mode() {
    let sb = Sandbox::new();
    sb.queue("q");
    let mounted = sb.folder().join("mounted");
    std::fs::create_dir(&mounted).unwrap();
    // A mount that nobody else sees, and that goes away with its process.
    let seen = |run: Invocation<'_>| {
        let command = run.command();
        let mut words = vec!["-m".as_ref(), "sh".as_ref(), "-c".as_ref()];
        words.push("mount -t mqueue none \"$0\" || exit 99; exec \"$@\"".as_ref());
        words.extend([mounted.as_os_str(), command.get_program()]);
        words.extend(command.get_args());
        sb.program("unshare", words)
            .env("IPC_RUNTIME_DIR", "/dev/shm/none-of-mine")
            .run()
    };
    let owner = "permission denied: it belongs to user 0 and has mode 0600 (EACCES)\n";
    for words in [
        &["mq", "send", "q", "x"][..],
        &["mq", "recv", "q"],
        &["mq", "full", "q"],
    ] {
        let Some(run) = as_nobody(&sb, words) else {
            return;
        };
        let run = seen(run);
        if matches!(run.status.code(), Some(1 | 99)) {
            skip("no mqueue file system can be mounted here");
            return;
        }
        run.code(5)
            .stderr(&format!("ipc: mq {}: /q: {owner}", words[1]));
    }
    let removal = seen(as_nobody(&sb, &["mq", "rm", "q"]).unwrap());
    removal.code(5).stderr_has("only user 0 may remove it");
}
