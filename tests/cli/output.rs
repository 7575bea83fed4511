//! Standard output that is gone, full or closed.

use std::process::Stdio;

use crate::sandbox::{Sandbox, is_root};

/// Every command that prints, on what `furnished` makes.
const PRINTING: [&[&str]; 31] = [
    &["--help"],
    &["-h"],
    &["--version"],
    &["-V"],
    &["help"],
    &["shm", "--help"],
    &["shm", "read", "--help"],
    &["mq", "help", "send"],
    &["shm", "ls"],
    &["--json", "shm", "ls"],
    &["shm", "stat", "a"],
    &["--json", "shm", "stat", "a"],
    &["shm", "read", "a"],
    &["shm", "read", "--hex", "a"],
    &["shm", "read", "--snapshot", "large"],
    &["shm", "read", "large"],
    &["--json", "shm", "read", "a", "large"],
    &[
        "--json",
        "shm",
        "create",
        "a",
        "--size",
        "16",
        "--if-exists",
        "open",
    ],
    &["--json", "shm", "write", "a", "x"],
    &["--json", "shm", "resize", "a", "16"],
    &["shm", "rm", "--all"],
    &["sem", "ls"],
    &["sem", "stat", "s"],
    &["sem", "value", "s"],
    &["mq", "stat", "q"],
    &["mq", "recv", "q"],
    &["pipe", "ls"],
    &["--json", "pipe", "stat", "p"],
    &["--json", "pipe", "create", "p", "--if-exists", "open"],
    &["man", "--list"],
    &["--json", "sem", "ls"],
];

fn furnished() -> Sandbox {
    let sb = Sandbox::new();
    sb.ipc(["-q", "shm", "create", "a", "--size", "16"])
        .run()
        .ok();
    sb.ipc(["-q", "shm", "create", "large", "--size", "1M"])
        .run()
        .ok();
    sb.ipc(["-q", "sem", "create", "s", "3"]).run().ok();
    sb.ipc(["-q", "pipe", "create", "p"]).run().ok();
    sb.queue("q");
    sb.ipc(["mq", "send", "q", "message"]).run().ok();
    sb
}

fn printing() -> impl Iterator<Item = Vec<&'static str>> {
    // Without a mount only root can list queues.
    let queues = is_root().then(|| vec!["mq", "ls"]);
    PRINTING.iter().map(|line| line.to_vec()).chain(queues)
}

#[test]
fn a_reader_that_is_gone_means_death_by_sigpipe_without_a_word() {
    let sb = furnished();
    for line in printing() {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = sb.ipc(&line).command();
        let output = command
            .stdout(writer)
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let signal = std::os::unix::process::ExitStatusExt::signal(&output.status);
        assert_eq!(signal, Some(libc::SIGPIPE), "{line:?}: {:?}", output.status);
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{line:?}");
    }
    sb.ipc(["mq", "recv", "q"]).run().ok().stdout("message");
}

#[test]
fn where_sigpipe_is_ignored_a_reader_that_is_gone_is_an_error() {
    let sb = furnished();
    for line in printing() {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let script = ["-c", "trap '' PIPE; exec ipc \"$@\"", "sh"];
        let mut command = sb.program("sh", script.iter().chain(&line)).command();
        let output = command
            .stdout(writer)
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(6), "{line:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            said.contains("standard output: its reader is gone (EPIPE)"),
            "{line:?}: {said}"
        );
    }
    sb.ipc(["mq", "recv", "q"]).run().ok().stdout("message");
}

#[test]
fn a_full_device_is_an_error_with_a_message() {
    let sb = furnished();
    for line in printing() {
        let full = std::fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let mut command = sb.ipc(&line).command();
        let output = command
            .stdout(full)
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(6), "{line:?}: {said}");
        assert!(
            said.contains("standard output: no space left (ENOSPC)"),
            "{line:?}: {said}"
        );
    }
}

/// Whether a command needs its input, and whether it prints.
const COMMANDS: [(&[&str], bool, bool); 12] = [
    (&["-q", "shm", "create", "new", "--size", "4"], false, false),
    (&["shm", "write", "a", "argument"], false, false),
    (&["shm", "write", "a"], true, false),
    (&["shm", "read", "a"], false, true),
    (&["shm", "ls"], false, true),
    (&["--json", "shm", "stat", "a"], false, true),
    (&["sem", "value", "s"], false, true),
    (&["sem", "acquire", "s", "--try"], false, false),
    (&["sem", "release", "s"], false, false),
    (&["mq", "send", "q", "more", "--try"], false, false),
    (&["mq", "send", "q", "--try"], true, false),
    (&["mq", "recv", "q"], false, true),
];

#[test]
fn closed_descriptors_are_noticed_and_nothing_is_printed_into_an_object() {
    for closed in 0..8 {
        let sb = furnished();
        std::fs::write(sb.folder().join("input"), b"from input").unwrap();
        let is_closed = |fd: u8| closed & (1 << fd) != 0;
        let redirect = [
            if is_closed(0) { "<&-" } else { "<input" },
            if is_closed(1) { ">&-" } else { "" },
            if is_closed(2) { "2>&-" } else { "" },
        ];
        let script = format!("exec ipc \"$@\" {}", redirect.join(" "));
        for (words, reads, prints) in COMMANDS {
            let before = std::fs::read(sb.shm_file("a")).unwrap();
            let line = ["-c", &script, "sh"];
            let outcome = sb.program("sh", line.iter().chain(words)).run();
            let fails = reads && is_closed(0) || prints && is_closed(1);
            outcome.code(if fails { 6 } else { 0 });
            if fails && !is_closed(2) {
                outcome.stderr_has(if is_closed(1) && prints {
                    "standard output: is closed"
                } else {
                    "standard input: is closed"
                });
            }
            if words[1] != "write" {
                assert_eq!(
                    std::fs::read(sb.shm_file("a")).unwrap(),
                    before,
                    "{outcome}"
                );
            }
        }
        // The message that could not be printed is still the first.
        if is_closed(1) {
            sb.ipc(["mq", "recv", "q"]).run().ok().stdout("message");
        }
    }
}

#[test]
fn help_and_version_fail_when_they_cannot_be_printed() {
    let sb = Sandbox::new();
    for line in ["--help", "-V", "shm --help", "shm ls"] {
        sb.sh(&format!("exec ipc {line} >&-"))
            .run()
            .code(6)
            .stderr_has("is closed (EBADF)");
    }
}
