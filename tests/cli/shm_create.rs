//! `ipc shm create`.

use std::os::unix::fs::MetadataExt;

use crate::sandbox::{Sandbox, file};
use crate::shm::{create, pattern};

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
        "ipc: shm create: input file {folder}: is a directory (EISDIR)\n"
    ));
    let refused = sb
        .ipc(["shm", "create", "a", "--from", "no-such-file"])
        .run();
    // Not 3: no object is missing.
    refused
        .code(6)
        .stderr("ipc: shm create: input file no-such-file: no such file or directory (ENOENT)\n");
    sb.sh("exec ipc shm create a --from - <&-")
        .run()
        .code(6)
        .stderr_has("hint: connect it: < FILE, or a pipe; or name a FILE instead of -");
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
fn the_mode_is_exact_under_every_umask_for_every_kind() {
    let sb = Sandbox::new();
    let kinds = [
        "shm create --size 4",
        "shm write --create -f source",
        "sem create",
        "mq create --max-messages 1 --max-size 8",
    ];
    file(&sb, "source", b"x");
    for umask in ["000", "022", "027", "077", "777"] {
        for (mode, bits) in [
            ("", "0600"),
            ("--mode 0666", "0666"),
            ("--mode 640", "0640"),
        ] {
            for kind in kinds {
                let noun = kind.split(' ').next().unwrap();
                sb.will_make_queue("a");
                sb.sh(&format!("umask {umask}; exec ipc -q {kind} {mode} a"))
                    .run()
                    .ok();
                let document = sb.ipc(["--json", noun, "stat", "a"]).run().json();
                assert_eq!(
                    document["objects"][0]["mode"], bits,
                    "umask {umask}: {kind} {mode}"
                );
                sb.ipc([noun, "rm", "a"]).run().ok();
            }
        }
    }
}

#[test]
fn a_segment_may_be_closed_to_everybody() {
    let sb = Sandbox::new();
    let words = ["-q", "shm", "create", "a", "--size", "4", "--mode", "0"];
    sb.ipc(words).run().ok();
    assert_eq!(
        std::fs::metadata(sb.shm_file("a")).unwrap().mode() & 0o7777,
        0
    );
    sb.ipc(["shm", "rm", "a"]).run().ok();
}

#[test]
fn of_many_creators_at_once_one_makes_it_and_the_others_are_told() {
    let sb = Sandbox::new();
    for round in 0..5 {
        let name = format!("a{round}");
        let words = ["-q", "shm", "create", &name, "--size", "64K"];
        let started: Vec<_> = (0..8).map(|_| sb.ipc(words).start()).collect();
        let mut codes: Vec<_> = started
            .into_iter()
            .map(|creator| creator.finish().0.code())
            .collect();
        codes.sort_unstable();
        assert_eq!(codes[0], Some(0));
        assert!(codes[1..].iter().all(|code| *code == Some(4)), "{codes:?}");
    }
}

#[test]
fn many_that_open_or_replace_at_once_all_succeed() {
    let sb = Sandbox::new();
    for action in ["open", "replace"] {
        for _ in 0..5 {
            let words = [
                "-q",
                "shm",
                "create",
                "a",
                "--size",
                "64K",
                "--if-exists",
                action,
            ];
            let started: Vec<_> = (0..8).map(|_| sb.ipc(words).start()).collect();
            for creator in started {
                let (status, _, stderr) = creator.finish();
                assert!(status.success(), "{action}: {stderr}");
            }
            assert_eq!(
                std::fs::metadata(sb.shm_file("a")).unwrap().size(),
                64 << 10
            );
        }
    }
}
