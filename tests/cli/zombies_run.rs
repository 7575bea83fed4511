//! `ipc reap-zombies run`: the list of tests that tini has, as PID 1 and as a
//! subreaper, and the same against tini and dumb-init where they are installed.

use std::collections::BTreeSet;
use std::os::unix::process::{CommandExt, ExitStatusExt};

use crate::sandbox::{IPC, Outcome, Running, Sandbox, compiled_text, has, skip, until};
use crate::shell::below;

/// A program that runs another one as its parent should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parent {
    Ours,
    Tini,
    Dumb,
}

/// Where it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum World {
    /// Among other processes, inheriting from its descendants.
    Subreaper,
    /// As the first process of a pid namespace.
    First,
}

const WORLDS: [World; 2] = [World::Subreaper, World::First];

impl Parent {
    fn words(self, world: World) -> Vec<&'static str> {
        let words: &[&str] = match (self, world) {
            (Parent::Ours, _) => &[IPC, "reap-zombies", "run", "--"],
            (Parent::Tini, World::Subreaper) => &["tini", "-s", "--"],
            (Parent::Tini, World::First) => &["tini", "-g", "--"],
            // Else it makes a session, and signals its group.
            (Parent::Dumb, _) => &["dumb-init", "--single-child", "--"],
        };
        let unshare = ["unshare", "-Urpf", "--mount-proc", "--kill-child", "--"];
        match world {
            World::Subreaper => words.to_vec(),
            World::First => [&unshare, words].concat(),
        }
    }
}

/// The inits that are there, ours first, each where it can run.
fn inits(sb: &Sandbox) -> Vec<(Parent, World)> {
    let mut found = Vec::new();
    for world in WORLDS {
        if world == World::First && !may_unshare(sb) {
            continue;
        }
        found.push((Parent::Ours, world));
        if has("tini") {
            found.push((Parent::Tini, world));
        }
        // It never inherits but as the first process.
        if world == World::First && has("dumb-init") {
            found.push((Parent::Dumb, world));
        }
    }
    found
}

fn may_unshare(sb: &Sandbox) -> bool {
    let may = has("unshare")
        && sb
            .program("unshare", ["-Urpf", "--mount-proc", "true"])
            .run()
            .status
            .success();
    if !may {
        skip("this user may make no pid namespace");
    }
    may
}

fn started(sb: &Sandbox, (init, world): (Parent, World), words: &[&str]) -> Running {
    let words = [&init.words(world), words].concat();
    sb.program(words[0], &words[1..]).start()
}

/// The process of the init itself.
fn pid_of(running: &Running, world: World) -> i32 {
    let pid = running.pid();
    match world {
        World::Subreaper => pid,
        World::First => {
            let list = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
            list.unwrap().trim().parse().unwrap()
        }
    }
}

fn run<'a>(sb: &'a Sandbox, options: &[&str], script: &str) -> Outcome<'a> {
    let words = [
        &["reap-zombies", "run"],
        options,
        &["--", "sh", "-c", script],
    ]
    .concat();
    sb.ipc(words).run()
}

#[test]
fn every_exit_code_comes_through() {
    let sb = Sandbox::new();
    for (init, world) in inits(&sb) {
        let words = init.words(world).join(" ");
        // In parts, since a loaded machine takes its time for so many.
        for first in [0, 64, 128, 192] {
            let script = format!(
                "i={first}; while [ $i -lt $(({first} + 64)) ]; do \
                 {words} sh -c \"exit $i\"; [ $? = $i ] || echo bad $i; i=$((i + 1)); done"
            );
            let outcome = sb.sh(&script).run();
            outcome.code(0).stdout("");
            assert!(outcome.stderr.is_empty(), "{init:?} {world:?}\n{outcome}");
        }
    }
}

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

/// Orphans a thousand processes, tells when all have ended, and lives on.
const ORPHANER: &str = r#"
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv) {
    int ends[2], left = atoi(argv[argc - 1]);
    char c;
    if (pipe(ends)) return 1;
    while (left-- > 0) {
        pid_t middle = fork();
        if (middle < 0) return 1;
        if (middle == 0) {
            pid_t parent = getpid();
            if (fork() == 0) {
                /* Ends when its parent has gone. */
                while (getppid() == parent) usleep(100);
            }
            _exit(0);
        }
        waitpid(middle, 0, 0);
    }
    close(ends[1]);
    if (read(ends[0], &c, 1) != 0) return 1;
    puts("done");
    fflush(stdout);
    return read(0, &c, 1) == 0 ? 5 : 1;
}
"#;

#[test]
fn a_thousand_orphans_are_reaped_and_none_is_left() {
    let sb = Sandbox::new();
    if !has("cc") {
        return;
    }
    let orphaner = compiled_text(&sb, "orphaner", ORPHANER);
    for init in inits(&sb) {
        let words = [
            &init.0.words(init.1)[..],
            &[orphaner.to_str().unwrap(), "1000"],
        ]
        .concat();
        let (mut running, input) = sb.program(words[0], &words[1..]).start_with_input();
        assert_eq!(running.line(), "done");
        let pid = pid_of(&running, init.1).to_string();
        until(&format!("{init:?} to have reaped all"), || {
            let shown = sb.ipc(["tree", "--json", "--brief", &pid]).run().json();
            // Itself and the command.
            shown["processes"].as_array().unwrap().len() == 2
        });
        drop(input);
        assert_eq!(running.wait().code(), Some(5), "{init:?}");
    }
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
fn it_ends_when_the_last_descendant_has_and_sends_signals_to_what_is_left() {
    let sb = Sandbox::new();
    let script = "setsid sh -c 'trap \"echo told; exit 0\" TERM; echo up; while :; do sleep 0.01; done' & exit 3";
    let mut running = sb
        .ipc(["reap-zombies", "run", "--", "sh", "-c", script])
        .start();
    assert_eq!(running.line(), "up");
    // The command has gone and the daemon is ours.
    let pid = running.pid();
    until("the command to be gone", || {
        let shown = sb
            .ipc(["tree", "--json", "--brief", &pid.to_string()])
            .run()
            .json();
        let all = shown["processes"].as_array().unwrap().clone();
        all.iter().all(|one| one["state"] != "zombie")
            && all.get(1).is_some_and(|one| one["ppid"] == pid)
            && all.iter().filter(|one| one["depth"] == 1).count() == 1
    });
    running.signal(libc::SIGTERM);
    let (status, said, _) = running.finish();
    assert_eq!(said, "told\n");
    assert_eq!(status.code(), Some(3));
    assert_eq!(below(&sb), Vec::<i32>::new());
}

#[test]
fn leftovers_are_killed_where_that_is_wanted() {
    let sb = Sandbox::new();
    for world in WORLDS {
        if world == World::First && !may_unshare(&sb) {
            continue;
        }
        let mut words = Parent::Ours.words(world);
        words.insert(words.len() - 1, "--kill-leftovers");
        let daemon = "for i in 1 2 3 4 5; do setsid sh -c 'trap \"\" TERM HUP INT; sleep 600 & exec sleep 600' & done; exit 4";
        let run = sb
            .program(words[0], [&words[1..], &["sh", "-c", daemon]].concat())
            .run();
        run.code(4);
        assert_eq!(below(&sb), Vec::<i32>::new(), "{world:?}");
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
fn what_fails_before_the_command_runs_is_125_to_127() {
    let sb = Sandbox::new();
    sb.ipc(["reap-zombies", "run", "--", "no-such-command"])
        .run()
        .code(127)
        .stderr("ipc: reap-zombies run: no-such-command: command not found\n");
    sb.ipc(["reap-zombies", "run", "--", "/"])
        .run()
        .code(126)
        .stderr_has("cannot be executed");
    for words in [
        &[][..],
        &["true"],
        &["--rewrite", "TERM", "--", "true"],
        &["--rewrite", "KILL=TERM", "--", "true"],
        &["--rewrite", "FROB=TERM", "--", "true"],
        &["--remap", "1", "--", "true"],
        &["--remap", "256=1", "--", "true"],
        &["--frob", "--", "true"],
    ] {
        let refused = sb.ipc([&["reap-zombies", "run"], words].concat()).run();
        refused.code(125).stdout("");
        assert!(!refused.stderr.is_empty(), "{words:?}");
    }
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
fn when_it_is_killed_the_command_goes_with_it() {
    let sb = Sandbox::new();
    for _ in 0..100 {
        let mut running = sb
            .ipc([
                "reap-zombies",
                "run",
                "--",
                "sh",
                "-c",
                "trap '' TERM HUP; echo up; while :; do sleep 1; done",
            ])
            .start();
        assert_eq!(running.line(), "up");
        running.signal(libc::SIGKILL);
        assert_eq!(running.wait().signal(), Some(libc::SIGKILL));
        until("the command to be gone", || {
            below(&sb).iter().all(|pid| !is_shell(*pid))
        });
    }
}

fn is_shell(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "sh")
}
