//! `ipc shm write`.

use std::os::unix::fs::MetadataExt;

use serde_json::json;

use crate::sandbox::{Sandbox, file};
use crate::shm::{create, pattern};

pub fn size(sb: &Sandbox, name: &str) -> u64 {
    std::fs::metadata(sb.shm_file(name)).unwrap().size()
}

/// A segment with these bytes.
pub fn segment(sb: &Sandbox, name: &str, bytes: &[u8]) {
    let made = sb.ipc(["-q", "shm", "create", name, "--from", "-"]);
    made.stdin(bytes).run().ok();
}

#[test]
fn write_at_an_offset_leaves_the_rest_as_it_is() {
    let sb = Sandbox::new();
    segment(&sb, "a", b"0123456789");
    sb.ipc(["shm", "write", "a", "--offset", "3", "xyz"])
        .run()
        .ok()
        .stdout("");
    sb.ipc(["shm", "read", "a"]).run().ok().stdout("012xyz6789");
    assert_eq!(size(&sb, "a"), 10);
}

#[test]
fn arguments_are_joined_and_nothing_is_added() {
    let sb = Sandbox::new();
    create(&sb, "a", "6");
    sb.ipc(["shm", "write", "a", "ab", "", "cd"]).run().ok();
    sb.ipc(["shm", "read", "a"])
        .run()
        .ok()
        .stdout_bytes(b"abcd\0\0");
    sb.ipc(["shm", "write", "a", "--", "--json"]).run().ok();
    sb.ipc(["shm", "read", "a"]).run().ok().stdout("--json");
}

#[test]
fn bytes_come_from_a_file_or_from_standard_input() {
    let sb = Sandbox::new();
    create(&sb, "a", "4");
    let source = file(&sb, "source", b"file");
    let path = source.to_str().unwrap();
    sb.ipc(["shm", "write", "a", "-f", path]).run().ok();
    sb.ipc(["shm", "read", "a"]).run().ok().stdout("file");
    for words in [
        &["shm", "write", "a"][..],
        &["shm", "write", "a", "-"],
        &["shm", "write", "a", "-f", "-"],
    ] {
        sb.ipc(words).stdin("pipe").run().ok();
        sb.ipc(["shm", "read", "a"]).run().ok().stdout("pipe");
        sb.ipc(["shm", "write", "a", "...."]).run().ok();
    }
}

#[test]
fn binary_bytes_pass_unchanged() {
    let sb = Sandbox::new();
    let all: Vec<u8> = (0..=255).collect();
    segment(&sb, "a", &all);
    sb.ipc(["shm", "read", "a"]).run().ok().stdout_bytes(&all);
    let document = sb
        .ipc(["--json", "shm", "read", "a", "--length", "2"])
        .run()
        .json();
    assert_eq!(document["encoding"], "utf-8");
    let document = sb
        .ipc(["--json", "shm", "read", "a", "--offset", "254"])
        .run()
        .json();
    assert_eq!(
        document,
        json!({"name": "/a", "size": 256, "offset": 254, "length": 2, "encoding": "base64", "data": "/v8="})
    );
}

#[test]
fn what_does_not_fit_exits_6_and_is_not_written_at_all() {
    let sb = Sandbox::new();
    segment(&sb, "a", b"0123456789");
    let refused = sb.ipc(["shm", "write", "a", "--offset", "8", "xyz"]).run();
    refused.code(6).stderr(
        "ipc: shm write: /a: 3 bytes at offset 8 do not fit, the segment has 10 (EFBIG)\n\
         hint: --grow moves the end out, --truncate puts it where the data ends\n",
    );
    sb.ipc(["shm", "write", "a", "--offset", "11", ""])
        .run()
        .code(6);
    sb.ipc(["shm", "read", "a"]).run().ok().stdout("0123456789");
    // Up to the very end fits.
    sb.ipc(["shm", "write", "a", "--offset", "8", "xy"])
        .run()
        .ok();
    sb.ipc(["shm", "write", "a", "--offset", "10", ""])
        .run()
        .ok();
    sb.ipc(["shm", "read", "a"]).run().ok().stdout("01234567xy");
}

#[test]
fn a_long_stream_that_does_not_fit_says_how_much_is_written() {
    let sb = Sandbox::new();
    create(&sb, "a", "600K");
    let refused = sb
        .ipc(["shm", "write", "a"])
        .stdin(pattern(700 << 10))
        .run();
    refused.code(6).stderr_has("; 524288 are written");
    assert_eq!(size(&sb, "a"), 600 << 10);
}

#[test]
fn grow_moves_the_end_out_and_never_in() {
    let sb = Sandbox::new();
    segment(&sb, "a", b"0123456789");
    sb.ipc(["shm", "write", "a", "--grow", "--offset", "9", "xyz"])
        .run()
        .ok();
    sb.ipc(["shm", "read", "a"])
        .run()
        .ok()
        .stdout("012345678xyz");
    sb.ipc(["shm", "write", "a", "--grow", "ab"]).run().ok();
    sb.ipc(["shm", "read", "a"])
        .run()
        .ok()
        .stdout("ab2345678xyz");
    sb.ipc(["shm", "write", "a", "--grow", "--offset", "14", "!"])
        .run()
        .ok();
    sb.ipc(["shm", "read", "a"])
        .run()
        .ok()
        .stdout_bytes(b"ab2345678xyz\0\0!");
}

#[test]
fn truncate_puts_the_end_where_the_bytes_end() {
    let sb = Sandbox::new();
    segment(&sb, "a", b"0123456789");
    sb.ipc(["shm", "write", "a", "--truncate", "--offset", "2", "xy"])
        .run()
        .ok();
    sb.ipc(["shm", "read", "a"]).run().ok().stdout("01xy");
    sb.ipc(["shm", "write", "a", "--truncate", "longer than before"])
        .run()
        .ok();
    sb.ipc(["shm", "read", "a"])
        .run()
        .ok()
        .stdout("longer than before");
}

#[test]
fn write_creates_only_when_told_so() {
    let sb = Sandbox::new();
    let refused = sb.ipc(["shm", "write", "a", "x"]).run();
    refused.code(3).stderr_has("--create makes one");
    let made = sb
        .ipc([
            "shm", "write", "a", "--create", "--mode", "0640", "--offset", "2", "xy",
        ])
        .run();
    made.code(0).stdout("").stderr("created /a\n");
    sb.ipc(["shm", "read", "a"])
        .run()
        .ok()
        .stdout_bytes(b"\0\0xy");
    assert_eq!(
        std::fs::metadata(sb.shm_file("a")).unwrap().mode() & 0o777,
        0o640
    );
    // On one that is there it is an ordinary write.
    sb.ipc(["shm", "write", "a", "--create", "ab"]).run().ok();
    sb.ipc(["shm", "read", "a"]).run().ok().stdout("abxy");
    sb.ipc(["shm", "write", "a", "--create", "--truncate", "z"])
        .run()
        .ok();
    sb.ipc(["shm", "read", "a"]).run().ok().stdout("z");
}

#[test]
fn writers_that_create_at_once_leave_one_segment_with_the_bytes_of_one() {
    let sb = Sandbox::new();
    for round in 0..5 {
        let name = format!("a{round}");
        let words = |name| ["-q", "shm", "write", name, "--create"].map(str::to_owned);
        let started: Vec<_> = (0..6)
            .map(|index: u8| {
                let bytes = vec![b'a' + index; 300_000];
                sb.ipc(words(&name)).stdin(bytes).start()
            })
            .collect();
        for writer in started {
            let (status, _, stderr) = writer.finish();
            assert!(status.success(), "{stderr}");
        }
        assert_eq!(size(&sb, &name), 300_000);
        assert_eq!(sb.left_in_shm().len(), round + 1);
    }
}
