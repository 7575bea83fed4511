//! `ipc shm`: creating, looking, resizing, removing.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use serde_json::json;

use crate::sandbox::{Sandbox, file};

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
fn a_new_segment_is_of_zeros_has_its_size_and_its_memory() {
    let sb = Sandbox::new();
    for (name, size, bytes) in [
        ("a", "1", 1),
        ("b", "4096", 4096),
        ("c", "4097", 4097),
        ("d", "300K", 300 << 10),
    ] {
        create(&sb, name, size);
        let found = std::fs::metadata(sb.shm_file(name)).unwrap();
        assert_eq!(found.size(), bytes);
        assert!(
            found.blocks() * 512 >= bytes,
            "{size}: {} blocks",
            found.blocks()
        );
        let read = sb.ipc(["shm", "read", name]).run();
        read.ok().stdout_bytes(&vec![0; bytes as usize]);
    }
}

#[test]
fn sizes_have_units_of_1024_and_of_1000() {
    let sb = Sandbox::new();
    for (index, (text, bytes)) in [
        ("3", 3),
        ("2k", 2048),
        ("2KiB", 2048),
        ("2KB", 2000),
        ("1M", 1 << 20),
        ("1MB", 1_000_000),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("s{index}");
        create(&sb, &name, text);
        assert_eq!(
            std::fs::metadata(sb.shm_file(&name)).unwrap().size(),
            bytes,
            "{text}"
        );
    }
    for text in [
        "",
        "K",
        "1.5K",
        "-1",
        "4X",
        "0x10",
        "9223372036854775808",
        "1e3",
    ] {
        let refused = sb
            .ipc(["shm", "create", "bad", &format!("--size={text}")])
            .run();
        refused.code(2).stdout("").stderr_has("a size");
    }
    assert!(!sb.shm_file("bad").exists());
}

#[test]
fn a_sparse_segment_takes_memory_only_where_it_is_written() {
    let sb = Sandbox::new();
    let made = sb
        .ipc(["-q", "shm", "create", "a", "--size", "16M", "--sparse"])
        .run();
    made.ok();
    let found = std::fs::metadata(sb.shm_file("a")).unwrap();
    assert_eq!((found.size(), found.blocks()), (16 << 20, 0));
    sb.ipc(["shm", "write", "a", "--offset", "8M", "x"])
        .run()
        .ok();
    let used = std::fs::metadata(sb.shm_file("a")).unwrap().blocks() * 512;
    assert!(used > 0 && used < 16 << 20, "{used} bytes");
    // What resize adds is there at once, unless that is not wanted.
    sb.ipc(["shm", "resize", "a", "17M", "--sparse"]).run().ok();
    assert!(std::fs::metadata(sb.shm_file("a")).unwrap().blocks() * 512 < 16 << 20);
    sb.ipc(["shm", "resize", "a", "18M"]).run().ok();
    assert!(std::fs::metadata(sb.shm_file("a")).unwrap().blocks() * 512 >= 18 << 20);
}

#[test]
fn from_a_file_takes_its_bytes_and_its_size() {
    let sb = Sandbox::new();
    for length in [
        1,
        4096,
        (256 << 10) - 1,
        256 << 10,
        (256 << 10) + 1,
        3 << 20,
    ] {
        let bytes = pattern(length);
        let source = file(&sb, "source", &bytes);
        let name = format!("f{length}");
        let path = source.to_str().unwrap();
        sb.ipc(["-q", "shm", "create", &name, "--from", path])
            .run()
            .ok();
        assert!(
            std::fs::read(sb.shm_file(&name)).unwrap() == bytes,
            "{length}"
        );
    }
}

#[test]
fn from_standard_input_takes_all_that_comes() {
    let sb = Sandbox::new();
    let bytes = pattern(700_001);
    let made = sb.ipc(["-q", "shm", "create", "a", "--from", "-"]);
    made.stdin(bytes.clone()).run().ok();
    assert!(std::fs::read(sb.shm_file("a")).unwrap() == bytes);
    let none = sb.ipc(["shm", "create", "b", "--from", "-"]).run();
    none.code(2).stderr_has("at least one byte");
    assert!(!sb.shm_file("b").exists());
}

#[test]
fn from_a_file_of_holes_makes_a_sparse_segment_of_the_same_bytes() {
    let sb = Sandbox::new();
    let mut bytes = vec![0; 3 << 20];
    bytes[1 << 20] = 7;
    let source = file(&sb, "source", &bytes);
    let path = source.to_str().unwrap();
    sb.ipc(["-q", "shm", "create", "a", "--sparse", "--from", path])
        .run()
        .ok();
    assert!(std::fs::read(sb.shm_file("a")).unwrap() == bytes);
    assert!(std::fs::metadata(sb.shm_file("a")).unwrap().blocks() * 512 < 1 << 20);
}

#[test]
fn a_source_that_cannot_be_read_is_named_and_leaves_nothing() {
    let sb = Sandbox::new();
    let folder = sb.folder().to_str().unwrap();
    let refused = sb.ipc(["shm", "create", "a", "--from", folder]).run();
    refused.code(6).stderr(&format!(
        "ipc: shm create: {folder}: is a directory (EISDIR)\n"
    ));
    let refused = sb
        .ipc(["shm", "create", "a", "--from", "no-such-file"])
        .run();
    refused.stderr_has("no-such-file: no such file or directory (ENOENT)");
    assert!(!refused.status.success());
    assert!(!sb.shm_file("a").exists());
}

#[test]
fn create_of_a_name_that_is_taken_exits_4_and_changes_nothing() {
    let sb = Sandbox::new();
    create(&sb, "a", "4");
    sb.ipc(["shm", "write", "a", "mine"]).run().ok();
    let refused = sb
        .ipc(["shm", "create", "a", "--size", "8", "--mode", "0666"])
        .run();
    refused.code(4).stdout("").stderr(
        "ipc: shm create: /a: the segment exists already (EEXIST)\n\
         hint: --if-exists open takes it as it is, --if-exists replace makes a new one\n",
    );
    let found = std::fs::metadata(sb.shm_file("a")).unwrap();
    assert_eq!((found.size(), found.mode() & 0o777), (4, 0o600));
    sb.ipc(["shm", "read", "a"]).run().ok().stdout("mine");
}

#[test]
fn a_taken_name_is_told_before_the_stream_is_read() {
    let sb = Sandbox::new();
    create(&sb, "a", "4");
    // The stream never ends, so only who does not read it gets to an end.
    for (action, code) in [("fail", 4), ("open", 0)] {
        let words = ["shm", "create", "a", "--from", "-", "--if-exists", action];
        let (running, stdin) = sb.ipc(words).start_with_input();
        let (status, _, _) = running.finish();
        assert_eq!(status.code(), Some(code), "{action}");
        drop(stdin);
    }
}

#[test]
fn if_exists_open_never_resizes_nor_changes_the_mode() {
    let sb = Sandbox::new();
    create(&sb, "a", "10");
    let inode = std::fs::metadata(sb.shm_file("a")).unwrap().ino();
    let open = [
        "shm",
        "create",
        "a",
        "--if-exists",
        "open",
        "--mode",
        "0666",
        "--size",
    ];
    let opened = sb.ipc(open.iter().chain(&["10"])).run();
    opened.code(0).stderr("opened /a\n");
    for other in ["9", "11", "4096"] {
        let refused = sb.ipc(open.iter().chain(&[other])).run();
        refused
            .code(4)
            .stderr_has("exists with 10 bytes")
            .stderr_has("hint: ipc shm resize");
    }
    let source = file(&sb, "source", b"four");
    let from = ["shm", "create", "a", "--if-exists", "open", "--from"];
    let from = sb.ipc(from.iter().copied().chain(source.to_str())).run();
    from.code(4);
    let found = std::fs::metadata(sb.shm_file("a")).unwrap();
    assert_eq!(
        (found.size(), found.mode() & 0o777, found.ino()),
        (10, 0o600, inode)
    );
    let made = sb
        .ipc(["shm", "create", "b", "--if-exists", "open", "--size", "3"])
        .run();
    made.code(0).stderr("created /b\n");
}

#[test]
fn if_exists_replace_makes_a_new_one_and_whoever_has_the_old_keeps_it() {
    let sb = Sandbox::new();
    create(&sb, "a", "10");
    let old = std::fs::metadata(sb.shm_file("a")).unwrap();
    let replace = [
        "shm",
        "create",
        "a",
        "--if-exists",
        "replace",
        "--mode",
        "0640",
        "--size",
        "5",
    ];
    let replaced = sb.ipc(replace).run();
    replaced.code(0).stderr("replaced /a\n");
    let new = std::fs::metadata(sb.shm_file("a")).unwrap();
    assert_eq!((new.size(), new.mode() & 0o777), (5, 0o640));
    assert!(new.ino() != old.ino());
    let made = sb
        .ipc([
            "shm",
            "create",
            "b",
            "--if-exists",
            "replace",
            "--size",
            "3",
        ])
        .run();
    made.code(0).stderr("created /b\n");
}

#[test]
fn a_stream_replaces_a_segment_without_losing_a_byte() {
    let sb = Sandbox::new();
    create(&sb, "a", "10");
    let bytes = pattern(600_000);
    let words = [
        "shm",
        "create",
        "a",
        "--if-exists",
        "replace",
        "--from",
        "-",
    ];
    let replaced = sb.ipc(words).stdin(bytes.clone()).run();
    replaced.code(0).stderr("replaced /a\n");
    assert!(std::fs::read(sb.shm_file("a")).unwrap() == bytes);
    // A source that gives nothing does not cost the old one its name.
    let refused = sb.ipc(words).run();
    refused.code(2);
    assert!(std::fs::read(sb.shm_file("a")).unwrap() == bytes);
}

#[test]
fn a_segment_of_no_bytes_is_refused_by_every_verb_that_could_make_one() {
    let sb = Sandbox::new();
    create(&sb, "a", "4");
    for words in [
        &["shm", "create", "b", "--size", "0"][..],
        &["shm", "resize", "a", "0"],
        &["shm", "write", "a", "--truncate"],
        &["shm", "write", "b", "--create"],
    ] {
        let refused = sb.ipc(words).run();
        refused
            .code(2)
            .stdout("")
            .stderr_has("a segment has at least one byte");
    }
    assert!(!sb.shm_file("b").exists());
    assert_eq!(std::fs::metadata(sb.shm_file("a")).unwrap().size(), 4);
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
        (&["shm", "create", "--size", "1", "sem.a"], ""),
        (&["shm", "read"], "<NAME>..."),
        (&["shm", "rm"], "--match"),
        (&["shm", "rm", "a", "--all"], "cannot be used with"),
        (&["shm", "rm", "a", "--yes"], "cannot be used with"),
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
        if says.is_empty() {
            continue;
        }
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
fn the_mode_is_exact_under_every_umask() {
    let sb = Sandbox::new();
    for umask in ["000", "022", "027", "077", "777"] {
        for (mode, bits) in [
            ("", 0o600),
            ("--mode 0666", 0o666),
            ("--mode 640", 0o640),
            ("--mode 0", 0),
        ] {
            let line = format!(
                "umask {umask}; ipc -q shm create a --size 4 {mode} && \
                 ipc -q shm write b x --create {mode}"
            );
            sb.sh(&line).run().ok();
            for name in ["a", "b"] {
                let found = std::fs::metadata(sb.shm_file(name))
                    .unwrap()
                    .permissions()
                    .mode();
                assert_eq!(found & 0o7777, bits, "umask {umask}, {mode}");
            }
            sb.ipc(["shm", "rm", "a", "b"]).run().ok();
        }
    }
}
