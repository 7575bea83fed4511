//! `ipc reap-zombies run`: signals that are passed on, and those that the command starts with.

use std::collections::BTreeSet;
use std::os::unix::process::CommandExt;

use crate::sandbox::{Sandbox, compiled_text, has, until};
use crate::zombies_run::{Parent, World, inits, pid_of, run, started};

/// Tells each signal that it is sent, with its value, and ends with 5.
const CATCHER: &str = r#"
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
int main(int argc, char **argv) {
    /* An init that a signal ends must not leave it behind. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int left = argc > 1 ? atoi(argv[1]) : 1;
    sigset_t all;
    siginfo_t info;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, 0);
    puts("ready");
    fflush(stdout);
    while (left-- > 0) {
        if (sigwaitinfo(&all, &info) < 0) return 1;
        printf("%d %d\n", info.si_signo, info.si_code == SI_QUEUE ? info.si_value.sival_int : -1);
        fflush(stdout);
    }
    return 5;
}
"#;

/// The signals that get through to the command.
fn passed_on(sb: &Sandbox, init: (Parent, World), catcher: &str) -> BTreeSet<i32> {
    let all = (1..=31).chain(libc::SIGRTMIN()..=libc::SIGRTMAX());
    let others =
        all.filter(|signal| ![libc::SIGKILL, libc::SIGSTOP, libc::SIGCHLD].contains(signal));
    let gets_through = |signal: &i32| {
        let mut running = started(sb, init, &[catcher]);
        assert_eq!(running.line(), "ready");
        let pid = pid_of(&running, init.1);
        // SAFETY: the process is ours, or below one of ours, and not reaped.
        unsafe { libc::kill(pid, *signal) };
        // One that is swallowed is followed by one that no init swallows, and
        // that has the highest number, so that it is taken last.
        until("the signal to be taken", || !is_pending(pid, *signal));
        // SAFETY: as above; it is gone when this fails.
        unsafe { libc::kill(pid, libc::SIGRTMAX()) };
        let got_it = running.line() == format!("{signal} -1");
        // Those that stop a terminal's programs stop the init as well.
        until("the init to end", || {
            running.signal(libc::SIGCONT);
            // SAFETY: as above; it is gone when this fails.
            let gone = unsafe { libc::kill(pid, libc::SIGCONT) } != 0;
            gone || has_ended(pid)
        });
        let status = running.wait();
        assert!(
            !got_it || status.code() == Some(5),
            "{init:?} {signal}: {status}"
        );
        got_it
    };
    others.filter(gets_through).collect()
}

/// Whether a process has not taken a signal that it was sent.
fn is_pending(pid: i32, signal: i32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let sets = status
        .lines()
        .filter_map(|line| line.strip_prefix("ShdPnd:"));
    let mut sets = sets.filter_map(|set| u64::from_str_radix(set.trim(), 16).ok());
    // A zombie takes nothing any more.
    !has_ended(pid) && sets.any(|set| set & (1 << (signal - 1)) != 0)
}

fn has_ended(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ")
        .next()
        .is_none_or(|rest| rest.starts_with('Z') || rest.is_empty())
}

#[test]
fn every_signal_is_passed_on_and_no_other_init_passes_on_more() {
    let sb = Sandbox::new();
    if !has("cc") {
        return;
    }
    let catcher = compiled_text(&sb, "catcher", CATCHER);
    let catcher = catcher.to_str().unwrap();
    let inits = inits(&sb);
    let mut ours = BTreeSet::new();
    for init in inits {
        let passed = passed_on(&sb, init, catcher);
        if init.0 == Parent::Ours {
            let standard: BTreeSet<i32> =
                (1..=31).filter(|one| ![9, 17, 19].contains(one)).collect();
            assert!(
                passed.is_superset(&standard),
                "{init:?} passes on only {passed:?}"
            );
            assert!(passed.contains(&libc::SIGRTMIN()) && passed.contains(&libc::SIGRTMAX()));
            ours = passed;
        } else {
            let more: Vec<&i32> = passed.difference(&ours).collect();
            assert!(more.is_empty(), "{init:?} passes on {more:?}");
            assert!(passed.contains(&libc::SIGTERM), "the check sees nothing");
        }
    }
}

#[test]
fn queued_signals_arrive_all_in_order_and_with_their_values() {
    let sb = Sandbox::new();
    if !has("cc") {
        return;
    }
    let catcher = compiled_text(&sb, "catcher", CATCHER);
    let mut running = started(
        &sb,
        (Parent::Ours, World::Subreaper),
        &[catcher.to_str().unwrap(), "1000"],
    );
    assert_eq!(running.line(), "ready");
    for number in 0..1000_usize {
        let value = libc::sigval {
            sival_ptr: number as *mut libc::c_void,
        };
        // SAFETY: the process is ours and not reaped.
        until(
            "room in the queue",
            || unsafe { libc::sigqueue(running.pid(), libc::SIGRTMIN(), value) } == 0,
        );
    }
    for number in 0..1000 {
        assert_eq!(running.line(), format!("{} {number}", libc::SIGRTMIN()));
    }
    assert_eq!(running.wait().code(), Some(5));
}

/// Starts a command with signals blocked and ignored, and gives what it saw.
fn settings(
    sb: &Sandbox,
    words: &[&str],
    blocked: &'static [i32],
    ignored: &'static [i32],
) -> String {
    let prepare = move || {
        for signal in ignored {
            // SAFETY: sets a disposition that is no handler.
            unsafe { libc::signal(*signal, libc::SIG_IGN) };
        }
        // SAFETY: an empty set is filled and set, all on the stack.
        unsafe {
            let mut set: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut set);
            for signal in blocked {
                libc::sigaddset(&raw mut set, *signal);
            }
            libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut());
        }
        Ok(())
    };
    let program = sb.folder().join("settings");
    if !program.exists() {
        compiled_text(sb, "settings", SHOWER);
    }
    let words = [words, &[program.to_str().unwrap()]].concat();
    // SAFETY: the closure makes only async-signal-safe calls.
    let outcome = sb.program(words[0], &words[1..]).with(|command| unsafe {
        command.pre_exec(prepare);
    });
    let outcome = outcome.run();
    outcome.ok();
    let said = String::from_utf8(outcome.stdout).unwrap();
    assert_eq!(said.lines().count(), 3, "{said}");
    said
}

/// Tells what it was started with, bit by bit.
const SHOWER: &str = r#"
#include <stdio.h>
#include <string.h>
int main(void) {
    char line[256];
    FILE *status = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof line, status))
        if (!strncmp(line, "SigBlk", 6) || !strncmp(line, "SigIgn", 6) || !strncmp(line, "SigCgt", 6))
            fputs(line, stdout);
    return 0;
}
"#;

#[test]
fn the_command_is_started_with_our_mask_and_dispositions_bit_by_bit() {
    let sb = Sandbox::new();
    if !has("cc") {
        return;
    }
    let cases: [(&[i32], &[i32]); 6] = [
        (&[], &[]),
        (&[libc::SIGTERM, libc::SIGUSR1], &[]),
        (&[], &[libc::SIGINT, libc::SIGHUP]),
        (&[libc::SIGCHLD, 40], &[libc::SIGPIPE, libc::SIGCHLD, 41]),
        (
            &[libc::SIGPIPE],
            &[libc::SIGTTIN, libc::SIGTTOU, libc::SIGTSTP],
        ),
        (&[libc::SIGSEGV, 64], &[libc::SIGXFSZ, libc::SIGQUIT, 64]),
    ];
    for (blocked, ignored) in cases {
        for (init, world) in inits(&sb) {
            // What the others do is theirs; with nothing set they agree.
            if init == Parent::Ours || (blocked.is_empty() && ignored.is_empty()) {
                // unshare has its own ways.
                let words = init.words(world);
                let around = &words[..words.len() - init.words(World::Subreaper).len()];
                let around = if world == World::First {
                    around
                } else {
                    &["env"]
                };
                let expected = settings(&sb, around, blocked, ignored);
                let found = settings(&sb, &words, blocked, ignored);
                assert_eq!(
                    found, expected,
                    "{init:?} {world:?} {blocked:?} {ignored:?}"
                );
            }
        }
    }
}

#[test]
fn signals_are_rewritten_and_swallowed_and_codes_remapped() {
    let sb = Sandbox::new();
    let script = "trap 'echo quit; exit 9' QUIT; trap 'echo usr1' USR1; trap 'echo hup' HUP; echo up; while :; do sleep 0.01; done";
    let mut running = sb
        .ipc([
            "reap-zombies",
            "run",
            "--rewrite",
            "TERM=QUIT",
            "--rewrite",
            "SIGHUP=0",
            "--rewrite",
            "RTMIN+1=USR1",
            "--remap",
            "9=0",
            "--",
            "sh",
            "-c",
            script,
        ])
        .start();
    assert_eq!(running.line(), "up");
    running.signal(libc::SIGHUP);
    running.signal(libc::SIGRTMIN() + 1);
    assert_eq!(running.line(), "usr1");
    running.signal(libc::SIGTERM);
    assert_eq!(running.line(), "quit");
    assert_eq!(running.wait().code(), Some(0));
    run(&sb, &["--remap", "143=0"], "kill -TERM $$").code(0);
    run(&sb, &["--remap", "143=0", "--remap", "7=77"], "exit 7").code(77);
    run(&sb, &[], "kill -TERM $$").killed_by(libc::SIGTERM);
    run(&sb, &[], "kill -36 $$").killed_by(36);
    run(&sb, &[], "kill -KILL $$").killed_by(libc::SIGKILL);
}

#[test]
fn a_group_gets_the_signals_together() {
    let sb = Sandbox::new();
    // Ready itself before the one starts that says so.
    let script = "trap 'echo outer' USR1; \
                  sh -c 'trap \"echo inner; exit 0\" USR1; echo up; while :; do sleep 0.01; done' & \
                  wait $!; wait $!; exit 6";
    let mut running = sb
        .ipc(["reap-zombies", "run", "--group", "--", "sh", "-c", script])
        .start();
    assert_eq!(running.line(), "up");
    running.signal(libc::SIGUSR1);
    let said: BTreeSet<String> = [running.line(), running.line()].into();
    assert_eq!(
        said,
        BTreeSet::from(["inner".to_owned(), "outer".to_owned()])
    );
    assert_eq!(running.wait().code(), Some(6));
}

#[test]
fn a_stop_that_the_command_lives_on_after_does_not_stop_us() {
    let sb = Sandbox::new();
    let script = "trap 'echo told; exit 7' TSTP; echo up; while :; do sleep 0.01; done";
    let mut running = sb
        .ipc(["reap-zombies", "run", "--", "sh", "-c", script])
        .start();
    assert_eq!(running.line(), "up");
    running.signal(libc::SIGTSTP);
    assert_eq!(running.line(), "told");
    assert_eq!(running.wait().code(), Some(7));
}
