//! `ipc kill --tree`: trees that are deep, wide, or run away.
//!
//! Every process of a tree has the same standard output. When that ends, none
//! is left: exact, and without a look at any number. Standard input is a leash:
//! what outlives the kill says so and ends when the test lets go of it.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::ChildStdin;

use crate::sandbox::{Outcome, Running, Sandbox, compiled_text};
use crate::shell::rounds;

const RUNNER: &str = r#"
#define _GNU_SOURCE
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static time_t last;

static void leashed(int timeout) {
    struct pollfd leash = {0, POLLIN, 0};
    if (poll(&leash, 1, timeout) > 0 || time(NULL) > last) {
        if (write(1, "survived\n", 9) < 0) _exit(2);
        _exit(1);
    }
}

static void hold(void) { for (;;) leashed(1000); }

static void ready(void) { if (write(1, "ready\n", 6) < 0) _exit(2); }

/* Each link starts the next one and ends. */
static void chain(int sets_sid) {
    for (long links = 0;; links++) {
        if (links == 20) ready();
        leashed(0);
        pid_t next = fork();
        if (next < 0) { usleep(1000); continue; }
        if (next > 0) _exit(0);
        if (sets_sid) setsid();
    }
}

int main(int argc, char **argv) {
    const char *how = argv[1];
    int count = argc > 2 ? atoi(argv[2]) : 0;
    last = time(NULL) + 20;
    if (strchr(how, 'g')) setpgid(0, 0);
    if (strchr(how, 'r')) prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    if (strchr(how, 'c')) {
        if (fork() == 0) chain(strchr(how, 's') != NULL);
        /* The first link ends at once: there is always one to reap. */
        for (;;) { while (waitpid(-1, NULL, WNOHANG) > 0); leashed(1); }
    }
    if (strchr(how, 'd')) {
        for (int depth = 0; depth < count; depth++)
            if (fork() > 0) hold();
        ready();
    }
    if (strchr(how, 'w')) {
        for (int width = 0; width < count; width++)
            if (fork() == 0) hold();
        ready();
    }
    if (strchr(how, 'e')) {
        /* Away: a session of its own, and no parent. */
        if (fork() == 0) {
            setsid();
            if (fork() > 0) _exit(0);
            if (strchr(how, 'S')) setsid();
            ready();
            hold();
        }
        waitpid(-1, NULL, strchr(how, 'r') ? WNOHANG : 0);
    }
    if (strchr(how, 'l')) {
        /* In a session of its own, and still a child. */
        if (fork() == 0) { setsid(); ready(); hold(); }
    }
    hold();
    return 0;
}
"#;

struct Tree {
    running: Running,
    root: String,
    leash: ChildStdin,
}

fn runner(sb: &Sandbox) -> PathBuf {
    compiled_text(sb, "runner", RUNNER)
}

/// Below a shell that has a group of its own, in which the root is not the first.
fn tree(sb: &Sandbox, program: &Path, arguments: &[&str]) -> Tree {
    // In the background a shell has no standard input but what it is given.
    let script = "exec 3<&0; \"$0\" \"$@\" <&3 & echo $!; exec 3<&- >&-; wait $!";
    let (mut running, leash) = sb
        .program("sh", ["-c", script])
        .with(|command| {
            command.arg(program).args(arguments).process_group(0);
        })
        .start_with_input();
    let mut root = running.line();
    let other = running.line();
    if root == "ready" {
        root = other;
    } else {
        assert_eq!(other, "ready");
    }
    Tree {
        running,
        root,
        leash,
    }
}

impl Tree {
    fn pid(&self) -> String {
        self.root.clone()
    }

    /// Lets go of the leash; whether something had outlived the kill.
    fn has_survivors(self) -> bool {
        drop(self.leash);
        let (_, printed, _) = self.running.finish();
        printed.contains("survived")
    }

    /// Ends without letting go: nothing may be left that would print.
    fn ended(self) -> bool {
        let Tree { running, leash, .. } = self;
        let (_, printed, _) = running.finish();
        drop(leash);
        printed.is_empty()
    }
}

fn kill<'a>(sb: &'a Sandbox, tree: &Tree) -> Outcome<'a> {
    sb.ipc([
        "--json",
        "kill",
        "-9",
        "--tree",
        "--wait",
        "30s",
        &tree.pid(),
    ])
    .run()
}

fn processes(outcome: &Outcome<'_>) -> usize {
    let document = outcome.json();
    let processes = document["targets"][0]["processes"].as_array().unwrap();
    let ended = |one: &&serde_json::Value| one["verdict"] == "gone" || one["verdict"] == "zombie";
    assert_eq!(
        processes.iter().filter(ended).count(),
        processes.len(),
        "{outcome}"
    );
    processes.len()
}

#[test]
fn a_chain_that_forks_and_exits_below_a_subreaper_ends_50_times() {
    let sb = Sandbox::new();
    let program = runner(&sb);
    for round in 0..50 {
        let how = if round % 2 == 0 { "rc" } else { "rcs" };
        let tree = tree(&sb, &program, &[how]);
        let outcome = kill(&sb, &tree);
        outcome.ok();
        assert!(processes(&outcome) >= 2, "{outcome}");
        assert!(tree.ended(), "round {round} of {how}: {outcome}");
    }
}

/// Nobody above it gets its orphans: what cannot be caught has to be told of.
#[test]
fn a_chain_that_leaves_its_parents_is_caught_or_named_50_times() {
    let sb = Sandbox::new();
    let program = runner(&sb);
    for round in 0..50 {
        let how = if round % 2 == 0 { "gc" } else { "cs" };
        let tree = tree(&sb, &program, &[how]);
        let outcome = kill(&sb, &tree);
        let pid = tree.pid();
        if tree.has_survivors() {
            let said = String::from_utf8_lossy(&outcome.stderr);
            let is_named = ["was left: it has lost its parent", "grows faster"];
            assert!(
                is_named.iter().any(|words| said.contains(words)),
                "round {round} of {how}: {pid} left something in silence\n{outcome}"
            );
            outcome.code(8);
        }
    }
}

#[test]
fn a_hundred_deep_and_a_thousand_wide_end_to_the_last_process_many_times() {
    let sb = Sandbox::new();
    let program = runner(&sb);
    for (how, count, rounds) in [("d", 100, 50), ("w", 1000, rounds(10, 50))] {
        for signal in ["-9", "-TERM"].into_iter().cycle().take(rounds) {
            let tree = tree(&sb, &program, &[how, &count.to_string()]);
            let outcome = sb
                .ipc([
                    "--json",
                    "kill",
                    signal,
                    "--tree",
                    "--wait",
                    "30s",
                    &tree.pid(),
                ])
                .run();
            outcome.ok();
            assert_eq!(processes(&outcome), count + 1);
            assert!(tree.ended(), "{outcome}");
        }
    }
}

#[test]
fn a_session_of_its_own_is_no_escape_50_times() {
    let sb = Sandbox::new();
    let program = runner(&sb);
    for _ in 0..50 {
        let tree = tree(&sb, &program, &["l"]);
        let outcome = kill(&sb, &tree);
        outcome.ok();
        assert_eq!(processes(&outcome), 2);
        assert!(tree.ended());
    }
}

#[test]
fn a_double_fork_below_a_subreaper_is_no_escape_50_times() {
    let sb = Sandbox::new();
    let program = runner(&sb);
    for how in ["re", "reS"].into_iter().cycle().take(50) {
        let tree = tree(&sb, &program, &[how]);
        let outcome = kill(&sb, &tree);
        outcome.ok();
        assert!(tree.ended(), "{how}: {outcome}");
    }
}

#[test]
fn a_double_fork_away_is_named_with_what_to_type_and_not_signalled_50_times() {
    let sb = Sandbox::new();
    let program = runner(&sb);
    for _ in 0..50 {
        let tree = tree(&sb, &program, &["e"]);
        let outcome = kill(&sb, &tree);
        let strays = outcome.json()["targets"][0]["strays"].clone();
        let stray = strays
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["command"].as_str().unwrap().contains("runner"));
        let stray = stray.unwrap_or_else(|| panic!("not named\n{outcome}"));
        outcome.code(8).stderr_has("was left");
        let name = format!("pid:{}:{}", stray["pid"], stray["start"]);
        outcome.stderr_has(&format!("hint: ipc kill {name}"));
        // What the hint says ends it.
        sb.ipc(["kill", "-9", "--wait", "30s", &name]).run().code(0);
        assert!(tree.ended());
    }
}

/// The strays of this test's program: others may start meanwhile.
fn strays(outcome: &Outcome<'_>, program: &Path) -> Vec<i64> {
    let document = outcome.json();
    let strays = document["targets"][0]["strays"].as_array().unwrap();
    let program = program.to_str().unwrap();
    let own = strays
        .iter()
        .filter(|one| one["command"].as_str().unwrap().starts_with(program));
    own.map(|one| one["pid"].as_i64().unwrap()).collect()
}

#[test]
fn what_would_be_left_is_named_before_as_it_is_afterwards() {
    let sb = Sandbox::new();
    let program = runner(&sb);
    let tree = tree(&sb, &program, &["e"]);
    let shown = || {
        let words = ["--json", "kill", "-9", "--tree", "--dry-run", &tree.root];
        sb.ipc(words).run()
    };
    // The one between may still be about to end.
    crate::sandbox::until("the double fork to be done", || {
        let document = shown().json();
        let processes = document["targets"][0]["processes"].as_array().unwrap();
        processes.len() == 1
    });
    let before = shown();
    before.code(0);
    let named = strays(&before, &program);
    assert_eq!(named.len(), 1, "{before}");
    for how in ["--dry-run", "--explain"] {
        let text = sb.ipc(["kill", "--tree", how, &tree.root]).run();
        let text = String::from_utf8(text.code(0).stdout.clone()).unwrap();
        let line = format!("would leave pid:{}:", named[0]);
        assert!(text.contains(&line), "{text}");
    }
    let outcome = kill(&sb, &tree);
    assert_eq!(strays(outcome.code(8), &program), named, "{outcome}");
    let stray = named[0].to_string();
    sb.ipc(["kill", "-9", "--wait", "30s", &stray])
        .run()
        .code(0);
    assert!(tree.ended());
}

#[test]
fn what_was_stopped_before_stays_so_and_the_rest_goes_on() {
    let sb = Sandbox::new();
    let script = "trap 'echo asked; exit 3' TERM; sh -c 'kill -STOP $$; sleep 600' & \
        echo \"$$ $!\"; while :; do sleep 600 & wait $!; done";
    // In a group of its own, since orphans of other tests would pass for the tree's;
    // and below a shell that stays, since what is stopped in an orphaned group is hung up.
    let outer = "exec 3<&0; sh -c \"$0\" & wait $!; echo \"ended $?\"; read line <&3";
    let (mut shell, leash) = sb
        .program("sh", ["-c", outer, script])
        .with(|command| {
            command.process_group(0);
        })
        .start_with_input();
    let line = shell.line();
    let (root, stopped) = line.split_once(' ').unwrap();
    crate::sandbox::until("the child to stop", || {
        let stat = std::fs::read_to_string(format!("/proc/{stopped}/stat")).unwrap_or_default();
        stat.contains(") T ")
    });
    let outcome = sb.ipc(["kill", "--tree", "--wait", "1s", root]).run();
    outcome.stderr("");
    // On a host that is slow the rest may still be on its way out.
    assert!(matches!(outcome.status.code(), Some(8 | 124)), "{outcome}");
    let printed = String::from_utf8_lossy(&outcome.stdout).into_owned();
    assert!(
        printed.contains(&format!("{stopped} still there: stopped")),
        "{outcome}"
    );
    sb.ipc(["kill", "-9", "--wait", "30s", stopped])
        .run()
        .code(0);
    drop(leash);
    let (_, said, _) = shell.finish();
    assert_eq!(said, "asked\nended 3\n");
}
