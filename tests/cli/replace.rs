//! `create --if-exists replace`: only what is of the kind, and not in use, as `rm`.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::sandbox::Sandbox;
use crate::shell::someone;

/// How to create one of each kind, and the file that it makes.
const KINDS: [(&str, &[&str], &str); 7] = [
    ("shm", &["--size", "8"], ""),
    ("value", &["i64", "1"], ""),
    ("array", &["i64", "2"], ""),
    ("sem", &[], "sem."),
    ("lock", &[], "ipc.lock."),
    ("event", &[], "ipc.event."),
    ("barrier", &["2"], "ipc.barrier."),
];

fn replace(kind: &str, arguments: &[&'static str]) -> Vec<String> {
    let words = [
        &[kind, "create", "x"],
        arguments,
        &["--if-exists", "replace"],
    ];
    words.concat().into_iter().map(str::to_owned).collect()
}

fn path(sb: &Sandbox, prefix: &str) -> PathBuf {
    Path::new("/dev/shm").join(format!("{prefix}{}", sb.full("x")))
}

#[test]
fn what_is_of_the_kind_is_replaced() {
    for (kind, arguments, _) in KINDS {
        let sb = Sandbox::new();
        for result in ["created", "replaced", "replaced"] {
            sb.ipc(replace(kind, arguments))
                .run()
                .code(0)
                .stderr(&format!("{result} /x\n"));
        }
    }
}

#[test]
fn what_is_not_of_the_kind_is_left_alone() {
    for (kind, arguments, prefix) in KINDS {
        let sb = Sandbox::new();
        let path = path(&sb, prefix);
        if kind != "shm" {
            // To shared memory any file is a segment.
            std::fs::write(&path, "junk").unwrap();
            sb.ipc(replace(kind, arguments)).run().code(7);
            assert_eq!(std::fs::read(&path).unwrap(), b"junk", "{kind}");
            std::fs::remove_file(&path).unwrap();
        }
        symlink("/dev/null", &path).unwrap();
        sb.ipc(replace(kind, arguments)).run().code(7);
        assert!(path.is_symlink(), "{kind}");
    }
}

#[test]
fn a_value_does_not_take_the_place_of_an_array_nor_the_other_way_round() {
    let sb = Sandbox::new();
    sb.ipc(["-q", "array", "create", "x", "i64", "2"])
        .run()
        .ok();
    sb.ipc(["value", "create", "x", "i64", "1", "--if-exists", "replace"])
        .run()
        .code(7)
        .stderr("ipc: value create: /x: is an array, not a value\nhint: ipc array rm NAME\n");
    sb.ipc(["array", "get", "x"]).run().ok().stdout("0\n0\n");
    sb.ipc(["array", "rm", "x"]).run().ok();
    sb.ipc(["-q", "value", "create", "x", "i64", "1"])
        .run()
        .ok();
    sb.ipc(["array", "create", "x", "i64", "2", "--if-exists", "replace"])
        .run()
        .code(7)
        .stderr("ipc: array create: /x: is a value, not an array\nhint: ipc value rm NAME\n");
    sb.ipc(["value", "get", "x"]).run().ok().stdout("1\n");
}

#[test]
fn a_lock_that_is_held_is_replaced_by_force_alone() {
    let sb = Sandbox::new();
    let owner = someone(&sb);
    let number = owner.pid_text();
    sb.ipc(["lock", "acquire", "x", "--owner", &number])
        .run()
        .code(0);
    let mine = ["lock", "status", "x", "--mine", "--owner", &number];
    sb.ipc(replace("lock", &[]))
        .run()
        .code(1)
        .stderr_has(&format!("is held by process {number}"))
        .stderr_has("hint: --force");
    sb.ipc(mine).run().code(0);
    sb.ipc(replace("lock", &["--force"]))
        .run()
        .code(0)
        .stderr("replaced /x\n");
    sb.ipc(mine).run().code(1);
}

#[test]
fn who_waits_at_a_barrier_that_is_replaced_ends_with_7() {
    let sb = Sandbox::new();
    sb.ipc(["-q", "barrier", "create", "x", "2"]).run().ok();
    let waiter = sb.ipc(["barrier", "wait", "x", "-t", "30s"]).start();
    waiter.blocked();
    sb.ipc(replace("barrier", &["3"])).run().code(0);
    assert_eq!(waiter.finish().0.code(), Some(7));
}
