//! `ipc shm`: looking, resizing, removing, and what all verbs share.

use std::os::unix::fs::MetadataExt;

use serde_json::json;

use crate::sandbox::Sandbox;

/// Bytes of which no two chunks are alike.
pub fn pattern(length: usize) -> Vec<u8> {
    let mut state: u32 = 2_463_534_242;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}

pub fn create(sb: &Sandbox, name: &str, size: &str) {
    let made = sb.ipc(["-q", "shm", "create", name, "--size", size]).run();
    made.ok();
}

#[test]
fn bytes_written_by_one_process_are_read_by_another() {
    let sb = Sandbox::new();
    sb.ipc(["shm", "create", "a", "--size", "8"])
        .run()
        .code(0)
        .stderr("created /a\n");
    sb.ipc(["shm", "write", "a", "hello"]).run().ok();
    sb.ipc(["shm", "read", "a"])
        .run()
        .ok()
        .stdout_bytes(b"hello\0\0\0");
}

#[test]
fn aliases_do_what_the_verbs_do() {
    let sb = Sandbox::new();
    create(&sb, "a", "4");
    sb.ipc(["shm", "write", "/a", "wxyz"]).run().ok();
    sb.ipc(["shm", "cat", "a"]).run().ok().stdout("wxyz");
    let listed = sb.ipc(["shm", "ls"]).run();
    sb.ipc(["shm", "list"])
        .run()
        .ok()
        .stdout_bytes(&listed.stdout);
    sb.ipc(["shm", "unlink", "a"]).run().ok().stdout("");
    assert!(!sb.shm_file("a").exists());
}

#[test]
fn resize_moves_the_end_both_ways_and_new_bytes_are_zeros() {
    let sb = Sandbox::new();
    create(&sb, "a", "4");
    sb.ipc(["shm", "write", "a", "abcd"]).run().ok();
    sb.ipc(["shm", "resize", "a", "2"]).run().ok().stdout("");
    sb.ipc(["shm", "resize", "a", "4"]).run().ok();
    sb.ipc(["shm", "read", "a"])
        .run()
        .ok()
        .stdout_bytes(b"ab\0\0");
    sb.ipc(["shm", "resize", "a", "1M"]).run().ok();
    let found = std::fs::metadata(sb.shm_file("a")).unwrap();
    assert_eq!(found.size(), 1 << 20);
    assert!(found.blocks() * 512 >= 1 << 20);
}

#[test]
fn stat_shows_what_the_kernel_knows() {
    let sb = Sandbox::new();
    sb.ipc([
        "-q", "shm", "create", "a", "--size", "5000", "--mode", "0640",
    ])
    .run()
    .ok();
    let found = std::fs::metadata(sb.shm_file("a")).unwrap();
    let shown = sb.ipc(["shm", "stat", "a", "--bytes"]).run();
    shown.ok();
    let text = String::from_utf8(shown.stdout.clone()).unwrap();
    for line in [
        "kind:         shm",
        "name:         /a",
        "status:       ok",
        "size:         5000",
        "allocated:    8192",
        "mode:         0640",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line}\n{text}");
    }
    let document = sb.ipc(["--json", "shm", "stat", "a"]).run().json();
    let object = &document["objects"][0];
    assert_eq!(object["inode"], json!(found.ino()));
    assert_eq!(object["device"], json!(found.dev()));
    assert_eq!(object["uid"], json!(found.uid()));
    assert!(object["modified"].as_f64().unwrap() > 1.6e9);
}

#[test]
fn rm_takes_several_names_and_goes_on_after_a_failure() {
    let sb = Sandbox::new();
    create(&sb, "a", "1");
    create(&sb, "b", "1");
    let removed = sb.ipc(["shm", "rm", "a", "missing", "b"]).run();
    removed.code(8).stdout("").stderr(
        "ipc: shm rm: /missing: no such segment (ENOENT)\nhint: ipc shm ls shows what there is\n",
    );
    assert!(sb.left_in_shm().is_empty());
    sb.ipc(["shm", "rm", "a", "b"]).run().code(3);
}

#[test]
fn rm_by_pattern_only_says_what_it_would_do_until_yes() {
    let sb = Sandbox::new();
    for name in ["job-1", "job-2", "other"] {
        create(&sb, name, "1");
    }
    let would = sb.ipc(["shm", "rm", "--match", "job-*"]).run();
    would
        .code(0)
        .stdout("would remove /job-1\nwould remove /job-2\n")
        .stderr("nothing is removed yet: add --yes\n");
    assert_eq!(sb.left_in_shm().len(), 3);
    sb.ipc(["shm", "rm", "--match", "job-*", "--yes"])
        .run()
        .ok();
    assert_eq!(sb.left_in_shm(), [sb.full("other")]);
    sb.ipc(["shm", "rm", "--all", "--yes"]).run().ok();
    // Nothing to do is the answer no.
    let none = sb.ipc(["shm", "rm", "--all", "--yes"]).run();
    none.code(1)
        .stderr("ipc: shm rm: nothing of yours matches\n");
}

#[test]
fn a_missing_segment_exits_3_whatever_the_verb() {
    let sb = Sandbox::new();
    for words in [
        &["shm", "read", "a"][..],
        &["shm", "write", "a", "x"],
        &["shm", "resize", "a", "1"],
        &["shm", "stat", "a"],
        &["shm", "rm", "a"],
        &["shm", "read", "a", "b"],
    ] {
        let refused = sb.ipc(words).run();
        refused.code(3).stdout("");
        refused.stderr_has("/a: no such segment (ENOENT)\nhint: ipc shm ls");
    }
}

#[test]
fn misuse_exits_2_and_says_what_is_wrong() {
    let sb = Sandbox::new();
    for (words, says) in [
        (&["shm", "create", "a"][..], "--size <SIZE>"),
        (
            &["shm", "create", "a", "--size", "1", "--from", "x"],
            "cannot be used with",
        ),
        (
            &["shm", "create", "a", "--size", "1", "--mode", "1777"],
            "a mode is octal",
        ),
        (
            &["shm", "create", "a", "--size", "1", "--if-exists", "maybe"],
            "fail, open, replace",
        ),
        (&["shm", "read"], "<NAME>..."),
        (&["shm", "rm"], "<NAME>..."),
        (&["shm", "rm", "a", "--all"], "cannot be used with"),
        (&["shm", "create", "a"], "<--size <SIZE>|--from <FILE>>"),
        (
            &["shm", "ls", "a["],
            "the [ in this pattern is never closed",
        ),
        (
            &["shm", "rm", "--match", "{a", "--yes"],
            "hint: a { itself is \\{",
        ),
        (
            &["mq", "wait", "q", "-t", "99999999999999999999s"],
            "is longer than the longest duration, 18446744073709551615 seconds",
        ),
        (
            &["shm", "write", "a", "x", "-f", "y"],
            "cannot be used with",
        ),
        (
            &["shm", "write", "a", "x", "--grow", "--truncate"],
            "cannot be used with",
        ),
        (&["shm", "read", "a", "--offset", "-1"], "-1"),
    ] {
        let refused = sb.ipc(words).run();
        refused.code(2).stdout("").stderr_has(says);
    }
}

#[test]
fn names_of_other_kinds_are_not_segments() {
    let sb = Sandbox::new();
    let none = |words: &[&str]| {
        sb.ipc(words)
            .env("IPC_SCOPE", "")
            .run()
            .code(2)
            .stderr
            .clone()
    };
    for name in [
        &format!("sem.{}", sb.full("a")),
        &format!("ipc.lock.{}", sb.full("a")),
    ] {
        let said = none(&["shm", "create", name, "--size", "4"]);
        assert!(String::from_utf8_lossy(&said).contains("kept for other kinds"));
        for verb in ["read", "write", "rm"] {
            let said = none(&["shm", verb, name]);
            assert!(
                String::from_utf8_lossy(&said).contains("are not segments"),
                "{verb}"
            );
        }
    }
}

#[test]
fn every_verb_has_json_of_its_own_with_typed_values() {
    let sb = Sandbox::new();
    let document = |words: &[&str]| {
        let outcome = sb.ipc(words).run();
        outcome.ok();
        outcome.json()
    };
    assert_eq!(
        document(&["--json", "shm", "create", "a", "--size", "8"]),
        json!({"kind": "shm", "name": "/a", "result": "created", "size": 8})
    );
    let open = [
        "--json",
        "shm",
        "create",
        "a",
        "--size",
        "8",
        "--if-exists",
        "open",
    ];
    assert_eq!(document(&open)["result"], "opened");
    assert_eq!(
        document(&["--json", "shm", "write", "a", "--offset", "2", "hi"]),
        json!({"name": "/a", "written": 2, "offset": 2, "created": false})
    );
    assert_eq!(
        document(&[
            "--json", "shm", "read", "a", "--offset", "2", "--length", "2"
        ]),
        json!({"name": "/a", "size": 8, "offset": 2, "length": 2, "encoding": "utf-8", "data": "hi"})
    );
    assert_eq!(
        document(&["--json", "shm", "resize", "a", "4"]),
        json!({"name": "/a", "former_size": 8, "size": 4})
    );
    let keys = |value: &serde_json::Value| -> Vec<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    let expected = [
        "kind",
        "name",
        "status",
        "size",
        "allocated",
        "mode",
        "uid",
        "gid",
        "device",
        "inode",
        "modified",
    ];
    for verb in [
        &["--json", "shm", "ls"][..],
        &["--json", "shm", "stat", "a"],
    ] {
        let document = document(verb);
        assert_eq!(keys(&document), ["objects"]);
        assert_eq!(keys(&document["objects"][0]), expected);
    }
    assert_eq!(
        document(&["--json", "shm", "rm", "a"]),
        json!({"name": "/a", "removed": true})
    );
    assert_eq!(document(&["--json", "shm", "ls"]), json!({"objects": []}));
}

#[test]
fn json_of_a_failure_is_still_a_document_for_ls_and_stat() {
    let sb = Sandbox::new();
    create(&sb, "a", "1");
    let outcome = sb.ipc(["--json", "shm", "stat", "missing", "a"]).run();
    outcome.code(8);
    assert_eq!(outcome.json()["objects"].as_array().unwrap().len(), 1);
    let outcome = sb.ipc(["--json", "shm", "stat", "missing"]).run();
    outcome.code(3);
    assert_eq!(outcome.json(), json!({"objects": []}));
}

#[test]
fn quiet_says_nothing_but_errors() {
    let sb = Sandbox::new();
    sb.ipc(["shm", "create", "a", "--size", "1", "-q"])
        .run()
        .ok()
        .stdout("");
    let refused = sb.ipc(["shm", "create", "a", "--size", "1", "-q"]).run();
    refused.code(4).stderr_has("exists already");
}

#[test]
fn explicit_names_are_removed_with_yes_as_well() {
    let sb = Sandbox::new();
    create(&sb, "a", "1");
    create(&sb, "b", "1");
    sb.ipc(["shm", "rm", "a", "--yes"]).run().ok().stdout("");
    sb.ipc(["shm", "rm", "--yes", "b"]).run().ok().stdout("");
    assert!(sb.left_in_shm().is_empty());
    // By itself it means nothing.
    sb.ipc(["shm", "rm", "--yes"]).run().code(2).stdout("");
}

#[test]
fn sentences_show_the_name_in_full_and_tables_within_the_scope() {
    let sb = Sandbox::new();
    let full = format!("/{}", sb.full("a"));
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let made = sb.ipc(["shm", "create", "a", "--size", "1"]).run();
    assert_eq!(text(&made.stderr), format!("created {full}\n"));
    let would = sb.ipc(["shm", "rm", "--all"]).run();
    assert_eq!(text(&would.stdout), format!("would remove {full}\n"));
    let listed = sb
        .ipc(["shm", "ls", "--columns", "name", "--no-headings"])
        .run();
    assert_eq!(text(&listed.stdout), "/a\n");
    let missing = sb.ipc(["shm", "read", "b"]).run();
    assert!(text(&missing.stderr).contains(&format!("/{}: no such", sb.full("b"))));
}
