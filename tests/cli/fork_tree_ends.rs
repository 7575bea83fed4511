//! `ipc fork-tree`: however it ends, nothing of it is left.

use std::os::unix::process::{CommandExt, ExitStatusExt};

use serde_json::Value;

use crate::fork_tree::{held, numbers};
use crate::sandbox::{Running, Sandbox, has, is_root, skip, until};
use crate::shell::below;

#[track_caller]
fn nothing_is_left(sb: &Sandbox) {
    until("the tree to be gone", || below(sb).is_empty());
}

#[test]
fn however_ipc_ends_nothing_of_a_thousand_is_left() {
    let sb = Sandbox::new();
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGKILL] {
        let (running, built) = held(&sb, &["--depth", "3", "--fanout", "10", "--orphans", "10"]);
        assert_eq!(numbers(&built, "pid").len(), 1111);
        running.signal(signal);
        let (status, ..) = running.finish();
        assert_eq!(status.signal(), Some(signal));
        if signal == libc::SIGKILL {
            // The kernel does it then, one generation after the other.
            nothing_is_left(&sb);
        } else {
            assert_eq!(below(&sb), Vec::<i32>::new());
        }
    }
}

#[test]
fn what_a_command_started_goes_with_the_tree_and_a_daemon_too() {
    let sb = Sandbox::new();
    // Handed over to nobody, in a session of its own, deaf to what asks.
    let daemon = "trap '' TERM INT HUP; setsid sh -c 'sleep 600 & echo up; exec sleep 600' & wait";
    let mut running = sb
        .ipc(["fork-tree", "--depth", "0", "--", "sh", "-c", daemon])
        .start();
    running.line();
    assert_eq!(running.line(), "up");
    running.signal(libc::SIGTERM);
    let (status, ..) = running.finish();
    assert_eq!(status.signal(), Some(libc::SIGTERM));
    assert_eq!(below(&sb), Vec::<i32>::new());
}

#[test]
fn a_tree_that_finds_no_room_is_an_error_and_leaves_nothing() {
    let sb = Sandbox::new();
    if !is_root() {
        return skip("the limit of a user is reached by its other processes too");
    }
    if !has("setpriv") {
        return;
    }
    // The limit does not hold for root: another user, known to nobody else.
    let script = "chmod 755 . && exec setpriv --reuid 54321 --regid 54321 --clear-groups \
                  ipc fork-tree --depth 1 --fanout 100 --hold 10m";
    let few = libc::rlimit {
        rlim_cur: 20,
        rlim_max: 20,
    };
    let limited = move || {
        // SAFETY: a plain system call on a structure that outlives it.
        unsafe { libc::setrlimit(libc::RLIMIT_NPROC, &few) };
        Ok(())
    };
    // SAFETY: the closure makes one system call and allocates nothing.
    let refused = sb.sh(script).with(|command| unsafe {
        command.pre_exec(limited);
    });
    let refused = refused.run();
    if matches!(refused.status.code(), Some(126 | 127)) {
        return skip("another user cannot run the binary where it lies");
    }
    refused
        .code(6)
        .stdout("")
        .stderr_has("may have 20 (RLIMIT_NPROC)")
        .stderr_has("EAGAIN");
    assert_eq!(below(&sb), Vec::<i32>::new());
}

#[test]
fn the_reader_of_the_tree_may_be_gone() {
    let sb = Sandbox::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let tree = sb.ipc(["fork-tree", "--hold", "10m"]).command();
    let mut tree = { tree }.stdout(writer).spawn().unwrap();
    let status = tree.wait().unwrap();
    // As any filter ends whose reader has seen enough.
    assert_eq!(status.signal(), Some(libc::SIGPIPE));
    assert_eq!(below(&sb), Vec::<i32>::new());
}

/// A tree in which each node has left a daemon and a child of the shell that
/// runs it still; ready when all of them are up.
fn littering(sb: &Sandbox) -> (Running, Value) {
    let script =
        "sh -c 'echo up; exec sleep 600' & (setsid sh -c 'echo up; exec sleep 600' &); wait";
    let words = [
        "fork-tree",
        "--json",
        "--shape",
        "a(b(c),d)",
        "--",
        "sh",
        "-c",
        script,
    ];
    let mut running = sb.ipc(words).start();
    let built = serde_json::from_str(&running.line()).unwrap();
    for _ in 0..8 {
        assert_eq!(running.line(), "up");
    }
    (running, built)
}

/// How many processes say in their environment that they belong to a node.
fn of_node(sb: &Sandbox, index: usize) -> usize {
    let mark = format!("IPC_TREE_INDEX={index}\0").into_bytes();
    let is_its = |pid: &i32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.windows(mark.len()).any(|part| part == mark)
    };
    below(sb).iter().filter(|pid| is_its(pid)).count()
}

#[test]
fn a_killed_node_takes_along_what_the_commands_below_it_started() {
    let sb = Sandbox::new();
    let (running, built) = littering(&sb);
    let pids = numbers(&built, "pid");
    kill(pids[1], libc::SIGKILL);
    until("b and c to be gone with all", || {
        of_node(&sb, 1) + of_node(&sb, 2) == 0
    });
    // A shell and what it has started: nobody has asked those to go. They may
    // be on their way still, and in between an exec shows no environment.
    until("a and d to be there with all", || {
        [of_node(&sb, 0), of_node(&sb, 3)] == [3, 3]
    });
    kill(pids[0], libc::SIGKILL);
    let (status, said, _) = running.finish();
    assert_eq!(status.signal(), Some(libc::SIGKILL), "{said}");
    assert_eq!(below(&sb), Vec::<i32>::new());
}

#[test]
fn a_node_that_is_killed_after_its_command_has_failed_and_takes_what_that_left() {
    let sb = Sandbox::new();
    let script = "setsid sh -c 'echo up; exec sleep 600' & exit 0";
    let words = [
        "fork-tree",
        "--json",
        "--shape",
        "a(b)",
        "--hold",
        "10m",
        "--",
        "sh",
        "-c",
        script,
    ];
    let mut running = sb.ipc(words).start();
    let built: Value = serde_json::from_str(&running.line()).unwrap();
    let pids = numbers(&built, "pid");
    for _ in 0..2 {
        assert_eq!(running.line(), "up");
    }
    until("the commands to end", || {
        [of_node(&sb, 0), of_node(&sb, 1)] == [1, 1]
    });
    // The root has no reason yet to look after its child.
    kill(pids[1], libc::SIGTERM);
    until("what b left to be gone", || of_node(&sb, 1) == 0);
    until("what a left to be there", || of_node(&sb, 0) == 1);
    kill(pids[0], libc::SIGTERM);
    let (status, ..) = running.finish();
    assert_eq!(status.signal(), Some(libc::SIGTERM));
    assert_eq!(below(&sb), Vec::<i32>::new());
}

#[test]
fn what_the_commands_started_is_gone_when_ipc_is_ended() {
    let sb = Sandbox::new();
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT] {
        let (running, _) = littering(&sb);
        running.signal(signal);
        let (status, ..) = running.finish();
        assert_eq!(status.signal(), Some(signal));
        assert_eq!(below(&sb), Vec::<i32>::new());
    }
}

fn kill(pid: i64, signal: i32) {
    // SAFETY: a node of a tree of this test, whose parent has not reaped it.
    assert_eq!(unsafe { libc::kill(pid as i32, signal) }, 0);
}
