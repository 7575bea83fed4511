//! `ipc shm read` and `ipc shm write`.

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::process::Stdio;

use serde_json::json;

use crate::sandbox::{Sandbox, file};
use crate::shm::{create, pattern};

fn size(sb: &Sandbox, name: &str) -> u64 {
    std::fs::metadata(sb.shm_file(name)).unwrap().size()
}

/// A segment with these bytes.
fn segment(sb: &Sandbox, name: &str, bytes: &[u8]) {
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

#[test]
fn parts_are_read_by_offset_and_length() {
    let sb = Sandbox::new();
    segment(&sb, "a", b"0123456789");
    for (offset, length, shown) in [
        ("0", "10", "0123456789"),
        ("3", "4", "3456"),
        ("9", "1", "9"),
        ("10", "0", ""),
    ] {
        let read = sb
            .ipc(["shm", "read", "a", "--offset", offset, "--length", length])
            .run();
        read.ok().stdout(shown);
    }
    sb.ipc(["shm", "read", "a", "--offset", "8"])
        .run()
        .ok()
        .stdout("89");
    for (offset, length) in [
        ("0", "11"),
        ("10", "1"),
        ("11", "0"),
        ("9223372036854775807", "9223372036854775807"),
    ] {
        let refused = sb
            .ipc(["shm", "read", "a", "--offset", offset, "--length", length])
            .run();
        refused
            .code(6)
            .stdout("")
            .stderr_has("beyond the end, the segment has 10");
    }
}

#[test]
fn hexadecimal_shows_offsets_and_text() {
    let sb = Sandbox::new();
    segment(&sb, "a", b"0123456789abcdef\x00\x1b[0m\xff");
    sb.ipc(["shm", "read", "a", "--hex", "--offset", "15"])
        .run()
        .ok()
        .stdout("0000000f  66 00 1b 5b 30 6d ff                              |f..[0m.|\n");
    let long = pattern(200_001);
    segment(&sb, "b", &long);
    let shown = sb.ipc(["shm", "read", "b", "--hex"]).run();
    shown.ok();
    let text = String::from_utf8(shown.stdout.clone()).unwrap();
    let digits = text.lines().flat_map(|line| line[8..58].split_whitespace());
    let bytes: Vec<u8> = digits
        .map(|two| u8::from_str_radix(two, 16).unwrap())
        .collect();
    assert!(bytes == long);
}

#[test]
fn several_are_read_in_order_and_a_failure_does_not_stop_the_rest() {
    let sb = Sandbox::new();
    segment(&sb, "a", b"one ");
    segment(&sb, "b", b"two ");
    sb.ipc(["shm", "read", "b", "a", "b"])
        .run()
        .ok()
        .stdout("two one two ");
    let read = sb.ipc(["shm", "read", "a", "missing", "b"]).run();
    read.code(8)
        .stdout("one two ")
        .stderr_has("/missing: no such segment");
    let lines = sb.ipc(["--json", "shm", "read", "a", "b"]).run();
    lines.ok();
    assert_eq!(
        lines.stdout.iter().filter(|byte| **byte == b'\n').count(),
        2
    );
}

#[test]
fn bulk_bytes_arrive_the_same_through_pipe_file_and_with_a_snapshot() {
    let sb = Sandbox::new();
    for length in [(64 << 10) + 1, 256 << 10, (256 << 10) + 1, 5_000_001] {
        let bytes = pattern(length);
        let name = format!("a{length}");
        segment(&sb, &name, &bytes);
        for snapshot in [&[][..], &["--snapshot"]] {
            let words = || {
                ["shm", "read", &name]
                    .into_iter()
                    .chain(snapshot.iter().copied())
            };
            let piped = sb.ipc(words()).run();
            piped.ok();
            assert!(piped.stdout == bytes, "{length} through a pipe");
            let script = "ipc shm read \"$@\" > out && ipc shm read \"$@\" > /dev/null";
            let tail = words().skip(2).map(str::to_owned);
            let args = ["-c", script, "sh"]
                .map(str::to_owned)
                .into_iter()
                .chain(tail);
            sb.program("sh", args).run().ok();
            assert!(
                std::fs::read(sb.folder().join("out")).unwrap() == bytes,
                "{length} into a file"
            );
        }
        // Parts that start and end inside of pages.
        let part = sb
            .ipc([
                "shm", "read", &name, "--offset", "4097", "--length", "60001",
            ])
            .run();
        part.ok();
        assert!(part.stdout == bytes[4097..64_098]);
    }
}

#[test]
fn bulk_bytes_are_written_the_same_from_a_pipe_and_from_a_file() {
    let sb = Sandbox::new();
    let bytes = pattern(3_000_001);
    let source = file(&sb, "source", &bytes);
    create(&sb, "a", "3000001");
    sb.ipc(["shm", "write", "a"])
        .stdin(bytes.clone())
        .run()
        .ok();
    assert!(std::fs::read(sb.shm_file("a")).unwrap() == bytes);
    sb.ipc([
        "-q",
        "shm",
        "write",
        "b",
        "--create",
        "-f",
        source.to_str().unwrap(),
    ])
    .run()
    .ok();
    assert!(std::fs::read(sb.shm_file("b")).unwrap() == bytes);
}

#[test]
fn a_reader_that_has_seen_enough_ends_the_writer_without_a_word() {
    let sb = Sandbox::new();
    segment(&sb, "a", &pattern(4 << 20));
    for extra in [None, Some("--snapshot"), Some("--hex")] {
        let words = ["shm", "read", "a"].into_iter().chain(extra);
        let mut command = sb.ipc(words).command();
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = [0; 16];
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut first).unwrap();
        drop(stdout);
        let output = child.wait_with_output().unwrap();
        let signal = std::os::unix::process::ExitStatusExt::signal(&output.status);
        assert_eq!(
            signal,
            Some(libc::SIGPIPE),
            "{extra:?}: {:?}",
            output.status
        );
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{extra:?}");
    }
}

#[test]
fn a_segment_too_large_for_json_is_refused_before_it_is_read() {
    let sb = Sandbox::new();
    sb.ipc(["-q", "shm", "create", "a", "--sparse", "--size", "1P"])
        .run()
        .ok();
    let refused = sb.ipc(["--json", "shm", "read", "a"]).run();
    refused
        .code(6)
        .stdout("")
        .stderr_has("too many for one JSON document");
    refused.stderr_has("hint: --offset and --length");
    let part = [
        "--json", "shm", "read", "a", "--offset", "1T", "--length", "2",
    ];
    assert_eq!(sb.ipc(part).run().json()["data"], "\0\0");
}

#[test]
fn what_would_be_its_own_input_is_refused() {
    let sb = Sandbox::new();
    segment(&sb, "a", b"0123456789");
    let path = sb.shm_file("a");
    let refusal = "ipc: shm write: /a: the input is the segment itself\n\
                   hint: ipc shm read NAME > COPY, and write from COPY\n";
    for form in ["--grow", "--grow --offset 3", "--truncate --offset 3", ""] {
        for input in [
            format!("-f {}", path.display()),
            format!("< {}", path.display()),
        ] {
            let script = format!("exec ipc shm write a {form} {input}");
            sb.sh(&script).run().code(2).stderr(refusal);
        }
    }
    // As another name for it.
    let link = sb.folder().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let words = ["shm", "write", "a", "--grow", "-f"].map(std::ffi::OsStr::new);
    let run = sb
        .ipc(words.iter().copied().chain([link.as_os_str()]))
        .run();
    run.code(2).stderr(refusal);
    assert_eq!(std::fs::read(&path).unwrap(), b"0123456789");
    // A copy through a pipe has an end.
    sb.sh("ipc shm read a | ipc shm write a --grow --offset 10")
        .run()
        .ok();
    assert_eq!(std::fs::read(&path).unwrap(), b"01234567890123456789");
}
