//! Strange bytes and a terminal: nothing that acts on it may get through.

use std::ffi::{CStr, OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Command, ExitStatus, Stdio};

use ipc::escape::escaped;

use crate::sandbox::Sandbox;

/// Opens a terminal: its master and its slave side.
pub fn terminal() -> (File, File) {
    let open = |path: &OsStr| {
        let mut options = OpenOptions::new();
        options.read(true).write(true).custom_flags(libc::O_NOCTTY);
        options.open(path).unwrap()
    };
    let master = open(OsStr::new("/dev/ptmx"));
    let mut name = [0; 64];
    // SAFETY: a descriptor that is open.
    assert_eq!(unsafe { libc::unlockpt(master.as_raw_fd()) }, 0);
    // SAFETY: a descriptor that is open, and a buffer of the length given.
    let named = unsafe { libc::ptsname_r(master.as_raw_fd(), name.as_mut_ptr(), name.len()) };
    assert_eq!(named, 0);
    // SAFETY: the call before has put a C string there.
    let slave = unsafe { CStr::from_ptr(name.as_ptr()) };
    let slave = open(OsStr::from_bytes(slave.to_bytes()));
    (master, slave)
}

/// Runs a command on a terminal and returns all that appears there.
pub fn on_terminal(mut command: Command) -> (ExitStatus, Vec<u8>) {
    let (mut master, slave) = terminal();
    command
        .stdin(slave.try_clone().unwrap())
        .stdout(slave.try_clone().unwrap())
        .stderr(slave);
    let mut child = command.spawn().unwrap();
    // The last descriptor of the slave is the child's, so that its end is an end here.
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut shown = Vec::new();
    let mut part = [0; 4096];
    // A terminal whose other side is closed answers EIO.
    while let Ok(length @ 1..) = master.read(&mut part) {
        shown.extend_from_slice(&part[..length]);
    }
    (child.wait().unwrap(), shown)
}

/// Whether bytes are safe to show: text without anything that acts on a terminal.
fn is_harmless(bytes: &[u8]) -> bool {
    let acts = |c: char| match c {
        '\n' | '\r' | '\t' => false,
        c => c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'),
    };
    std::str::from_utf8(bytes).is_ok_and(|text| !text.contains(acts))
}

/// Forty ways to act on a terminal, none with a slash or a NUL.
fn patterns() -> Vec<Vec<u8>> {
    let mut patterns: Vec<Vec<u8>> = [
        &b"\x1b[31mred\x1b[0m"[..],
        b"\x1b]0;title\x07",
        b"\x1b]52;c;aGk=\x07",
        b"\x1b[2J\x1b[H",
        b"\x1bP1$r\x1b\\",
        b"\x1b_G\x1b\\",
        b"\x1bc",
        b"\x1b",
        b"a\nipc: forged: line",
        b"a\r\nb",
        b"a\rb",
        b"a\tb",
        b"\x9b31m",
        b"\x90q\x9c",
        b"\xff\xfe",
        b"\xc3",
        b"\xf0\x9f\x98",
        b"\xed\xa0\x80",
        b"\xc0\x9b",
        b"ok\x1b[8mhidden",
        b"\x0e\x0f",
        b"x\x08\x08\x08y",
    ]
    .map(<[u8]>::to_vec)
    .to_vec();
    for text in [
        "\u{9b}31m",
        "\u{90}q\u{9c}",
        "\u{85}",
        "\u{202e}gpj.exe",
        "\u{202a}\u{202b}\u{202c}\u{202d}",
        "\u{2066}a\u{2069}",
        "\u{2067}\u{2068}",
        "\u{200e}\u{200f}",
        "\u{2028}\u{2029}",
        "\u{feff}",
    ] {
        patterns.push(text.as_bytes().to_vec());
    }
    for control in [1, 3, 4, 5, 7, 0x1a, 0x1c, 0x7f] {
        patterns.push(vec![b'c', control, b'c']);
    }
    assert_eq!(patterns.len(), 40);
    patterns
}

/// Command lines, with the pattern for `@` and after `@` of a longer word.
const LOOKING: [&[&str]; 15] = [
    &["shm", "ls"],
    &["shm", "ls", "--columns", "status,name"],
    &["shm", "stat", "@"],
    &["shm", "read", "@"],
    &["shm", "read", "--hex", "@"],
    &["--json", "shm", "read", "body"],
    &["shm", "read", "body"],
    &["--json", "shm", "ls"],
    &["--json", "shm", "stat", "@"],
    &["shm", "rm", "--all"],
    &["sem", "ls"],
    &["sem", "stat", "@"],
    &["sem", "value", "@"],
    &["mq", "recv", "q", "--drain"],
    &["mq", "ls", "q"],
];

const ERRORS: [&[&str]; 20] = [
    &["shm", "create", "@", "--size", "4"],
    &["shm", "read", "no@"],
    &["shm", "resize", "no@", "8"],
    &["shm", "write", "body", "-f", "no@"],
    &["shm", "create", "new", "--from", "no@"],
    &["sem", "create", "@"],
    &["sem", "acquire", "--try", "no@"],
    &["mq", "create", "@"],
    &["mq", "stat", "no@"],
    &["mq", "recv", "q", "--exec", "no@"],
    &["@"],
    &["shm", "@"],
    &["shm", "ls", "--@"],
    &["shm", "ls", "--columns", "@"],
    &["shm", "create", "x", "--size", "@"],
    &["shm", "create", "x", "--size", "4", "--mode=@"],
    &["--scope", "@", "shm", "ls"],
    &["--color", "@", "shm", "ls"],
    &["man", "@"],
    &["completions", "@"],
];

fn filled(line: &[&str], pattern: &[u8]) -> Vec<OsString> {
    let fill = |word: &&str| {
        let (head, tail) = word.split_once('@').unwrap_or((word, ""));
        let mut filled = OsString::from(head);
        if head.len() < word.len() {
            filled.push(OsStr::from_bytes(pattern));
        }
        filled.push(tail);
        filled
    };
    line.iter().map(fill).collect()
}

/// A sandbox in which everything has the pattern as its name and its body.
fn infested(pattern: &[u8]) -> Sandbox {
    let sb = Sandbox::new();
    for prefix in ["", "sem."] {
        let name = [prefix.as_bytes(), sb.full("").as_bytes(), pattern].concat();
        let path = sb.shm_file("").with_file_name(OsStr::from_bytes(&name));
        std::fs::write(path, pattern).unwrap();
    }
    std::fs::write(sb.shm_file("body"), pattern).unwrap();
    sb.queue("q");
    sb.ipc(["mq", "send", "q"]).stdin(pattern).run().ok();
    sb
}

#[test]
fn nothing_that_acts_on_a_terminal_gets_there_by_looking() {
    for pattern in patterns() {
        let sb = infested(&pattern);
        for line in LOOKING {
            let command = sb
                .ipc(filled(line, &pattern))
                .env("NO_COLOR", "1")
                .command();
            let (_, shown) = on_terminal(command);
            assert!(is_harmless(&shown), "{line:?}: {}", shown.escape_ascii());
        }
    }
}

#[test]
fn nothing_that_acts_on_a_terminal_gets_into_an_error() {
    for (number, pattern) in patterns().into_iter().enumerate() {
        let sb = infested(&pattern);
        for (index, line) in ERRORS.iter().enumerate() {
            let invocation = || sb.ipc(filled(line, &pattern)).env("NO_COLOR", "1");
            let (status, shown) = on_terminal(invocation().command());
            assert!(is_harmless(&shown), "{line:?}: {}", shown.escape_ascii());
            assert!(!status.success(), "{line:?} {}", pattern.escape_ascii());
            // A name cannot pass for a line of ours.
            let said = String::from_utf8(shown).unwrap();
            let forged = |line: &str| line.starts_with("ipc: forged");
            assert!(!said.lines().any(forged), "{said}");
            // Not where nobody looks either, since errors end up in logs: a
            // third of the lines each time, as starting a process is not free.
            if (number + index) % 3 == 0 {
                let outcome = invocation().run();
                assert!(is_harmless(&outcome.stderr), "{outcome}");
            }
        }
    }
}

#[test]
fn a_pipe_gets_payloads_as_they_are_and_names_escaped() {
    for pattern in patterns() {
        let sb = infested(&pattern);
        sb.ipc(["shm", "read", "body"])
            .run()
            .ok()
            .stdout_bytes(&pattern);
        sb.ipc(["mq", "recv", "q"])
            .run()
            .ok()
            .stdout_bytes(&pattern);
        std::fs::remove_file(sb.shm_file("body")).unwrap();
        let listed = sb
            .ipc(["shm", "ls", "--columns", "name", "--no-headings"])
            .run();
        // No name can pass for two, or for another: JSON has the bytes.
        let line = format!("/{}\n", escaped(&pattern));
        listed.ok().stdout(&line);
        assert!(is_harmless(&listed.stdout), "{listed}");
        let would = sb.ipc(["shm", "rm", "--all"]).run();
        would.stdout(&format!("would remove {line}"));
    }
}

#[test]
fn colour_is_for_terminals_unless_told_otherwise() {
    let sb = Sandbox::new();
    std::fs::write(sb.shm_file("a"), b"").unwrap();
    let bold = |bytes: &[u8]| bytes.windows(4).any(|part| part == b"\x1b[1m");
    for (variables, options, expected) in [
        (&[][..], &[][..], true),
        (&[("TERM", "dumb")], &[], false),
        (&[("NO_COLOR", "1")], &[], false),
        (&[("NO_COLOR", "0")], &[], false),
        (&[("NO_COLOR", "")], &[], true),
        (&[("NO_COLOR", "1")], &["--color", "always"], true),
        (&[], &["--color", "never"], false),
        (&[("CLICOLOR_FORCE", "1")], &["--color=never"], false),
    ] {
        let mut invocation = sb.ipc(["shm", "ls"].iter().chain(options));
        for (name, value) in variables {
            invocation = invocation.env(name, value);
        }
        let (_, shown) = on_terminal(invocation.command());
        assert_eq!(bold(&shown), expected, "{variables:?} {options:?}");
    }
    for (name, value, expected) in [
        ("CLICOLOR_FORCE", "1", true),
        ("CLICOLOR_FORCE", "0", false),
        ("CLICOLOR_FORCE", "", false),
        ("X", "", false),
    ] {
        let piped = sb.ipc(["shm", "ls"]).env(name, value).run();
        assert_eq!(bold(&piped.stdout), expected, "{name}={value}");
    }
    let both = sb
        .ipc(["shm", "ls"])
        .env("CLICOLOR_FORCE", "1")
        .env("NO_COLOR", "1")
        .run();
    assert!(!bold(&both.stdout));
    // What is not as it should be is red.
    let listed = sb
        .ipc(["--color", "always", "shm", "ls", "--no-headings"])
        .run();
    assert!(listed.stdout.starts_with(b"\x1b[31m/a"), "{listed}");
    let help = sb.ipc(["--color", "always", "--help"]).run();
    assert!(help.stdout.contains(&0x1b));
    let help = sb.ipc(["--help"]).run();
    assert!(!help.stdout.contains(&0x1b));
}
