//! `ipc sem`: what it refuses: bad words, bad names, no permission, no output.

use crate::sandbox::{Sandbox, is_root, skip};
use crate::sem::{create, word};

#[test]
fn what_cannot_be_meant_exits_2() {
    let sb = Sandbox::new();
    for words in [
        &["sem", "acquire"][..],
        &["sem", "acquire", "s", "--try", "-t", "1s"],
        &["sem", "acquire", "s", "-n", "0"],
        &["sem", "acquire", "s", "-n", "2147483648"],
        &["sem", "acquire", "s", "-t", "soon"],
        &["sem", "acquire", "s", "--create=-1"],
        &["sem", "release", "s", "-n", "x"],
        &["sem", "create", "s", "1", "--mode", "0999"],
        &["sem", "create", "s", "1", "--if-exists", "perhaps"],
        &["sem", "create", "s", "-1"],
        &["sem", "create", "a/b"],
        &["sem", "create", "."],
        &["sem", "create", ".."],
        &["sem", "create", ""],
        &["sem", "create", "/"],
        &["sem", "create", "line\nend"],
        &["sem", "create", "esc\x1b[m"],
        &["sem", "value"],
        &["sem", "stat"],
        &["sem", "rm"],
        &["sem", "rm", "s", "--all"],
        &["sem", "nonsense"],
    ] {
        let outcome = sb.ipc(words).run();
        outcome.code(2).stdout("");
        assert!(!outcome.stderr.is_empty() && !outcome.stderr.contains(&0x1b));
    }
    assert!(sb.left_in_shm().is_empty());
}

#[test]
fn names_have_at_most_240_bytes_with_their_scope() {
    let sb = Sandbox::new();
    let most = "n".repeat(240 - sb.full("").len());
    sb.ipc(["-q", "sem", "create", &most]).run().ok();
    sb.ipc(["sem", "acquire", &most]).run().ok();
    sb.ipc(["sem", "create", &format!("{most}n")])
        .run()
        .code(2)
        .stderr_has("at most 240 bytes, this one has 241");
}

#[test]
fn a_scope_keeps_names_apart() {
    let sb = Sandbox::new();
    let other = format!("{}-other", sb.scope());
    create(&sb, "s", 1);
    sb.ipc(["sem", "value", "s", "--scope", &other])
        .run()
        .code(3);
    sb.ipc(["-q", "--scope", &other, "sem", "create", "s", "7"])
        .run()
        .ok();
    sb.ipc(["sem", "value", "s"]).run().ok().stdout("1\n");
    sb.ipc(["sem", "value", "s"])
        .env("IPC_SCOPE", &other)
        .run()
        .ok()
        .stdout("7\n");
    let full = format!("{other}.s");
    sb.ipc(["sem", "value", &full, "--scope", ""])
        .run()
        .ok()
        .stdout("7\n");
}

#[test]
fn what_is_not_permitted_exits_5() {
    let sb = Sandbox::new();
    if !is_root() {
        return skip("only root can become somebody else");
    }
    create(&sb, "s", 1);
    for words in [
        &["sem", "acquire", "s", "-t", "30s"][..],
        &["sem", "release", "s"],
        &["sem", "value", "s"],
        &["sem", "rm", "s"],
        &["sem", "create", "s", "--if-exists", "open"],
        &["sem", "create", "s", "--if-exists", "replace"],
    ] {
        let outcome = sb.ipc_as_nobody(words).run();
        outcome.code(5).stdout("").stderr_has("/s: ");
    }
    let stat = sb.ipc_as_nobody(["sem", "stat", "s", "--json"]).run();
    assert_eq!(stat.ok().json()["objects"][0]["status"], "unreadable");
    assert_eq!(word(&sb, "s"), (1, 0));
}

#[test]
fn reading_permission_is_enough_for_value_but_not_to_take() {
    let sb = Sandbox::new();
    if !is_root() {
        return skip("only root can become somebody else");
    }
    sb.ipc(["-q", "sem", "create", "s", "4", "--mode", "0644"])
        .run()
        .ok();
    sb.ipc_as_nobody(["sem", "value", "s"])
        .run()
        .ok()
        .stdout("4\n");
    sb.ipc_as_nobody(["sem", "acquire", "s", "--try"])
        .run()
        .code(5);
    assert_eq!(word(&sb, "s"), (4, 0));
}

#[test]
fn an_acquire_that_cannot_be_reported_takes_nothing() {
    let sb = Sandbox::new();
    create(&sb, "s", 2);
    let take = ["sem", "acquire", "s", "--json", "-t", "30s"];
    let outcome = sb.sh(&format!("ipc {} > /dev/full", take.join(" "))).run();
    outcome.code(6).stderr_has("no space left");
    let closed = sb.sh(&format!("ipc {} >&-", take.join(" "))).run();
    closed.code(6).stderr_has("standard output: is closed");
    assert_eq!(word(&sb, "s"), (2, 0));
    sb.sh("ipc sem release s --json >&-").run().code(6);
    assert_eq!(word(&sb, "s"), (2, 0));
}
