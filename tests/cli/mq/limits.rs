//! F30: limits, each named with its place, its value and what was asked.

use super::drain;
use crate::sandbox::{Sandbox, has, is_root, skip};

/// Runs a script as root of a user and IPC namespace of its own, where names
/// and limits are nobody else's.
macro_rules! in_a_world_of_its_own {
    ($sb:expr, $script:expr) => {{
        if !has("unshare") {
            return;
        }
        let possible = $sb.program("unshare", ["-Ur", "-i", "true"]).run();
        if !possible.status.success() {
            return skip("user namespaces are not permitted here");
        }
        $sb.program("unshare", ["-Ur", "-i", "sh", "-c", $script])
            .run()
    }};
}

fn sysctl(name: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/sys/fs/mqueue/{name}")).unwrap();
    text.trim().parse().unwrap()
}

#[test]
fn more_than_msg_max_or_msgsize_max_is_explained() {
    let sb = Sandbox::new();
    let script = "ipc mq create q --max-messages 11; echo $?
                  ipc mq create q --max-size 8193; echo $?
                  ipc mq create q --max-messages 300 --max-size 1M; echo $?
                  ipc mq send q --create --max-messages 11 x; echo $?";
    let refused = in_a_world_of_its_own!(sb, script);
    refused.code(0).stdout("6\n6\n6\n6\n").stderr(
        "ipc: mq create: /q: 11 messages asked, /proc/sys/fs/mqueue/msg_max is 10 (EINVAL)\n\
         hint: as root: echo 11 > /proc/sys/fs/mqueue/msg_max\n\
         ipc: mq create: /q: 8193 bytes a message asked, /proc/sys/fs/mqueue/msgsize_max is 8192 \
         (EINVAL)\n\
         hint: as root: echo 8193 > /proc/sys/fs/mqueue/msgsize_max\n\
         ipc: mq create: /q: 300 messages asked, /proc/sys/fs/mqueue/msg_max is 10; 1048576 bytes a \
         message asked, /proc/sys/fs/mqueue/msgsize_max is 8192 (EINVAL)\n\
         hint: as root: echo 300 > /proc/sys/fs/mqueue/msg_max; echo 1048576 > \
         /proc/sys/fs/mqueue/msgsize_max\n\
         ipc: mq send: /q: 11 messages asked, /proc/sys/fs/mqueue/msg_max is 10 (EINVAL)\n\
         hint: as root: echo 11 > /proc/sys/fs/mqueue/msg_max\n",
    );
}

#[test]
fn the_hint_of_a_refusal_works_when_typed() {
    let sb = Sandbox::new();
    let script = "echo 300 > /proc/sys/fs/mqueue/msg_max || exit 77
                  ipc -q mq create q --max-messages 300 --max-size 16 &&
                  seq 300 | ipc mq send q --lines -t 30s && ipc mq full q &&
                  ipc mq recv q --drain --newline | tail -n 1";
    let made = in_a_world_of_its_own!(sb, script);
    if made.status.code() == Some(77) {
        return skip("limits cannot be written in this namespace");
    }
    made.ok().stdout("300\n");
}

#[test]
fn the_defaults_of_the_system_are_used_where_nothing_is_said() {
    let sb = Sandbox::new();
    let made = in_a_world_of_its_own!(sb, "ipc mq create q --json");
    made.ok();
    assert_eq!(made.json()["max_messages"], sysctl("msg_default"));
    assert_eq!(made.json()["max_size"], sysctl("msgsize_default"));
}

#[test]
fn the_budget_runs_out_with_its_arithmetic_and_comes_back_with_rm() {
    let sb = Sandbox::new();
    if !has("prlimit") {
        return;
    }
    let script = "ulimit() { prlimit --msgqueue=$1 --pid $$; }; ulimit 2000
                  new() { ipc -q mq create $1 --max-messages 4 --max-size 64; echo $1 $?; }
                  new a; new b; new c; new d; ipc mq rm b; new d
                  ulimit 100; new e";
    let filled = in_a_world_of_its_own!(sb, script);
    filled.code(0).stdout("a 0\nb 0\nc 0\nd 6\nd 0\ne 6\n");
    filled.stderr_has(
        "ipc: mq create: /d: 4 messages x (64 + 96) bytes = 640; RLIMIT_MSGQUEUE is 2000 for all \
         queues of user 0, and your other queues leave less than that",
    );
    filled.stderr_has(
        "/e: 4 messages x (64 + 96) bytes = 640; RLIMIT_MSGQUEUE is 100 for all queues of user 0, \
         and even alone that is too much (EMFILE)",
    );
    filled.stderr_has("hint: ipc mq ls shows your queues; a smaller --max-messages or --max-size");
}

#[test]
fn the_arithmetic_of_the_budget_is_the_kernels_to_the_byte() {
    let sb = Sandbox::new();
    if !has("prlimit") {
        return;
    }
    let mut script = String::new();
    for (messages, size) in [(1, 1), (4, 64), (10, 8192), (10, 1), (3, 333)] {
        let needed = messages * (size + 96);
        for (limit, code) in [(needed, 0), (needed - 1, 6)] {
            script += &format!(
                "prlimit --msgqueue={limit} ipc -q mq create q --max-messages {messages} \
                 --max-size {size} 2>/dev/null; test $? = {code} || echo {messages} {size} {limit}\n\
                 ipc mq rm q 2>/dev/null\n"
            );
        }
    }
    in_a_world_of_its_own!(sb, &format!("{script}:"))
        .ok()
        .stdout("");
}

#[test]
fn queues_max_is_explained() {
    let sb = Sandbox::new();
    let script = "echo 1 > /proc/sys/fs/mqueue/queues_max || exit 77
                  ipc -q mq create a --max-messages 1; ipc mq create b --max-messages 1";
    let refused = in_a_world_of_its_own!(sb, script);
    if refused.status.code() == Some(77) {
        return skip("limits cannot be written in this namespace");
    }
    refused.code(6).stderr(
        "ipc: mq create: /b: there are 1 queues already, the limit \
         /proc/sys/fs/mqueue/queues_max (ENOSPC)\n\
         hint: ipc mq ls, ipc mq rm; root can raise /proc/sys/fs/mqueue/queues_max\n",
    );
}

#[test]
fn another_user_is_refused_with_exit_code_5() {
    let sb = Sandbox::new();
    if !is_root() {
        return skip("needs root, to be two users");
    }
    if !has("setpriv") {
        return;
    }
    sb.queue("q");
    super::send(&sb, "q", &["kept"]);
    let ipc = super::listing::reachable_binary(&sb);
    for arguments in [
        "send q x",
        "recv q",
        "recv q --exec true",
        "wait q -t 30s",
        "full q",
        "empty q",
        "stat q",
        "rm q",
        "watch q -t 30s -- true",
        "move q other",
    ] {
        let refused = sb
            .sh(&format!(
                "exec setpriv --reuid 65534 --regid 65534 --clear-groups {} mq {arguments}",
                ipc.display()
            ))
            .run();
        refused.code(5).stderr_has("/q: ");
    }
    // One that may send and not read.
    sb.ipc([
        "-q",
        "mq",
        "create",
        "letters",
        "--mode",
        "0602",
        "--max-messages",
        "2",
    ])
    .with(|command| {
        command.args(["--max-size", "16"]);
    })
    .run()
    .ok();
    for (arguments, code) in [("send letters dear", 0), ("recv letters", 5)] {
        sb.sh(&format!(
            "exec setpriv --reuid 65534 --regid 65534 --clear-groups {} mq {arguments}",
            ipc.display()
        ))
        .run()
        .code(code);
    }
    assert_eq!(drain(&sb, "letters"), ["dear"]);
    assert_eq!(drain(&sb, "q"), ["kept"]);
}

#[test]
fn who_may_receive_and_not_send_has_what_fails_saved() {
    let sb = Sandbox::new();
    if !is_root() {
        return skip("needs root, to be two users");
    }
    if !has("setpriv") {
        return;
    }
    let create = [
        "-q",
        "mq",
        "create",
        "q",
        "--mode",
        "0604",
        "--max-messages",
        "2",
    ];
    sb.ipc(create.iter().chain(&["--max-size", "16"]))
        .run()
        .ok();
    super::send(&sb, "q", &["once"]);
    let ipc = super::listing::reachable_binary(&sb);
    let folder = sb.folder().join("theirs");
    sb.sh(&format!(
        "exec setpriv --reuid 65534 --regid 65534 --clear-groups {} mq recv q --exec sh -c 'exit 4'",
        ipc.display()
    ))
    .env("IPC_RUNTIME_DIR", &folder)
    .run()
    .code(4)
    .stderr_has("could not go back and is saved in ");
    let found = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap();
    assert_eq!(std::fs::read(found.path()).unwrap(), b"once");
}
