//! `ipc reap-zombies run`: the list of tests that tini has, as PID 1 and as a
//! subreaper, and the same against tini and dumb-init where they are installed.

use std::os::unix::process::ExitStatusExt;

use crate::sandbox::{IPC, Outcome, Running, Sandbox, compiled_text, has, skip, until};
use crate::shell::below;

/// A program that runs another one as its parent should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parent {
    Ours,
    Tini,
    Dumb,
}

/// Where it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum World {
    /// Among other processes, inheriting from its descendants.
    Subreaper,
    /// As the first process of a pid namespace.
    First,
}

const WORLDS: [World; 2] = [World::Subreaper, World::First];

impl Parent {
    pub fn words(self, world: World) -> Vec<&'static str> {
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
pub fn inits(sb: &Sandbox) -> Vec<(Parent, World)> {
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

pub fn started(sb: &Sandbox, (init, world): (Parent, World), words: &[&str]) -> Running {
    let words = [&init.words(world), words].concat();
    sb.program(words[0], &words[1..]).start()
}

/// The process of the init itself.
pub fn pid_of(running: &Running, world: World) -> i32 {
    let pid = running.pid();
    match world {
        World::Subreaper => pid,
        World::First => {
            let list = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
            list.unwrap().trim().parse().unwrap()
        }
    }
}

pub fn run<'a>(sb: &'a Sandbox, options: &[&str], script: &str) -> Outcome<'a> {
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
