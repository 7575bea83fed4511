//! Shared memory of several users. Needs root, to be two of them.

use crate::sandbox::{Invocation, Sandbox, is_root, skip};
use crate::shm::create;

/// An invocation as a user who owns nothing here.
pub fn as_nobody<'a>(sb: &'a Sandbox, words: &[&str]) -> Option<Invocation<'a>> {
    if !is_root() {
        skip("only root can run as another user");
        return None;
    }
    Some(sb.ipc_as_nobody(words))
}

#[test]
fn an_object_of_another_user_opens_when_its_mode_allows() {
    let sb = Sandbox::new();
    create(&sb, "open", "4");
    let mode = [
        "-q", "shm", "create", "shared", "--size", "4", "--mode", "0666",
    ];
    sb.ipc(mode).run().ok();
    let Some(write) = as_nobody(&sb, &["shm", "write", "shared", "--create", "word"]) else {
        return;
    };
    write.run().ok();
    sb.ipc(["shm", "read", "shared"]).run().ok().stdout("word");
    // A plain open with O_CREAT is refused here where fs.protected_regular is set.
    let words = [
        "shm",
        "create",
        "shared",
        "--size",
        "4",
        "--if-exists",
        "open",
    ];
    let opened = as_nobody(&sb, &words).unwrap().run();
    opened.code(0).stderr("opened /shared\n");
}

#[test]
fn an_object_of_another_user_is_denied_with_its_owner_and_mode() {
    let sb = Sandbox::new();
    create(&sb, "a", "4");
    sb.ipc(["shm", "write", "a", "mine"]).run().ok();
    for words in [
        &["shm", "read", "a"][..],
        &["shm", "write", "a", "x"],
        &["shm", "write", "a", "--create", "x"],
        &["shm", "resize", "a", "1"],
        &["shm", "create", "a", "--size", "4", "--if-exists", "open"],
    ] {
        let Some(denied) = as_nobody(&sb, words) else {
            return;
        };
        let denied = denied.run();
        denied.code(5).stdout("");
        denied.stderr_has("/a: permission denied: it belongs to user 0 and has mode 0600 (EACCES)");
    }
    sb.ipc(["shm", "read", "a"]).run().ok().stdout("mine");
    // Looking needs no permission.
    as_nobody(&sb, &["shm", "stat", "a"]).unwrap().run().ok();
    let listed = as_nobody(
        &sb,
        &["shm", "ls", "--columns", "name,mode", "--no-headings"],
    );
    listed.unwrap().run().ok().stdout("/a  0600\n");
}

#[test]
fn a_readable_object_of_another_user_cannot_be_written() {
    let sb = Sandbox::new();
    let words = ["-q", "shm", "create", "a", "--size", "4", "--mode", "0644"];
    sb.ipc(words).run().ok();
    let Some(read) = as_nobody(&sb, &["shm", "read", "a"]) else {
        return;
    };
    read.run().ok().stdout_bytes(&[0; 4]);
    as_nobody(&sb, &["shm", "write", "a", "x"])
        .unwrap()
        .run()
        .code(5);
}

#[test]
fn only_the_owner_removes_an_object() {
    let sb = Sandbox::new();
    let words = ["-q", "shm", "create", "a", "--size", "4", "--mode", "0666"];
    sb.ipc(words).run().ok();
    let Some(denied) = as_nobody(&sb, &["shm", "rm", "a"]) else {
        return;
    };
    let denied = denied.run();
    denied
        .code(5)
        .stderr("ipc: shm rm: /a: permission denied: only user 0 may remove it (EPERM)\n");
    let words = [
        "shm",
        "create",
        "a",
        "--size",
        "8",
        "--if-exists",
        "replace",
    ];
    as_nobody(&sb, &words).unwrap().run().code(5);
    // What is not one's own is never matched.
    as_nobody(&sb, &["shm", "rm", "--all", "--yes"])
        .unwrap()
        .run()
        .code(1);
    assert!(sb.shm_file("a").exists());
}

#[test]
fn what_another_user_made_is_theirs() {
    let sb = Sandbox::new();
    let Some(made) = as_nobody(&sb, &["shm", "create", "a", "--size", "4"]) else {
        return;
    };
    made.run().code(0);
    let document = sb.ipc(["--json", "shm", "stat", "a"]).run().json();
    assert_eq!(document["objects"][0]["uid"], 65534);
    // Root goes past modes, and past the rule for sticky folders.
    sb.ipc(["shm", "write", "a", "root"]).run().ok();
    as_nobody(&sb, &["shm", "read", "a"])
        .unwrap()
        .run()
        .ok()
        .stdout("root");
    sb.ipc(["shm", "rm", "a"]).run().ok();
}
