//! `ipc sem` when it is killed, or refused by the kernel, between two steps.

use crate::sandbox::{Invocation, Sandbox, has, skip};
use crate::sem::{create, word};

/// An `ipc` whose system calls strace tampers with; nothing where it cannot.
fn tampered<'a>(sb: &'a Sandbox, tampering: &str, words: &[&str]) -> Invocation<'a> {
    let traced = ["-f", "-o", "trace", "-e", tampering, crate::sandbox::IPC];
    sb.program("strace", [&traced[..], words].concat())
}

/// Whether strace is here and may trace.
fn can_trace(sb: &Sandbox) -> bool {
    if !has("strace") {
        return false;
    }
    let works = sb.program("strace", ["-o", "trace", "true"]).run();
    if !works.status.success() {
        skip("strace may not trace here");
    }
    works.status.success()
}

/// The calls of a creator, and whether the semaphore is there after each:
/// a signal strikes before the call is made.
const STEPS: [(&str, bool); 6] = [
    ("openat", false),
    ("fchmod", false),
    ("pwrite64", false),
    ("linkat", false),
    ("write", true),
    ("exit_group", true),
];

/// Which one of its openat(2) makes the unnamed file.
fn unnamed_open(sb: &Sandbox) -> usize {
    let words = ["-q", "sem", "create", "probe"];
    tampered(sb, "trace=openat", &words).run().ok();
    sb.ipc(["sem", "rm", "probe"]).run().ok();
    let trace = std::fs::read_to_string(sb.folder().join("trace")).unwrap();
    let calls: Vec<&str> = trace.lines().filter(|l| l.contains("openat(")).collect();
    1 + calls
        .iter()
        .position(|call| call.contains("O_TMPFILE"))
        .expect("an unnamed file")
}

#[test]
fn a_creator_killed_at_any_step_leaves_all_or_nothing() {
    let sb = Sandbox::new();
    if !can_trace(&sb) {
        return;
    }
    let unnamed = unnamed_open(&sb);
    for (call, is_there) in STEPS {
        let nth = if call == "openat" { unnamed } else { 1 };
        let kill = format!("inject={call}:signal=KILL:when={nth}");
        for round in 0..20 {
            tampered(&sb, &kill, &["sem", "create", "s", "3"])
                .run()
                .killed_by(libc::SIGKILL);
            let open = sb.ipc(["sem", "acquire", "s", "-t", "30s"]).run();
            if is_there {
                open.ok();
                assert_eq!(word(&sb, "s"), (2, 0), "{call}, round {round}");
                sb.ipc(["sem", "rm", "s"]).run().ok();
            } else {
                open.code(3);
            }
            let left = sb.left_in_shm();
            assert!(left.is_empty(), "{call}, round {round}: {left:?}");
        }
    }
}

#[test]
fn a_creation_that_the_kernel_refuses_exits_6_and_leaves_nothing() {
    let sb = Sandbox::new();
    if !can_trace(&sb) {
        return;
    }
    let unnamed = format!("openat:error=ENOSPC:when={}", unnamed_open(&sb));
    for refusal in [
        &unnamed,
        "fchmod:error=EIO",
        "pwrite64:error=ENOSPC",
        "linkat:error=ENOSPC",
    ] {
        let inject = format!("inject={refusal}");
        for words in [
            &["sem", "create", "s"][..],
            &["sem", "acquire", "s", "--create"],
        ] {
            // An acquire opens the name first, which is one openat more.
            if words[1] == "acquire" && refusal.starts_with("openat") {
                continue;
            }
            let outcome = tampered(&sb, &inject, words).run();
            outcome.code(6).stdout("").stderr_has("/s: ");
            assert!(sb.left_in_shm().is_empty(), "{refusal}");
        }
    }
}

#[test]
fn an_acquire_whose_answer_is_lost_gives_back() {
    let sb = Sandbox::new();
    if !can_trace(&sb) {
        return;
    }
    create(&sb, "s", 3);
    // The first write(2) has no bytes and only asks.
    let full = "inject=write:error=ENOSPC:when=2+";
    let words = ["sem", "acquire", "s", "-n", "2", "--json"];
    tampered(&sb, full, &words).run().code(6);
    assert_eq!(word(&sb, "s"), (3, 0));
}

#[test]
fn a_waiter_survives_interruptions_without_a_handler() {
    let sb = Sandbox::new();
    if !can_trace(&sb) {
        return;
    }
    create(&sb, "s", 0);
    // The first three sleeps are interrupted and not restarted by the kernel.
    let interrupted = "inject=futex:error=EINTR:when=1..3";
    let words = ["sem", "acquire", "s", "-t", "50ms"];
    tampered(&sb, interrupted, &words).run().code(124);
    assert_eq!(word(&sb, "s"), (0, 0));
}

#[test]
fn the_way_to_a_release_is_five_system_calls() {
    let sb = Sandbox::new();
    if !can_trace(&sb) {
        return;
    }
    create(&sb, "s", 1);
    tampered(&sb, "trace=all", &["sem", "release", "s"])
        .run()
        .ok();
    let trace = std::fs::read_to_string(sb.folder().join("trace")).unwrap();
    let calls: Vec<&str> = trace
        .lines()
        .skip_while(|line| !line.contains("/dev/shm/sem."))
        .filter_map(|line| line.split_whitespace().nth(1)?.split('(').next())
        .collect();
    // Open, look once, read, prepare for a cut, map: then the unit is given.
    assert_eq!(calls[0], "openat", "{trace}");
    assert!(
        ["statx", "fstat", "newfstatat"].contains(&calls[1]),
        "{trace}"
    );
    assert_eq!(calls[2..5], ["pread64", "rt_sigaction", "mmap"], "{trace}");
    let rest = &calls[5..];
    for call in ["statx", "fstat", "openat", "futex", "pread64"] {
        assert!(!rest.contains(&call), "{call} again: {trace}");
    }
}
