//! `ipc shm read`, and bytes in bulk.

use std::io::Read;
use std::process::Stdio;

use crate::sandbox::{Sandbox, file};
use crate::shm::{create, pattern};
use crate::shm_write::segment;

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
