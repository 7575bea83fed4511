//! Names: one rule for every kind, and any bytes anywhere.

use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::ExitStatusExt;

use crate::sandbox::{Outcome, Sandbox};

/// Creating one object of a kind.
const CREATE: [&[&str]; 3] = [
    &["shm", "create", "--size", "4"],
    &["sem", "create"],
    &["mq", "create", "--max-messages", "1", "--max-size", "8"],
];

/// What uses an existing object, for each kind; the name comes last.
const USE: [&[&str]; 11] = [
    &["shm", "read"],
    &["shm", "write"],
    &["sem", "acquire", "--try"],
    &["sem", "release"],
    &["sem", "value"],
    &["mq", "send", "--try"],
    &["mq", "recv", "--try"],
    &["mq", "wait", "--try"],
    &["mq", "recv", "--drain"],
    &["mq", "full"],
    &["mq", "empty"],
];

/// What also takes foreign names.
const LOOK: [&[&str]; 6] = [
    &["shm", "stat"],
    &["shm", "rm"],
    &["sem", "stat"],
    &["sem", "rm"],
    &["mq", "stat"],
    &["mq", "rm"],
];

fn with<'a>(sb: &'a Sandbox, words: &[&str], name: &[u8]) -> Outcome<'a> {
    let words = words
        .iter()
        .map(OsStr::new)
        .chain([OsStr::from_bytes(name)]);
    sb.ipc(words).run()
}

#[track_caller]
fn is_printable(bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).expect("not UTF-8");
    let acts = |c: char| c.is_control() && c != '\n' || ('\u{202a}'..='\u{202e}').contains(&c);
    assert!(!text.contains(acts), "{text:?}");
}

#[test]
fn names_that_no_kind_can_have_are_misuse_for_every_verb() {
    let sb = Sandbox::new();
    for name in [
        &b""[..],
        b"/",
        b".",
        b"..",
        b"/.",
        b"/..",
        b"a/b",
        b"//x",
        b"x/",
    ] {
        for words in CREATE.iter().chain(&USE).chain(&LOOK) {
            let refused = with(&sb, words, name);
            refused.code(2).stdout("").stderr_has(": name '");
        }
    }
    // The bytes of the name are in the message.
    with(&sb, &["mq", "stat"], b"a/b").stderr_has("a/b': a name has no slash but the one in front");
}

#[test]
fn names_that_cannot_be_shown_are_not_made() {
    let sb = Sandbox::new();
    for name in [
        &b"a\nb"[..],
        b"\x1b[31m",
        b"a\xff",
        "\u{202e}x".as_bytes(),
        b"\x7f",
        "\u{9b}m".as_bytes(),
    ] {
        for words in CREATE
            .iter()
            .chain([&&["shm", "write", "--create", "-f", "/dev/stdin"][..]])
        {
            let refused = with(&sb, words, name);
            refused.code(2).stdout("").stderr_has("a new name ");
            is_printable(&refused.stderr);
        }
    }
    assert!(sb.left_in_shm().is_empty());
}

#[test]
fn names_of_other_scripts_and_with_blanks_are_fine() {
    let sb = Sandbox::new();
    for name in [
        "größe", "漢字", "a b", "-x", "*", "a\\b", "%s", "'", "$HOME", ".x", "...", "~",
    ] {
        for words in CREATE {
            let words = [&["-q"], words, &["--"]].concat();
            with(&sb, &words, name.as_bytes()).ok();
        }
        for kind in ["shm", "sem", "mq"] {
            with(&sb, &[kind, "stat", "--"], name.as_bytes()).code(0);
            with(&sb, &[kind, "rm", "--"], name.as_bytes()).ok();
        }
    }
}

#[test]
fn a_leading_slash_makes_no_difference_to_any_kind() {
    let sb = Sandbox::new();
    for (words, kind) in CREATE.iter().zip(["shm", "sem", "mq"]) {
        with(&sb, &[&["-q"], *words].concat(), b"/jobs").ok();
        let bare = with(&sb, &["--json", kind, "stat"], b"jobs").json();
        let slash = with(&sb, &["--json", kind, "stat"], b"/jobs").json();
        assert_eq!(bare, slash);
        assert_eq!(bare["objects"][0]["name"], "/jobs");
        with(&sb, words, b"jobs").code(4);
        with(&sb, &[kind, "rm"], b"jobs").ok();
    }
}

#[test]
fn the_limit_of_240_bytes_counts_the_scope_and_is_the_same_for_all() {
    let sb = Sandbox::new();
    let longest = vec![b'x'; 240 - sb.full("").len()];
    let longer = [&longest[..], b"x"].concat();
    for (words, kind) in CREATE.iter().zip(["shm", "sem", "mq"]) {
        with(&sb, &[&["-q"], *words].concat(), &longest).ok();
        with(&sb, &[kind, "stat"], &longest).code(0);
        with(&sb, &[kind, "rm"], &longest).ok();
        with(&sb, words, &longer)
            .code(2)
            .stderr_has("at most 240 bytes, this one has 241");
    }
    for words in USE {
        with(&sb, words, &longer)
            .code(2)
            .stderr_has("at most 240 bytes");
    }
    // What another program could have made is looked for; longer than the kernel takes is misuse.
    for words in LOOK {
        with(&sb, words, &longer).code(3);
        with(&sb, words, &[b'x'; 256])
            .code(2)
            .stderr_has("name too long");
    }
}

/// A queue made past `ipc`, gone with this.
struct ForeignQueue(CString);

impl ForeignQueue {
    fn new(name: &[u8]) -> ForeignQueue {
        let name = CString::new([b"/", name].concat()).unwrap();
        // SAFETY: all zeros is a valid value of this plain C struct.
        let mut shape: libc::mq_attr = unsafe { std::mem::zeroed() };
        (shape.mq_maxmsg, shape.mq_msgsize) = (1, 8);
        // SAFETY: a C string and a struct that outlive the call.
        let queue =
            unsafe { libc::mq_open(name.as_ptr(), libc::O_CREAT | libc::O_RDWR, 0o600, &shape) };
        assert!(queue >= 0, "{}", std::io::Error::last_os_error());
        // SAFETY: it was just opened and is used by nobody else.
        unsafe { libc::mq_close(queue) };
        ForeignQueue(name)
    }
}

impl Drop for ForeignQueue {
    fn drop(&mut self) {
        // SAFETY: a C string that outlives the call.
        unsafe { libc::mq_unlink(self.0.as_ptr()) };
    }
}

#[test]
fn foreign_names_of_any_bytes_can_be_looked_at_and_removed() {
    let sb = Sandbox::new();
    let mut names = [
        &b"a\nb"[..],
        b"\x1b[31mred",
        b"\xff\xfe",
        b"a\tb ",
        b"\x80",
        "\u{202e}x".as_bytes(),
    ]
    .map(<[u8]>::to_vec)
    .to_vec();
    for total in [251, 252, 253, 254, 255] {
        names.push(vec![b'x'; total - sb.full("").len()]);
    }
    for name in &names {
        let full = [sb.full("").as_bytes(), name].concat();
        std::fs::write(
            sb.shm_file("").with_file_name(OsStr::from_bytes(&full)),
            b"x",
        )
        .unwrap();
        let _queue = ForeignQueue::new(&full);
        let mut kinds = vec!["shm", "mq"];
        if full.len() <= 251 {
            let file = [b"sem.", &full[..]].concat();
            std::fs::write(
                sb.shm_file("").with_file_name(OsStr::from_bytes(&file)),
                b"x",
            )
            .unwrap();
            kinds.push("sem");
        }
        for kind in kinds {
            let shown = with(&sb, &["--json", kind, "stat"], name);
            shown.ok();
            let object = &shown.json()["objects"][0];
            match std::str::from_utf8(name) {
                Ok(text) => assert_eq!(object["name"], format!("/{text}")),
                Err(_) => assert_eq!(object["name_bytes"], serde_json::json!(name)),
            }
            let removed = with(&sb, &["--json", kind, "rm"], name);
            let mut expected = serde_json::json!({ "name": object["name"], "removed": true });
            if let Some(bytes) = object.get("name_bytes") {
                expected["name_bytes"] = bytes.clone();
            }
            assert_eq!(removed.ok().json(), expected);
            with(&sb, &[kind, "rm"], name).code(3);
        }
    }
    assert!(sb.left_in_shm().is_empty());
}

#[test]
fn a_missing_object_is_never_success() {
    let sb = Sandbox::new();
    for words in USE.iter().chain(&LOOK) {
        let stream = sb.ipc(words.iter().chain([&"missing"])).stdin("x").run();
        stream.code(3).stdout("").stderr_has("/missing: no such ");
    }
    for words in [
        &["shm", "resize", "missing", "8"][..],
        &["mq", "move", "missing", "other"],
        &["mq", "watch", "missing", "--", "true"],
        &["mq", "recv", "missing", "--try", "--exec", "true"],
        &["shm", "read", "missing", "missing"],
        &["sem", "stat", "missing", "missing"],
        &["mq", "rm", "missing", "missing"],
    ] {
        sb.ipc(words).run().code(3).stdout("");
    }
}

/// Lines with every kind of argument, on objects that exist.
const LINES: [&[&str]; 17] = [
    &[
        "shm",
        "create",
        "new",
        "--size",
        "4",
        "--mode",
        "0600",
        "--if-exists",
        "open",
    ],
    &["shm", "create", "new", "--from", "source", "--sparse"],
    &[
        "shm", "read", "a", "--offset", "1", "--length", "1", "--hex",
    ],
    &["shm", "write", "a", "x", "--offset", "1", "--create"],
    &["shm", "write", "a", "-f", "source", "--truncate"],
    &["shm", "resize", "a", "16"],
    &["shm", "stat", "a", "-b"],
    &["shm", "ls", "a*", "--columns", "name,size", "--no-headings"],
    &["shm", "rm", "--match", "x*", "--yes"],
    &["sem", "create", "new", "1", "--mode", "0600"],
    &["sem", "acquire", "s", "--count", "1", "--timeout", "10ms"],
    &["sem", "value", "s"],
    &["mq", "send", "q", "x", "--priority", "1", "--try"],
    &["mq", "recv", "q", "--count", "1", "--timeout", "10ms"],
    &["--scope", "x", "--color", "never", "--json", "shm", "ls"],
    &["man", "--roff", "7"],
    &["completions", "bash"],
];

#[test]
fn bytes_that_are_not_utf8_are_taken_or_refused_in_each_place_but_never_a_panic() {
    let sb = Sandbox::new();
    std::fs::write(sb.folder().join("source"), b"1234").unwrap();
    sb.ipc(["-q", "shm", "create", "a", "--size", "4"])
        .run()
        .ok();
    sb.ipc(["-q", "sem", "create", "s", "1"]).run().ok();
    sb.queue("q");
    for line in LINES {
        for place in 0..=line.len() {
            for glue in [false, true] {
                let mut words: Vec<OsString> = line.iter().map(OsString::from).collect();
                if glue && place < line.len() {
                    words[place].push(OsStr::from_bytes(b"\xff"));
                } else {
                    words.insert(place, OsString::from_vec(b"\xff".to_vec()));
                }
                let outcome = sb.ipc(&words).run();
                let code = outcome.status.code();
                assert!(
                    code.is_some_and(|code| code < 9 || code == 124),
                    "{outcome}"
                );
                is_printable(&outcome.stderr);
            }
        }
    }
}

#[test]
fn an_environment_of_other_bytes_is_no_panic() {
    let sb = Sandbox::new();
    let strange = OsStr::from_bytes(b"\xff\x1b[31m");
    for variable in [
        "IPC_SCOPE",
        "IPC_RUNTIME_DIR",
        "NO_COLOR",
        "CLICOLOR_FORCE",
        "TERM",
        "COLUMNS",
        "LC_ALL",
        "HOME",
        "PATH",
        "IPC_COMPLETE",
    ] {
        for words in [
            &["shm", "ls"][..],
            &["--help"],
            &["sem", "stat", "x"],
            &["frob"],
        ] {
            let outcome = sb.ipc(words).env(variable, strange).run();
            assert!(outcome.status.signal().is_none(), "{outcome}");
            assert!(outcome.status.code() != Some(101), "{outcome}");
            is_printable(&outcome.stderr);
        }
    }
    let refused = sb.ipc(["shm", "ls"]).env("IPC_SCOPE", strange).run();
    refused
        .code(2)
        .stderr_has("IPC_SCOPE '\\xff\\x1b[31m': a scope is");
}
