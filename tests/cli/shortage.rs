//! What waits where descriptors, inotify instances or threads run short (F32):
//! it looks again by the clock, and fails only when it cannot look at all.

use std::collections::BTreeSet;

use crate::sandbox::{Invocation, Sandbox, has, skip, until};
use crate::shell::{Shell, someone, until_waiters};

/// `ipc` that may have so many files open.
fn with_files<'a>(sb: &'a Sandbox, limit: &str, words: &[&str]) -> Invocation<'a> {
    let script = r#"ulimit -n "$1" && shift && exec ipc "$@""#;
    sb.program("sh", [&["-c", script, "sh", limit], words].concat())
}

/// As many owners, each with one hold of L.
fn holders(sb: &Sandbox, count: usize, option: &[&str]) -> Vec<Shell> {
    let owners: Vec<Shell> = (0..count).map(|_| someone(sb)).collect();
    for owner in &owners {
        let number = owner.pid_text();
        let words = [&["-q", "lock", "acquire", "L", "--owner", &number], option].concat();
        sb.ipc(words).run().ok();
    }
    owners
}

#[test]
fn more_holders_than_descriptors_are_judged_one_at_a_time() {
    let sb = Sandbox::new();
    let owners = holders(&sb, 40, &["--slots", "40"]);
    for limit in ["16", "10", "8"] {
        with_files(&sb, limit, &["lock", "acquire", "L", "--try"])
            .run()
            .code(1)
            .stderr("");
        with_files(&sb, limit, &["lock", "run", "L", "--try", "--", "true"])
            .run()
            .code(124);
        with_files(&sb, limit, &["lock", "acquire", "L", "-t", "20ms"])
            .run()
            .code(124);
        let status = with_files(&sb, limit, &["lock", "status", "L", "--json"]).run();
        let held = status.ok().json()["holders"].as_array().unwrap().len();
        assert_eq!(held, owners.len());
        let last = owners[39].pid_text();
        let mine = ["lock", "status", "L", "--mine", "--owner", &last];
        with_files(&sb, limit, &mine).run().code(0);
    }
}

#[test]
fn any_of_40_owners_dies_and_a_waiter_with_16_files_recovers_its_slot_20_times() {
    let sb = Sandbox::new();
    let mut owners = holders(&sb, 40, &["--slots", "40"]);
    for round in 0..20 {
        // Among the first, which are watched, and the last, which are not.
        let victim = owners.swap_remove(round * 2);
        let next = someone(&sb);
        let number = next.pid_text();
        let limit = if round % 2 == 0 { "16" } else { "8" };
        let words = ["lock", "acquire", "L", "--owner", &number, "-t", "30s"];
        let waiter = with_files(&sb, limit, &words).start();
        waiter.blocked_in(&[libc::SYS_futex]);
        let dead = format!("recovered from dead owner {}\n", victim.pid());
        victim.die();
        let (status, _, said) = waiter.finish();
        assert!(status.success() && said.ends_with(&dead), "{said}");
        owners.push(next);
    }
}

#[test]
fn a_writer_with_16_files_waits_for_40_readers() {
    let sb = Sandbox::new();
    let readers = holders(&sb, 40, &["--shared"]);
    for limit in ["16", "8"] {
        with_files(&sb, limit, &["lock", "acquire", "L", "--try"])
            .run()
            .code(1);
    }
    let writer = with_files(&sb, "16", &["lock", "acquire", "L", "-t", "30s"]).start();
    writer.blocked_in(&[libc::SYS_futex]);
    readers.into_iter().for_each(Shell::die);
    let (status, _, said) = writer.finish();
    assert_eq!((status.code(), said.as_str()), (Some(0), ""));
}

#[test]
fn who_cannot_look_at_anybody_fails_with_6_and_says_why() {
    let sb = Sandbox::new();
    let owner = someone(&sb);
    let number = owner.pid_text();
    let refused = |words: &[&str]| {
        let outcome = with_files(&sb, "4", words).run();
        outcome.code(6).stdout("").stderr_has("EMFILE");
    };
    sb.ipc(["-q", "lock", "create", "L"]).run().ok();
    // Without the start time of the owner its number alone would have to do.
    refused(&["lock", "acquire", "L", "--owner", &number]);
    sb.ipc(["lock", "acquire", "L", "--owner", &number])
        .run()
        .ok();
    refused(&["lock", "status", "L"]);
    refused(&["lock", "release", "L", "--owner", &number]);
    sb.ipc(["lock", "release", "L", "--owner", &number])
        .run()
        .ok();
}

/// What the kernel refuses, by system call.
const REFUSALS: [(&str, &[&str]); 3] = [
    ("threads", &["clone3:error=EAGAIN", "clone:error=EAGAIN"]),
    ("event descriptors", &["eventfd2:error=EMFILE"]),
    ("inotify instances", &["inotify_init1:error=EMFILE"]),
];

/// `ipc` to which the kernel refuses something; its process is the one started.
fn refused<'a>(sb: &'a Sandbox, calls: &[&str], words: &[&str]) -> Invocation<'a> {
    let mut all = vec![
        "-D".to_owned(),
        "-qq".into(),
        "-o".into(),
        "/dev/null".into(),
    ];
    for call in calls {
        all.extend(["-e".to_owned(), format!("inject={call}")]);
    }
    all.push("ipc".into());
    all.extend(words.iter().map(|word| (*word).to_owned()));
    sb.program("strace", all)
}

/// Whether strace is here and can make the kernel refuse.
fn can_refuse(sb: &Sandbox) -> bool {
    if !has("strace") {
        return false;
    }
    let works = refused(sb, REFUSALS[0].1, &["--version"])
        .run()
        .status
        .success();
    if !works {
        skip("strace cannot trace here");
    }
    works
}

#[test]
fn an_event_beside_a_process_needs_neither_a_thread_nor_a_descriptor_more() {
    let sb = Sandbox::new();
    if !can_refuse(&sb) {
        return;
    }
    for (what, calls) in REFUSALS {
        for round in 0..6 {
            let process = someone(&sb);
            let number = process.pid_text();
            let words = ["event", "wait", "e", "--or-exit", &number, "-t", "30s"];
            let waiter = refused(&sb, calls, &words).start();
            waiter.blocked();
            if round % 2 == 0 {
                process.die();
                let (status, _, said) = waiter.finish();
                assert_eq!(status.code(), Some(3), "{what}: {said}");
            } else {
                sb.ipc(["event", "pulse", "e"]).run().ok();
                let (status, _, said) = waiter.finish();
                assert!(status.success(), "{what}: {said}");
            }
        }
        let process = someone(&sb);
        let number = process.pid_text();
        for (option, code) in [(&["-t", "20ms"][..], 124), (&["--try"], 1)] {
            let words = [&["event", "wait", "e", "--or-exit", &number], option].concat();
            refused(&sb, calls, &words).run().code(code);
        }
    }
}

#[test]
fn the_death_of_an_owner_is_noticed_without_anything_that_watches() {
    let sb = Sandbox::new();
    if !can_refuse(&sb) {
        return;
    }
    for (what, calls) in REFUSALS {
        let mut holder = someone(&sb);
        let number = holder.pid_text();
        sb.ipc(["lock", "acquire", "L", "--owner", &number])
            .run()
            .ok();
        for _ in 0..3 {
            let next = someone(&sb);
            let number = next.pid_text();
            let words = ["lock", "acquire", "L", "--owner", &number, "-t", "30s"];
            let waiter = refused(&sb, calls, &words).start();
            waiter.blocked_in(&[libc::SYS_futex]);
            let dead = format!("recovered from dead owner {}\n", holder.pid());
            holder.die();
            let (status, _, said) = waiter.finish();
            assert!(status.success() && said.ends_with(&dead), "{what}: {said}");
            holder = next;
        }
        sb.ipc(["lock", "rm", "L", "--force"]).run().ok();
    }
}

#[test]
fn the_death_of_a_member_is_noticed_without_anything_that_watches() {
    let sb = Sandbox::new();
    if !can_refuse(&sb) {
        return;
    }
    let words = ["barrier", "wait", "b", "--parties", "3", "-t", "30s"];
    for (what, calls) in REFUSALS {
        for _ in 0..3 {
            let stays = refused(&sb, calls, &words).start();
            let mut dies = sb.ipc(words).start();
            until("two members to arrive", || {
                let status = sb.ipc(["barrier", "status", "b", "--json"]).run();
                status.status.success() && status.json()["arrived"] == 2
            });
            dies.signal(libc::SIGKILL);
            dies.wait();
            let (status, _, said) = stays.finish();
            assert_eq!(status.code(), Some(7), "{what}: {said}");
        }
    }
}

/// So many at once in the background of one shell, each with 16 files.
fn crowd<'a>(sb: &'a Sandbox, count: usize, command: &str) -> Invocation<'a> {
    let script =
        format!("ulimit -n 16; for i in $(seq {count}); do {command} & done; wait; echo over");
    sb.sh(&script)
}

/// More waiters than a user has inotify instances, 128 as a rule.
#[test]
fn of_200_waiters_for_a_lock_each_gets_it() {
    let sb = Sandbox::new();
    let holder = someone(&sb);
    let number = holder.pid_text();
    sb.ipc(["lock", "acquire", "L", "--owner", &number])
        .run()
        .ok();
    let mut waiters = crowd(&sb, 200, "ipc lock run L -t 2m -- echo in").start();
    until_waiters(&sb, "L", 200);
    holder.die();
    for _ in 0..200 {
        assert_eq!(waiters.line(), "in");
    }
    assert_eq!(waiters.line(), "over");
    let (status, _, said) = waiters.finish();
    assert!(status.success());
    // One of them is told that the owner has died, and nobody of anything else.
    assert_eq!(said.lines().count(), 1, "{said}");
    sb.ipc(["lock", "status", "L"]).run().ok().stdout("free\n");
}

#[test]
fn one_pulse_lets_200_waiters_on() {
    let sb = Sandbox::new();
    let process = someone(&sb);
    let number = process.pid_text();
    sb.ipc(["-q", "event", "create", "e"]).run().ok();
    let half = format!(
        "case $i in *[02468]) beside='--or-exit {number}' ;; *) beside= ;; esac; \
         ipc event wait e -t 2m $beside && echo on"
    );
    let mut waiters = crowd(&sb, 200, &format!("{{ {half}; }}")).start();
    let path = format!("/dev/shm/ipc.event.{}", sb.full("e"));
    until("200 waiters to sleep", || asleep_with(&path) == 200);
    sb.ipc(["event", "pulse", "e"]).run().ok();
    for _ in 0..200 {
        assert_eq!(waiters.line(), "on");
    }
    assert_eq!(waiters.line(), "over");
}

/// How many processes that have a file open sleep.
fn asleep_with(path: &str) -> usize {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let sleeps = |process: &std::fs::DirEntry| {
        let descriptors = std::fs::read_dir(process.path().join("fd"));
        let has_it = descriptors.into_iter().flatten().flatten().any(|one| {
            std::fs::read_link(one.path()).is_ok_and(|target| target.as_os_str() == path)
        });
        let call = std::fs::read_to_string(process.path().join("syscall")).unwrap_or_default();
        let number = call.split(' ').next().unwrap().parse().unwrap_or(-1);
        has_it && [libc::SYS_futex, libc::SYS_ppoll].contains(&number)
    };
    processes.filter(sleeps).count()
}

#[test]
fn a_barrier_of_200_lets_all_on() {
    let sb = Sandbox::new();
    sb.ipc(["-q", "barrier", "create", "b", "200"]).run().ok();
    let mut members = crowd(&sb, 200, "ipc barrier wait b -t 2m").start();
    let indices: BTreeSet<usize> = (0..200).map(|_| members.line().parse().unwrap()).collect();
    assert!(indices.into_iter().eq(0..200));
    assert_eq!(members.line(), "over");
}
