//! `ipc reap-zombies`: zombies by parent, why they are there, and the cures.

use serde_json::Value;

use crate::sandbox::{Running, Sandbox, compiled_text, has, until};
use crate::shell::Shell;

/// A process with zombies that ended with 1, 2, 3…, and its number.
fn careless(sb: &Sandbox, zombies: usize) -> (Running, i64) {
    let count = zombies.to_string();
    let mut running = sb
        .ipc([
            "fork-tree",
            "--json",
            "--depth",
            "0",
            "--zombies",
            &count,
            "--hold",
            "10m",
        ])
        .start();
    let built: Value = serde_json::from_str(&running.line()).unwrap();
    (running, built["nodes"][0]["pid"].as_i64().unwrap())
}

#[track_caller]
fn list(sb: &Sandbox, parent: i64) -> Value {
    let shown = sb
        .ipc(["reap-zombies", "--json", "--parent", &parent.to_string()])
        .run();
    shown.ok();
    shown.json()
}

fn reasons(list: &Value) -> Vec<String> {
    let reasons = list["parents"][0]["reasons"].as_array().unwrap();
    reasons
        .iter()
        .map(|one| one["reason"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn zombies_are_shown_by_parent_with_the_way_they_ended() {
    let sb = Sandbox::new();
    let (running, parent) = careless(&sb, 5);
    let shown = list(&sb, parent);
    assert_eq!(shown["zombies"], 5);
    assert_eq!(shown["parents"][0]["pid"], parent);
    assert_eq!(shown["parents"][0]["on_sigchld"], "default");
    let zombies = shown["parents"][0]["zombies"].as_array().unwrap();
    let codes: Vec<i64> = zombies
        .iter()
        .map(|one| one["exit_code"].as_i64().unwrap())
        .collect();
    assert_eq!(codes, [1, 2, 3, 4, 5]);
    assert!(
        zombies
            .iter()
            .all(|one| one["age"].as_f64().unwrap() >= 0.0 && one["signal"].is_null())
    );
    let text = sb
        .ipc(["reap-zombies", "--parent", &parent.to_string()])
        .run();
    text.ok();
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(
        text.starts_with(&format!("{parent} has 5 zombies: ")),
        "{text}"
    );
    assert!(
        text.contains("why: it has no handler for SIGCHLD and does not wait"),
        "{text}"
    );
    assert!(text.contains("ended with 3, started "), "{text}");
    // Without a parent it is all of the host, these among them.
    let all = sb.ipc(["reap-zombies", "--json"]).run();
    all.ok();
    let all = all.json();
    let parents = all["parents"].as_array().unwrap();
    assert!(parents.iter().any(|one| one["pid"] == parent));
    drop(running);
}

#[test]
fn a_limit_is_an_exit_code_for_monitoring() {
    let sb = Sandbox::new();
    let (_running, parent) = careless(&sb, 3);
    let parent = parent.to_string();
    let of = |words: &[&str]| {
        sb.ipc([&["reap-zombies", "--parent", &parent], words].concat())
            .run()
    };
    of(&["--max", "3"]).code(0);
    of(&["--max", "2"]).code(1);
    of(&["--max", "0", "--older", "1h"]).code(0).stdout("");
    of(&["--max", "2", "--settle", "50ms"]).code(1);
    of(&["--max", "2", "--settle", "50ms", "--older", "10ms"]).code(1);
    for words in [
        &["--max", "-1"][..],
        &["--older", "x"],
        &["--yes"],
        &["--nudge", "--end-parent"],
    ] {
        of(words).code(2);
    }
    sb.ipc(["reap-zombies", "--parent", "4194304"])
        .run()
        .code(3)
        .stdout("");
    sb.ipc(["reap-zombies", "--end-parent"]).run().code(2);
    sb.ipc(["reap-zombies", "frob"]).run().code(2);
}

#[test]
fn none_is_no_output_and_the_same_keys() {
    let sb = Sandbox::new();
    let shell = Shell::new(&sb);
    assert_eq!(
        list(&sb, shell.pid().into()),
        serde_json::json!({"zombies": 0, "parents": []})
    );
    let none = sb
        .ipc(["reap-zombies", "--parent", &shell.pid_text()])
        .run();
    none.ok().stdout("");
}

/// Has a zombie, tells so, and sleeps as the first argument says.
const CARELESS: &str = r#"
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
static void reaps_one(int s) { (void)s; }
static void reaps_all(int s) { (void)s; while (waitpid(-1, 0, WNOHANG) > 0) {} }
int main(int argc, char **argv) {
    const char *kind = argc > 1 ? argv[1] : "";
    sigset_t set;
    siginfo_t info;
    pid_t other = 0;
    if (!strcmp(kind, "handler")) signal(SIGCHLD, reaps_one);
    pid_t zombie = fork();
    if (zombie == 0) {
        if (!strcmp(kind, "killed")) raise(SIGKILL);
        if (!strcmp(kind, "real-time")) raise(36);
        _exit(9);
    }
    waitid(P_PID, zombie, &info, WEXITED | WNOWAIT);
    if (!strcmp(kind, "blocked")) {
        sigemptyset(&set);
        sigaddset(&set, SIGCHLD);
        sigprocmask(SIG_BLOCK, &set, 0);
    }
    if (!strcmp(kind, "ignored")) signal(SIGCHLD, SIG_IGN);
    if (!strcmp(kind, "late")) signal(SIGCHLD, reaps_all);
    if (!strcmp(kind, "waits") && (other = fork()) == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) pause();
    }
    printf("%d\n", zombie);
    fflush(stdout);
    if (other) waitpid(other, 0, 0);
    for (;;) pause();
}
"#;

#[test]
fn the_reason_is_what_keeps_the_parent_from_reaping() {
    let sb = Sandbox::new();
    if !has("cc") {
        return;
    }
    let program = compiled_text(&sb, "careless", CARELESS);
    for (kind, reason, code, signal) in [
        ("default", "no-handler", Some(9), None),
        ("handler", "handler", Some(9), None),
        ("blocked", "blocked", Some(9), None),
        ("killed", "no-handler", None, Some(9)),
        ("real-time", "no-handler", None, Some(36)),
        ("waits", "no-handler", Some(9), None),
    ] {
        let mut parent = sb.program(&program, [kind]).start();
        let zombie: i64 = parent.line().parse().unwrap();
        let calls = [libc::SYS_wait4, libc::SYS_waitid, libc::SYS_rt_sigsuspend];
        #[cfg(target_arch = "x86_64")]
        let calls = [&calls[..], &[libc::SYS_pause]].concat();
        parent.blocked_in(&calls);
        let shown = list(&sb, parent.pid().into());
        let found = &shown["parents"][0];
        assert_eq!(reasons(&shown), [reason, "busy"], "{kind}");
        let call = if kind == "waits" { "wait4" } else { "pause" };
        if cfg!(target_arch = "x86_64") {
            assert_eq!(found["call"], call, "{kind}");
        }
        let own = &found["zombies"][0];
        assert_eq!(
            (
                own["pid"].as_i64(),
                own["exit_code"].as_i64(),
                own["signal"].as_i64()
            ),
            (Some(zombie), code, signal)
        );
    }
}

#[test]
fn one_that_is_stopped_or_ignores_its_children_says_so() {
    let sb = Sandbox::new();
    if !has("cc") {
        return;
    }
    let program = compiled_text(&sb, "careless", CARELESS);
    let mut parent = sb.program(&program, ["default"]).start();
    parent.line();
    parent.signal(libc::SIGSTOP);
    until("it to be stopped", || {
        list(&sb, parent.pid().into())["parents"][0]["state"] == "stopped"
    });
    assert_eq!(
        reasons(&list(&sb, parent.pid().into()))[..2],
        ["stopped", "no-handler"]
    );
    let mut parent = sb.program(&program, ["ignored"]).start();
    parent.line();
    assert_eq!(reasons(&list(&sb, parent.pid().into()))[0], "ignored");
}

#[test]
fn a_nudge_helps_whoever_has_a_handler_and_tells_so() {
    let sb = Sandbox::new();
    if !has("cc") {
        return;
    }
    let program = compiled_text(&sb, "careless", CARELESS);
    for (kind, code, gone) in [("late", 0, 1), ("default", 1, 0)] {
        let mut parent = sb.program(&program, [kind]).start();
        parent.line();
        let pid = parent.pid().to_string();
        let wait = if gone == 1 { "30s" } else { "50ms" };
        let words = ["reap-zombies", "--parent", &pid, "--nudge", "--wait", wait];
        let nudged = sb.ipc(words).run();
        nudged
            .code(code)
            .stderr("")
            .stdout(&format!("{pid}: {gone} of 1 zombies are gone\n"));
        let left = 1 - gone;
        assert_eq!(list(&sb, parent.pid().into())["zombies"], left);
    }
}

#[test]
fn the_end_of_the_parent_is_asked_for_or_said_and_hands_its_zombies_on() {
    let sb = Sandbox::new();
    if !has("cc") {
        return;
    }
    let program = compiled_text(&sb, "careless", CARELESS);
    // A shell would reap nothing while it reads; the init reaps what it inherits.
    let mut init = sb
        .ipc([
            "reap-zombies",
            "run",
            "--",
            "sh",
            "-c",
            &format!("{} default & wait; exec sleep 600", program.display()),
        ])
        .start();
    let zombie: i64 = init.line().parse().unwrap();
    let shown = sb
        .ipc(["tree", "--json", "--brief", &init.pid().to_string()])
        .run()
        .json();
    let all = shown["processes"].as_array().unwrap();
    let parent = all.iter().find(|one| one["pid"] == zombie).unwrap()["ppid"].to_string();
    let words = ["reap-zombies", "--parent", &parent, "--end-parent"];
    sb.ipc(words).run().code(2).stdout("").stderr_has("--yes");
    let words = [&words[..], &["--yes", "--wait", "30s"]].concat();
    let ended = sb.ipc([&["--json"], &words[..]].concat()).run();
    ended.ok();
    let ended = ended.json();
    assert_eq!(
        (&ended["zombies"], &ended["reaped"]),
        (&1.into(), &1.into())
    );
    assert_eq!(ended["parent_ended"], true);
    init.signal(libc::SIGTERM);
    init.wait();
}

#[test]
fn an_ancestor_is_never_ended() {
    let sb = Sandbox::new();
    if !has("cc") {
        return;
    }
    // The shell has a zombie, since it never looks.
    let program = compiled_text(&sb, "keeper", KEEPER);
    let run = sb
        .program(
            &program,
            [
                crate::sandbox::IPC,
                "reap-zombies",
                "--end-parent",
                "--yes",
                "--parent",
            ],
        )
        .run();
    run.code(2).stderr_has("is an ancestor of this process");
}

/// Has a zombie, and runs a command on itself.
const KEEPER: &str = r#"
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv) {
    char own[16];
    char *words[16];
    int i, status;
    siginfo_t info;
    pid_t zombie = fork();
    if (zombie == 0) _exit(1);
    waitid(P_PID, zombie, &info, WEXITED | WNOWAIT);
    snprintf(own, sizeof own, "%d", (int)getpid());
    for (i = 1; i < argc && i < 14; i++) words[i - 1] = argv[i];
    words[i - 1] = own;
    words[i] = 0;
    pid_t child = fork();
    if (child == 0) { execv(words[0], words); _exit(127); }
    waitpid(child, &status, 0);
    return WEXITSTATUS(status);
}
"#;
