//! What is refused: planted files, bad output, unsafe folders, wrong words.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use super::{held, made, path, waits_for_a_partner};
use crate::sandbox::{Sandbox, file, is_root};

/// Every verb that works with an existing FIFO.
const USES: [&[&str]; 5] = [
    &["pipe", "send", "--try", "x"],
    &["pipe", "recv", "--try"],
    &["pipe", "stat"],
    &["pipe", "rm"],
    &["pipe", "create", "--if-exists", "replace"],
];

/// Puts something where a FIFO should be.
type Plant<'a> = &'a dyn Fn(&std::path::Path);

fn with<'a>(words: &[&'a str], name: &'a str) -> Vec<&'a str> {
    // The name comes right behind the verb.
    [&words[..2], &[name], &words[2..]].concat()
}

#[test]
fn what_is_planted_at_the_path_is_refused_and_untouched() {
    let sb = Sandbox::new();
    sb.ipc(["-q", "pipe", "create", "real"]).run().ok();
    let victim = file(&sb, "victim", b"precious");
    let plant: [(&str, Plant<'_>); 6] = [
        ("symlink", &|at| symlink(&victim, at).unwrap()),
        ("symlink", &|at| symlink(path(&sb, "real"), at).unwrap()),
        ("symlink", &|at| symlink("/nowhere", at).unwrap()),
        ("file", &|at| drop(std::fs::hard_link(&victim, at))),
        ("directory", &|at| std::fs::create_dir(at).unwrap()),
        ("socket", &|at| {
            drop(std::os::unix::net::UnixListener::bind(at).unwrap());
        }),
    ];
    for (kind, plant) in plant {
        for at in ["planted", "./planted"] {
            let place = match at {
                "planted" => path(&sb, at),
                _ => sb.folder().join(at),
            };
            plant(&place);
            let before = std::fs::symlink_metadata(&place).unwrap().ino();
            for words in USES {
                let refused = sb.ipc(with(words, at)).run();
                refused
                    .code(7)
                    .stdout("")
                    .stderr_has(&format!("planted: is a {kind}, not a FIFO"));
            }
            sb.ipc(["pipe", "create", at]).run().code(4);
            assert_eq!(std::fs::symlink_metadata(&place).unwrap().ino(), before);
            let _ = std::fs::remove_file(&place).or_else(|_| std::fs::remove_dir(&place));
        }
    }
    assert_eq!(std::fs::read(&victim).unwrap(), b"precious");
}

#[test]
fn a_missing_one_is_3_and_says_what_to_type() {
    let sb = Sandbox::new();
    // With and without a runtime folder.
    for has_folder in [false, true] {
        if has_folder {
            made(&sb, "other");
        }
        for words in &USES[..4] {
            sb.ipc(with(words, "none"))
                .run()
                .code(3)
                .stdout("")
                .stderr(&format!(
                    "ipc: pipe {}: /none: no such pipe (ENOENT)\nhint: ipc pipe create NAME\n",
                    words[1]
                ))
                .code(3);
        }
    }
    sb.ipc(["pipe", "rm", "--all"]).run().code(0);
    sb.ipc(["pipe", "rm", "other", "none"]).run().code(8);
    sb.ipc(["pipe", "rm", "--match", "x*"]).run().code(1);
}

#[test]
fn an_existing_one_is_4_unless_told_otherwise() {
    let sb = Sandbox::new();
    let path = made(&sb, "log");
    let inode = || std::fs::symlink_metadata(&path).unwrap().ino();
    let first = inode();
    sb.ipc(["pipe", "create", "log"])
        .run()
        .code(4)
        .stderr_has("/log: the pipe exists already (EEXIST)\nhint: --if-exists open");
    sb.ipc([
        "pipe",
        "create",
        "log",
        "--if-exists",
        "open",
        "--mode",
        "0666",
    ])
    .run()
    .code(0)
    .stderr("opened /log\n");
    assert_eq!(inode(), first);
    assert_eq!(path.metadata().unwrap().mode() & 0o7777, 0o600);
    let both = held(&path);
    let replaced = sb
        .ipc(["pipe", "create", "log", "--if-exists", "replace", "--json"])
        .run();
    replaced.ok();
    assert_eq!(replaced.json()["result"], "replaced");
    assert_eq!(replaced.json()["path"], path.to_str().unwrap());
    assert_ne!(inode(), first);
    drop(both);
}

#[test]
fn the_mode_is_exact() {
    let sb = Sandbox::new();
    for (number, umask) in ["000", "022", "077", "777"].into_iter().enumerate() {
        for mode in ["0600", "0666", "0620", "0000"] {
            let name = format!("m{number}{mode}");
            sb.sh(&format!(
                "umask {umask}; ipc -q pipe create {name} --mode {mode}"
            ))
            .run()
            .ok();
            let found = path(&sb, &name).metadata().unwrap().mode() & 0o7777;
            assert_eq!(format!("{found:04o}"), mode, "{umask}");
        }
    }
}

#[test]
fn a_folder_that_is_not_ours_alone_is_refused() {
    let sb = Sandbox::new();
    let path = made(&sb, "log");
    let folder = path.parent().unwrap();
    std::fs::set_permissions(folder, PermissionsExt::from_mode(0o770)).unwrap();
    for words in [
        &["pipe", "create", "new"][..],
        &["pipe", "send", "log", "x"],
        &["pipe", "recv", "log"],
        &["pipe", "stat", "log"],
        &["pipe", "rm", "log"],
        &["pipe", "ls"],
    ] {
        sb.ipc(words)
            .run()
            .code(5)
            .stdout("")
            .stderr_has("is not a folder that belongs to you alone");
    }
    std::fs::set_permissions(folder, PermissionsExt::from_mode(0o700)).unwrap();
    sb.ipc(["pipe", "rm", "log"]).run().ok();
}

#[test]
fn without_permission_it_is_5() {
    if is_root() {
        // Root may open anything, so that this is shown as another user.
        return as_nobody();
    }
    let sb = Sandbox::new();
    sb.ipc(["-q", "pipe", "create", "log", "--mode", "0000"])
        .run()
        .ok();
    for words in [&["pipe", "send", "log", "x"][..], &["pipe", "recv", "log"]] {
        sb.ipc(words)
            .run()
            .code(5)
            .stderr_has("has mode 0000 (EACCES)");
    }
}

fn as_nobody() {
    let sb = Sandbox::new();
    sb.ipc(["-q", "pipe", "create", "./log"]).run().ok();
    for words in [
        &["pipe", "send", "./log", "x"][..],
        &["pipe", "recv", "./log"],
        &["pipe", "rm", "./log"],
    ] {
        let refused = sb.ipc_as_nobody(words).run();
        refused.code(5).stderr_has("ermission denied");
    }
}

#[test]
fn output_that_is_bad_is_refused_before_a_writer_is_let_in() {
    let sb = Sandbox::new();
    let path = made(&sb, "log");
    let writer = sb
        .sh(&format!("printf 'a\\nb\\n' > '{}'", path.display()))
        .start();
    waits_for_a_partner(&writer);
    for words in ["", "--line", "-n 1", "--follow", "--json"] {
        let script = format!("ipc pipe recv log {words}");
        sb.sh(&format!("{script} >&-"))
            .run()
            .code(6)
            .stderr_has("standard output: is closed (EBADF)");
    }
    let (reader, output) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = sb.ipc(["pipe", "recv", "log"]).command();
    let status = command
        .stdout(output)
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.signal(), Some(libc::SIGPIPE));
    waits_for_a_partner(&writer);
    sb.ipc(["pipe", "recv", "log", "-t", "30s"])
        .run()
        .ok()
        .stdout("a\nb\n");
    let (status, ..) = writer.finish();
    assert!(status.success());
}

#[test]
fn what_a_full_device_does_not_take_is_not_lost() {
    let sb = Sandbox::new();
    let path = made(&sb, "log");
    let _both = held(&path);
    sb.ipc(["pipe", "send", "log", "-l", "one", "two"])
        .run()
        .ok();
    for words in ["--line", "-n 4"] {
        let full = sb
            .sh(&format!("ipc pipe recv log {words} > /dev/full"))
            .run();
        full.code(6).stderr_has("standard output: no space left");
    }
    let saved = std::fs::read_dir(sb.folder().join("run")).unwrap();
    let saved: Vec<String> = saved
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path() != path)
        .map(|entry| std::fs::read_to_string(entry.path()).unwrap())
        .collect();
    let left = sb.ipc(["pipe", "recv", "log", "--try"]).run();
    let left = String::from_utf8(left.stdout).unwrap();
    let mut all: Vec<String> = saved;
    all.extend(left.split_inclusive('\n').map(str::to_owned));
    all.sort();
    assert_eq!(all, ["one\n", "two\n"]);
}

#[test]
fn a_reader_of_the_output_that_leaves_ends_the_wait() {
    let sb = Sandbox::new();
    let path = made(&sb, "log");
    let _both = held(&path);
    for words in [&[][..], &["--line"], &["--follow"], &["-n", "9"]] {
        let (reader, output) = std::io::pipe().unwrap();
        let mut command = sb.ipc([&["pipe", "recv", "log"], words].concat()).command();
        let mut recv = command.stdout(output).spawn().unwrap();
        drop(command);
        drop(reader);
        let status = recv.wait().unwrap();
        assert_eq!(status.signal(), Some(libc::SIGPIPE), "{words:?}");
    }
}

#[test]
fn names_that_cannot_be_shown_are_not_made_but_can_be_removed() {
    let sb = Sandbox::new();
    let folder = made(&sb, "log").parent().unwrap().to_owned();
    for bad in [&b"a\nb"[..], b"\x1b[31m", b"a\xff"] {
        let bad = OsStr::from_bytes(bad);
        let create = [OsStr::new("pipe"), OsStr::new("create"), bad];
        sb.ipc(create).run().code(2).stdout("");
        let foreign = [format!("pipe.{}.", sb.scope()).as_bytes(), bad.as_bytes()].concat();
        let foreign = folder.join(OsStr::from_bytes(&foreign));
        nix_mkfifo(&foreign);
        let listed = sb.ipc(["--json", "pipe", "ls"]).run();
        listed.ok();
        assert_eq!(listed.json()["objects"].as_array().unwrap().len(), 2);
        let stat = ["--json", "pipe", "stat"].map(OsStr::new);
        let shown = sb.ipc(stat.into_iter().chain([bad])).run();
        shown.ok();
        let acts = |byte: &u8| *byte < b' ' && *byte != b'\n';
        assert!(!shown.stdout.iter().any(acts), "{shown}");
        let rm = ["pipe", "rm"].map(OsStr::new);
        sb.ipc(rm.into_iter().chain([bad])).run().ok();
        assert!(!foreign.exists());
    }
    for bad in ["", "/", ".", ".."] {
        for words in USES {
            sb.ipc(with(words, bad)).run().code(2).stdout("");
        }
    }
}

fn nix_mkfifo(path: &std::path::Path) {
    let path = std::ffi::CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: a C string that outlives the call.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
}

#[test]
fn a_source_that_is_missing_wakes_nobody() {
    let sb = Sandbox::new();
    made(&sb, "log");
    let recv = sb.ipc(["pipe", "recv", "log", "-t", "30s"]).start();
    recv.blocked();
    sb.ipc(["pipe", "send", "log", "-f", "none"])
        .run()
        .code(6)
        .stderr_has("none: no such file or directory (ENOENT)");
    sb.ipc(["pipe", "send", "log", "-f", "."])
        .run()
        .code(6)
        .stderr_has("(EISDIR)");
    sb.sh("ipc pipe send log <&-")
        .run()
        .code(6)
        .stderr_has("standard input: is closed");
    sb.ipc(["pipe", "send", "log", "x"]).run().ok();
    let (status, printed, _) = recv.finish();
    assert!(status.success());
    assert_eq!(printed, "x");
}

#[test]
fn a_pipe_of_no_size_and_a_separator_of_no_length_are_refused() {
    let sb = Sandbox::new();
    made(&sb, "log");
    for words in [
        &["send", "log", "x", "--size", "0"][..],
        &["recv", "log", "--size", "0"],
    ] {
        sb.ipc(["pipe"].iter().chain(words))
            .run()
            .code(2)
            .stderr_has("at least one byte");
    }
    for (option, word, why) in [
        ("--size", "0", "at least one byte"),
        ("--separator", "", "a word, not nothing"),
    ] {
        for verb in ["run", "duplex"] {
            let words = [
                "pipe", verb, option, word, "--", "touch", "made", "::", "cat",
            ];
            sb.ipc(words).run().code(125).stderr_has(why);
            assert!(!sb.folder().join("made").exists());
        }
    }
}

#[test]
fn what_is_there_instead_of_a_fifo_is_named_by_create() {
    let sb = Sandbox::new();
    std::fs::write(sb.folder().join("plain"), "kept").unwrap();
    let said = sb.ipc(["pipe", "create", "./plain"]).run();
    said.code(4)
        .stderr("ipc: pipe create: ./plain: is a file, not a FIFO\n");
}
