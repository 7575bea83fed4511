//! `ipc array`: reads while others write, writers that are killed, broken files.

use std::os::unix::process::ExitStatusExt;

use crate::array::{create, prints};
use crate::sandbox::{IPC, Running, Sandbox, has, skip};

#[test]
fn a_consistent_read_never_sees_a_mix_of_fills() {
    let sb = Sandbox::new();
    // Longer than a page, and not a multiple of what is copied at a time.
    create(&sb, &["a", "i64", "70001"]);
    create(&sb, &["w", "bytes12", "301"]);
    let fill = "for i in $(seq 20); do
        ipc array fill a $0 -t 30s && ipc array fill w $0 -t 30s || exit
    done";
    let fillers: Vec<Running> = ["1", "2", "3"]
        .map(|value| sb.program("sh", ["-c", fill, value]).start())
        .into();
    for _ in 0..20 {
        for (name, length) in [("a", 70001), ("w", 301)] {
            let words = ["array", "get", name, "--consistent", "-t", "30s"];
            let outcome = sb.ipc(words).run();
            outcome.ok();
            let text = String::from_utf8(outcome.stdout).unwrap();
            let first = text.lines().next().unwrap();
            assert_eq!(text, format!("{first}\n").repeat(length), "{name}");
        }
    }
    for filler in fillers {
        let (status, _, stderr) = filler.finish();
        assert!(status.success(), "{stderr}");
    }
}

#[test]
fn a_writer_that_is_killed_is_seen_by_steady_readers_until_the_next_fill() {
    let sb = Sandbox::new();
    if !has("strace") {
        return;
    }
    create(&sb, &["w", "bytes12", "4"]);
    create(&sb, &["a", "i64", "4"]);
    // The first two elements are written, and the third is not.
    let inject = "inject=pwrite64:signal=SIGKILL:when=3";
    let killed = [
        "-f",
        "-o",
        "/dev/null",
        "-e",
        inject,
        IPC,
        "array",
        "fill",
        "w",
        "x",
    ];
    let outcome = sb.program("strace", killed).run();
    let died = outcome.status.signal() == Some(libc::SIGKILL);
    if !died && outcome.status.code() != Some(137) {
        skip("strace cannot trace here");
        return;
    }
    for words in [&["get", "w"][..], &["get", "w", ":", "--consistent"]] {
        sb.ipc(["array"].iter().chain(words))
            .run()
            .code(7)
            .stderr_has("is torn");
    }
    let json = sb.ipc(["array", "stat", "w", "--json"]).run().json();
    assert_eq!(json["objects"][0]["status"], "torn");
    // What is written into it does not make whole what is not.
    for words in [
        ["set", "w", "0:2", "z"],
        ["set", "w", "3", "z"],
        ["set", "w", "::3", "z"],
    ] {
        prints(&sb, &words, "");
        sb.ipc(["array", "get", "w", "--consistent"])
            .run()
            .code(7)
            .stderr_has("a change of elements 0 to 3");
    }
    prints(&sb, &["fill", "w", "y", "-t", "30s"], "");
    prints(&sb, &["get", "w", "--consistent"], "y\ny\ny\ny\n");
}

#[test]
fn hostile_headers_are_7_and_never_a_signal() {
    let sb = Sandbox::new();
    let header = |text: &str| {
        let mut bytes = b"\x93NUMPY\x01\0\x76\0".to_vec();
        bytes.extend(format!("{text:<117}\n").bytes());
        bytes.extend([0; 64]);
        bytes
    };
    for (text, reason) in [
        (
            "{'descr': '<i8', 'fortran_order': True, 'shape': (2, 2), }",
            "Fortran",
        ),
        (
            "{'descr': '>i8', 'fortran_order': False, 'shape': (1,), }",
            "byte order",
        ),
        (
            "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
            "not supported",
        ),
        (
            "{'descr': '<i8', 'fortran_order': False, 'shape': (9,), }",
            "shorter",
        ),
        (
            "{'descr': '<i8', 'fortran_order': False, 'shape': (9223372036854775807, 4), }",
            "shorter",
        ),
        (
            "{'descr': [('x', '<i8')], 'fortran_order': False, 'shape': (1,), }",
            "cannot be read",
        ),
        ("no dictionary", "cannot be read"),
    ] {
        std::fs::write(sb.shm_file("a"), header(text)).unwrap();
        for words in [
            &["get", "a"][..],
            &["get", "a", "0", "--consistent"],
            &["set", "a", "0", "1"],
            &["add", "a", "0", "1"],
            &["fill", "a", "1"],
        ] {
            sb.ipc(["array"].iter().chain(words))
                .run()
                .code(7)
                .stderr_has(reason);
        }
    }
    sb.ipc(["array", "rm", "a"]).run().ok();
}

#[test]
fn bytes_that_are_no_bool_are_true() {
    let sb = Sandbox::new();
    create(&sb, &["b", "bool", "4"]);
    let words = ["shm", "write", "b", "--offset", "128", "-"];
    sb.ipc(words).stdin(b"\0\x01\x02\xff").run().ok();
    prints(&sb, &["get", "b"], "false\ntrue\ntrue\ntrue\n");
}
