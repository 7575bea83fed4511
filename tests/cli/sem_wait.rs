//! `ipc sem acquire` while it waits: order, signals, collectors, removal.

use std::os::unix::process::{CommandExt, ExitStatusExt};

use crate::sandbox::{Running, Sandbox, until};
use crate::sem::{create, word};

/// Starts a taker that may wait.
fn take(sb: &Sandbox, units: u32) -> Running {
    let units = units.to_string();
    sb.ipc(["sem", "acquire", "s", "-n", &units, "-t", "30s"])
        .start()
}

/// Waits until so many units are left and so many processes wait.
#[track_caller]
fn settles_at(sb: &Sandbox, value: u32, waiters: u32) {
    until(&format!("value {value}, {waiters} waiters"), || {
        word(sb, "s") == (value, waiters)
    });
}

fn release(sb: &Sandbox, units: u32) {
    let units = units.to_string();
    sb.ipc(["sem", "release", "s", "-n", &units]).run().ok();
}

#[test]
fn a_waiter_goes_on_when_another_process_releases() {
    let sb = Sandbox::new();
    create(&sb, "s", 0);
    let mut waiter = take(&sb, 1);
    waiter.blocked();
    sb.ipc(["sem", "release", "s"]).run().ok();
    assert!(waiter.wait().success());
    assert_eq!(word(&sb, "s"), (0, 0));
}

#[test]
fn a_waiter_waits_until_the_release_and_not_less() {
    let sb = Sandbox::new();
    create(&sb, "s", 0);
    let waiter = sb.sh("ipc sem acquire s -t 30s && echo b >> order").start();
    settles_at(&sb, 0, 1);
    sb.sh("echo a >> order; ipc sem release s").run().ok();
    assert!(waiter.finish().0.success());
    let order = std::fs::read_to_string(sb.folder().join("order")).unwrap();
    assert_eq!(order, "a\nb\n");
}

#[test]
fn as_many_waiters_go_on_as_units_are_released() {
    let sb = Sandbox::new();
    create(&sb, "s", 0);
    let waiters: Vec<Running> = (0..6).map(|_| take(&sb, 1)).collect();
    settles_at(&sb, 0, 6);
    waiters.iter().for_each(Running::blocked);
    release(&sb, 4);
    settles_at(&sb, 0, 2);
    sb.ipc(["sem", "rm", "s"]).run().ok();
    let codes: Vec<Option<i32>> = waiters.into_iter().map(|w| w.finish().0.code()).collect();
    let count = |code| codes.iter().filter(|c| **c == Some(code)).count();
    assert_eq!((count(0), count(7)), (4, 2), "{codes:?}");
}

#[test]
fn removal_while_waiting_exits_7() {
    let sb = Sandbox::new();
    let ways: [&[&str]; 2] = [
        &["sem", "rm", "s"],
        &["-q", "sem", "create", "s", "0", "--if-exists", "replace"],
    ];
    for way in ways {
        create(&sb, "s", 0);
        let waiter = take(&sb, 1);
        settles_at(&sb, 0, 1);
        sb.ipc(way).run().ok();
        let (status, stdout, stderr) = waiter.finish();
        assert_eq!((status.code(), stdout.as_str()), (Some(7), ""));
        assert!(
            stderr.ends_with("s: was removed while waiting\n"),
            "{stderr}"
        );
        let _ = std::fs::remove_file(sb.sem_file("s"));
    }
}

#[test]
fn removal_by_another_program_is_seen_too() {
    let sb = Sandbox::new();
    create(&sb, "s", 0);
    // One collects, one queues to collect, one waits.
    let collector = take(&sb, 2);
    settles_at(&sb, 0, 1);
    let takers = [collector, take(&sb, 2), take(&sb, 1)];
    settles_at(&sb, 0, 2);
    takers.iter().for_each(Running::blocked);
    std::fs::remove_file(sb.sem_file("s")).unwrap();
    for taker in takers {
        assert_eq!(taker.finish().0.code(), Some(7));
    }
}

#[test]
fn an_ending_signal_kills_the_waiter_and_leaves_no_trace() {
    let sb = Sandbox::new();
    create(&sb, "s", 0);
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT] {
        let waiter = take(&sb, 1);
        settles_at(&sb, 0, 1);
        waiter.blocked();
        waiter.signal(signal);
        let (status, stdout, stderr) = waiter.finish();
        assert_eq!(status.signal(), Some(signal));
        assert_eq!((stdout.as_str(), stderr.as_str()), ("", ""));
        assert_eq!(word(&sb, "s"), (0, 0));
    }
}

#[test]
fn the_shell_sees_130_and_143() {
    let sb = Sandbox::new();
    create(&sb, "s", 0);
    for (signal, code) in [("INT", "130"), ("TERM", "143")] {
        // A shell ignores SIGINT for what it puts in the background, so the
        // waiter stays in front, and another process sends the signal.
        let script = "sh -c 'echo $$; exec ipc sem acquire s -t 30s'; echo $?";
        let mut shell = sb.sh(script).start();
        let pid = shell.line();
        settles_at(&sb, 0, 1);
        // Only the waiter: in the group is the test itself.
        sb.program("kill", ["-s", signal, &pid]).run().ok();
        assert_eq!(shell.line(), code);
    }
}

#[test]
fn a_signal_ignored_at_the_start_stays_ignored() {
    let sb = Sandbox::new();
    create(&sb, "s", 0);
    let signals = [libc::SIGHUP, libc::SIGINT];
    let invocation = sb
        .ipc(["sem", "acquire", "s", "-t", "30s"])
        .with(|command| {
            let ignore = move || {
                for signal in signals {
                    // SAFETY: sets a disposition that is no handler.
                    unsafe { libc::signal(signal, libc::SIG_IGN) };
                }
                Ok(())
            };
            // SAFETY: the closure makes only async-signal-safe calls.
            unsafe { command.pre_exec(ignore) };
        });
    let mut waiter = invocation.start();
    settles_at(&sb, 0, 1);
    waiter.blocked();
    for signal in signals {
        waiter.signal(signal);
    }
    release(&sb, 1);
    assert!(waiter.wait().success());
}

#[test]
fn a_stopped_waiter_goes_on_waiting_after_it_is_continued() {
    let sb = Sandbox::new();
    for stop in [libc::SIGSTOP, libc::SIGTSTP] {
        create(&sb, "s", 0);
        // In a group of its own whose parent is in another of this session: an
        // orphaned group is not stopped by SIGTSTP.
        let wait = ["sem", "acquire", "s", "-t", "30s"];
        let invocation = sb.ipc(wait).with(|command| {
            command.process_group(0);
        });
        let mut waiter = invocation.start();
        settles_at(&sb, 0, 1);
        waiter.blocked();
        waiter.signal(stop);
        until("the waiter to stop", || waiter.state() == 'T');
        release(&sb, 1);
        // Stopped, it takes nothing.
        assert_eq!(word(&sb, "s"), (1, 1));
        waiter.signal(libc::SIGCONT);
        assert!(waiter.wait().success());
        assert_eq!(word(&sb, "s"), (0, 0));
        sb.ipc(["sem", "rm", "s"]).run().ok();
    }
}

#[test]
fn a_deadline_that_passes_while_stopped_has_passed() {
    let sb = Sandbox::new();
    create(&sb, "s", 0);
    let began = std::time::Instant::now();
    let waiter = sb.ipc(["sem", "acquire", "s", "-t", "400ms"]).start();
    waiter.stop();
    until("the deadline", || began.elapsed().as_millis() > 1500);
    waiter.signal(libc::SIGCONT);
    let (status, _, stderr) = waiter.finish();
    assert_eq!(status.code(), Some(124), "{stderr}");
    assert_eq!(word(&sb, "s"), (0, 0));
}

#[test]
fn a_killed_waiter_does_not_hinder_the_others() {
    let sb = Sandbox::new();
    create(&sb, "s", 0);
    let mut waiters: Vec<Running> = (0..8).map(|_| take(&sb, 1)).collect();
    settles_at(&sb, 0, 8);
    waiters.iter().for_each(Running::blocked);
    for mut victim in waiters.drain(2..6) {
        victim.signal(libc::SIGKILL);
        assert_eq!(victim.wait().signal(), Some(libc::SIGKILL));
    }
    release(&sb, 4);
    for waiter in waiters {
        assert!(waiter.finish().0.success());
    }
    // The waiters that were killed stay counted, which is all that is left.
    assert_eq!(word(&sb, "s"), (0, 4));
    release(&sb, 1);
    sb.ipc(["sem", "acquire", "s", "--try"]).run().ok();
}

#[test]
fn a_taker_ended_by_a_signal_at_any_moment_has_taken_nothing() {
    let sb = Sandbox::new();
    create(&sb, "s", 1);
    let mut ended = 0;
    for round in 0..200_u32 {
        let taker = take(&sb, 1);
        // Another moment of its short life each time.
        for spin in 0..round * 997 {
            std::hint::black_box(spin);
        }
        taker.signal(libc::SIGTERM);
        let (status, _, stderr) = taker.finish();
        match (status.code(), status.signal()) {
            (Some(0), _) => {
                assert_eq!(word(&sb, "s"), (0, 0), "round {round}");
                release(&sb, 1);
            }
            (_, Some(libc::SIGTERM)) => ended += 1,
            _ => panic!("round {round}: {status} {stderr}"),
        }
        assert_eq!(word(&sb, "s"), (1, 0), "round {round}");
    }
    assert!(ended > 0, "no signal came in time");
}

#[test]
fn a_waiter_that_was_asked_to_stop_takes_nothing() {
    let sb = Sandbox::new();
    create(&sb, "s", 0);
    let waiter = take(&sb, 1);
    settles_at(&sb, 0, 1);
    waiter.blocked();
    // Both are there when it goes on.
    waiter.stop();
    waiter.signal(libc::SIGTERM);
    release(&sb, 1);
    waiter.signal(libc::SIGCONT);
    assert_eq!(waiter.finish().0.signal(), Some(libc::SIGTERM));
    assert_eq!(word(&sb, "s"), (1, 0));
}

#[test]
fn a_waiter_sleeps_where_everybody_wakes() {
    use ipc::sys::{futex, mapping::Mapping};
    let sb = Sandbox::new();
    create(&sb, "s", 0);
    let waiter = take(&sb, 1);
    settles_at(&sb, 0, 1);
    // The re-check of a waiter would hide that no wake reaches it, so one is
    // sent without a unit: it finds a sleeper, unless that looks around just now.
    let file = std::fs::File::options()
        .read(true)
        .write(true)
        .open(sb.sem_file("s"))
        .unwrap();
    let shared = Mapping::new(&file, 32).unwrap();
    let value = if cfg!(target_endian = "big") { 4 } else { 0 };
    until("a wake to reach the waiter", || {
        futex::wake(shared.word32(value), 1) == 1
    });
    release(&sb, 1);
    assert!(waiter.finish().0.success());
}

#[test]
fn a_waiter_that_gets_unit_and_signal_at_once_does_one_of_both() {
    let sb = Sandbox::new();
    create(&sb, "s", 0);
    for round in 0..60 {
        let waiter = take(&sb, 1);
        settles_at(&sb, 0, 1);
        waiter.blocked();
        let releaser = sb.ipc(["sem", "release", "s"]).start();
        waiter.signal(libc::SIGTERM);
        let status = waiter.finish().0;
        assert!(releaser.finish().0.success());
        let left = u32::from(!status.success());
        assert!(status.success() || status.signal() == Some(libc::SIGTERM));
        assert_eq!(word(&sb, "s"), (left, 0), "round {round}");
        sb.ipc(["sem", "acquire", "s", "--try"])
            .run()
            .code(1 - left as i32);
    }
}
