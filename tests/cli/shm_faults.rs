//! Shared memory that went wrong: killed creators, foreign files, planted
//! things, segments that are cut while they are used.

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixListener;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use serde_json::json;

use crate::sandbox::{Sandbox, file, has, skip};
use crate::shm::{create, pattern};

/// Whether processes may be traced here.
fn can_trace(sb: &Sandbox) -> bool {
    if !has("strace") {
        return false;
    }
    let works = sb.program("strace", ["-o", "/dev/null", "true"]).run();
    if !works.status.success() {
        skip("strace may not trace here");
    }
    works.status.success()
}

#[test]
fn a_creator_that_is_killed_leaves_nothing_and_openers_never_hang() {
    let sb = Sandbox::new();
    if !can_trace(&sb) {
        return;
    }
    let source = file(&sb, "source", &pattern(600_000));
    let source = source.to_str().unwrap();
    let small = ["--size", "16"];
    let large = ["--size", "64K"];
    let sparse = ["--size", "64K", "--sparse"];
    let filled = ["--from", source];
    for (call, at, ways) in [
        ("openat", 1, &[small, large, filled][..]),
        ("fchmod", 1, &[small, large, filled]),
        ("pwrite64", 1, &[small, filled]),
        ("pwrite64", 3, &[filled]),
        ("fallocate", 1, &[large]),
        ("linkat", 1, &[small, large, filled]),
    ] {
        for round in 0..20 {
            let way = ways[round % ways.len()];
            let inject = format!("inject={call}:signal=KILL:when={at}");
            let trace = format!("trace={call}");
            let tracer = ["-f", "-o", "/dev/null", "-e", &trace, "-e", &inject];
            let words = [
                &tracer[..],
                &[crate::sandbox::IPC, "-q", "shm", "create", "a"],
                &way,
            ]
            .concat();
            let killed = sb.program("strace", &words).run();
            assert_eq!(
                killed.status.signal(),
                Some(libc::SIGKILL),
                "{call} {way:?}"
            );
            assert!(sb.left_in_shm().is_empty(), "{call} {way:?}");
            sb.ipc(["shm", "read", "a"]).run().code(3);
        }
    }
    // The sparse way sets the size by a call of its own.
    for call in ["ftruncate", "linkat"] {
        let inject = format!("inject={call}:signal=KILL");
        let tracer = ["-f", "-o", "/dev/null", "-e", &inject];
        let words = [
            &tracer[..],
            &[crate::sandbox::IPC, "-q", "shm", "create", "a"],
            &sparse,
        ]
        .concat();
        assert_eq!(
            sb.program("strace", &words).run().status.signal(),
            Some(libc::SIGKILL)
        );
        assert!(sb.left_in_shm().is_empty());
    }
    sb.ipc(["-q", "shm", "create", "a", "--size", "16"])
        .run()
        .ok();
}

#[test]
fn foreign_segments_of_any_size_are_shown_and_never_end_in_a_signal() {
    let sb = Sandbox::new();
    for size in [0_u64, 1, 16, 31, 33, 4095, 4097, 1 << 40] {
        let name = format!("foreign{size}");
        let foreign = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(sb.shm_file(&name));
        foreign.unwrap().set_len(size).unwrap();
        let status = if size == 0 { "empty" } else { "ok" };
        let document = sb.ipc(["--json", "shm", "stat", &name]).run().json();
        assert_eq!(document["objects"][0]["status"], status, "{size}");
        assert_eq!(document["objects"][0]["size"], json!(size));
        let length = size.min(16).to_string();
        for form in [
            &["shm", "read"][..],
            &["shm", "read", "--hex"],
            &["--json", "shm", "read"],
        ] {
            let words = [form, &[&name, "--length", &length]].concat();
            sb.ipc(words).run().ok();
        }
        let write = sb.ipc(["shm", "write", &name, "x"]).run();
        write.code(if size == 0 { 6 } else { 0 });
        sb.ipc(["shm", "resize", &name, "8"]).run().ok();
        sb.ipc(["shm", "read", &name]).run().ok();
    }
    let listed = sb.ipc(["--json", "shm", "ls"]).run().json();
    assert_eq!(listed["objects"].as_array().unwrap().len(), 8);
}

#[test]
fn an_empty_foreign_segment_has_a_status_and_reads_as_nothing() {
    let sb = Sandbox::new();
    std::fs::write(sb.shm_file("a"), b"").unwrap();
    let listed = sb
        .ipc([
            "shm",
            "ls",
            "--columns",
            "name,size,status",
            "--no-headings",
        ])
        .run();
    listed.ok().stdout("/a  0  empty\n");
    sb.ipc(["shm", "read", "a"]).run().ok().stdout("");
    sb.ipc(["shm", "read", "a", "--length", "1"]).run().code(6);
    let open = ["shm", "create", "a", "--size", "4", "--if-exists", "open"];
    sb.ipc(open).run().code(4).stderr_has("exists with 0 bytes");
}

#[test]
fn a_segment_that_is_cut_while_it_is_read_is_an_error_not_a_short_output() {
    for round in 0..8 {
        let sb = Sandbox::new();
        create(&sb, "a", "8M");
        let snapshot = if round % 2 == 0 {
            None
        } else {
            Some("--snapshot")
        };
        let words = ["shm", "read", "a"].into_iter().chain(snapshot);
        let reader = sb.ipc(words).start();
        // A pipe that nobody empties holds at most a part of the segment.
        reader.blocked_in(&[libc::SYS_sendfile, libc::SYS_write, libc::SYS_splice]);
        sb.ipc(["shm", "resize", "a", "4096"]).run().ok();
        let (status, _, stderr) = reader.finish();
        assert_eq!(status.code(), Some(7), "{stderr}");
        assert!(
            stderr.contains("was cut to 4096 bytes while it was read"),
            "{stderr}"
        );
    }
}

#[test]
fn a_segment_that_is_removed_while_it_is_read_is_read_to_its_end() {
    let sb = Sandbox::new();
    let bytes = pattern(8 << 20);
    sb.ipc(["-q", "shm", "create", "a", "--from", "-"])
        .stdin(bytes.clone())
        .run()
        .ok();
    let mut command = sb.ipc(["shm", "read", "a"]).command();
    let mut child = command
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut read = vec![0];
    // The first byte shows that it is open.
    std::io::Read::read_exact(&mut stdout, &mut read).unwrap();
    sb.ipc(["shm", "rm", "a"]).run().ok();
    std::io::Read::read_to_end(&mut stdout, &mut read).unwrap();
    assert!(read == bytes);
    assert!(child.wait().unwrap().success());
}

/// What may lie under the name of a segment, and its status.
const PLANTS: [&str; 6] = [
    "symlink",
    "dangling",
    "hard-linked",
    "fifo",
    "directory",
    "socket",
];

fn plant(kind: &str, path: &Path, victim: &Path) {
    match kind {
        "symlink" => std::os::unix::fs::symlink(victim, path).unwrap(),
        "dangling" => std::os::unix::fs::symlink("/nonexistent/file", path).unwrap(),
        "hard-linked" => std::fs::hard_link(victim, path).unwrap(),
        "fifo" => nix_mkfifo(path),
        "directory" => std::fs::create_dir(path).unwrap(),
        _ => drop(UnixListener::bind(path).unwrap()),
    }
}

fn nix_mkfifo(path: &Path) {
    let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    // SAFETY: a C string that outlives the call.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
}

#[test]
fn nothing_that_is_planted_under_a_name_is_ever_followed_or_used() {
    for kind in PLANTS {
        let sb = Sandbox::new();
        std::fs::write(sb.shm_file("victim"), b"precious").unwrap();
        let (plant_path, victim) = (sb.shm_file("a"), sb.shm_file("victim"));
        plant(kind, &plant_path, &victim);
        for words in [
            &["shm", "read", "a"][..],
            &["shm", "write", "a", "x"],
            &["shm", "write", "a", "--create", "x"],
            &["shm", "write", "a", "--truncate", "x"],
            &["shm", "resize", "a", "2"],
            &["shm", "create", "a", "--size", "8", "--if-exists", "open"],
        ] {
            let refused = sb.ipc(words).run();
            refused
                .code(7)
                .stdout("")
                .stderr_has("hint: ipc shm stat shows what lies there");
        }
        sb.ipc(["shm", "create", "a", "--size", "8"]).run().code(4);
        assert_eq!(std::fs::read(&victim).unwrap(), b"precious", "{kind}");
        let status = if kind == "dangling" { "symlink" } else { kind };
        for verb in [&["shm", "stat", "a"][..], &["shm", "ls", "a"]] {
            let document = sb.ipc([&["--json"], verb].concat()).run();
            document.ok();
            assert_eq!(document.json()["objects"][0]["status"], status, "{kind}");
        }
        remove_plant(&sb, kind, &plant_path);
        assert_eq!(std::fs::read(&victim).unwrap(), b"precious", "{kind}");
        assert_eq!(std::fs::metadata(&victim).unwrap().nlink(), 1);
    }
}

/// Removes the plant, and nothing that it points to.
fn remove_plant(sb: &Sandbox, kind: &str, path: &Path) {
    let replace = [
        "-q",
        "shm",
        "create",
        "a",
        "--size",
        "8",
        "--if-exists",
        "replace",
    ];
    if kind == "directory" {
        // A directory is never removed, whatever is in it.
        for words in [&["shm", "rm", "a"][..], &replace] {
            sb.ipc(words)
                .run()
                .code(7)
                .stderr_has("is a directory, not an object");
        }
        assert!(path.is_dir());
        return;
    }
    sb.ipc(["shm", "rm", "a"]).run().ok();
    assert!(std::fs::symlink_metadata(path).is_err());
    plant(kind, path, &sb.shm_file("victim"));
    // Only what is of the kind is replaced.
    let replaced = sb.ipc(replace).run();
    if std::fs::symlink_metadata(path).unwrap().is_file() {
        // A second name of a file: the name is what is replaced.
        replaced.ok();
    } else {
        replaced.code(7).stderr_has("hint: ipc shm rm");
    }
    sb.ipc(["shm", "rm", "a"]).run().ok();
}

#[test]
fn a_plant_is_not_a_hang() {
    // Opening a FIFO waits for its other end, unless one takes care.
    let sb = Sandbox::new();
    nix_mkfifo(&sb.shm_file("a"));
    let reader = sb.ipc(["shm", "read", "a"]).run();
    reader.code(7).stderr_has("is a fifo, not an object");
}

#[test]
fn a_limit_on_the_size_of_files_is_an_error_with_its_name() {
    let sb = Sandbox::new();
    create(&sb, "a", "16");
    for line in [
        "ipc shm create b --size 1M",
        "ipc shm create b --size 1M --sparse",
        "ipc shm resize a 1M",
        "ipc shm write a --grow --offset 1M x",
        "ipc shm write b --create --offset 1M x",
    ] {
        // In blocks of 512 or 1024 bytes, as the shell pleases.
        let limited = sb.sh(&format!("ulimit -f 16; exec {line}")).run();
        limited
            .code(6)
            .stderr_has("(RLIMIT_FSIZE) (EFBIG)\nhint: ulimit -f");
    }
    assert_eq!(sb.left_in_shm(), [sb.full("a")]);
    assert_eq!(std::fs::metadata(sb.shm_file("a")).unwrap().size(), 16);
}

#[test]
fn random_bytes_under_a_name_are_just_bytes() {
    let sb = Sandbox::new();
    let bytes = pattern(10_000);
    for (index, part) in bytes.chunks(100).enumerate() {
        std::fs::write(sb.shm_file("a"), part).unwrap();
        let read = sb.ipc(["shm", "read", "a"]).run();
        read.ok();
        assert!(read.stdout == part, "{index}");
    }
    let names: Vec<_> = sb.left_in_shm();
    assert_eq!(names.iter().map(OsStr::new).count(), 1);
}
