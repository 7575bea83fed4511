//! `ipc proc`: what happens when a supervisor, a starter or a leader dies.

use crate::proc::{join, left, line_of, lives, record, start};
use crate::sandbox::{Sandbox, has, until};

pub fn kill(pid: i32, signal: i32) {
    // SAFETY: the tests signal only what they have started.
    assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
}

pub fn state(sb: &Sandbox, name: &str) -> serde_json::Value {
    sb.ipc(["proc", "status", name, "--json"]).run().json()
}

#[test]
fn the_command_is_gone_when_its_supervisor_is_killed() {
    let sb = Sandbox::new();
    for _ in 0..100 {
        let (pid, supervisor) = start(&sb, "k", &[], &["sleep", "600"]);
        kill(supervisor, libc::SIGKILL);
        until("the command to end with its supervisor", || !lives(pid));
        let now = state(&sb, "k");
        assert_eq!((&now["state"], &now["pid"]), (&"lost".into(), &().into()));
        sb.ipc(["proc", "rm", "k"]).run().ok();
    }
}

#[test]
fn a_killed_supervisor_is_said_so() {
    let sb = Sandbox::new();
    let (_, supervisor) = start(&sb, "k", &["--log", "/dev/null"], &["sleep", "600"]);
    let joining = sb.ipc(["proc", "join", "k", "--timeout", "30s"]).start();
    joining.blocked_in(&[libc::SYS_ppoll]);
    kill(supervisor, libc::SIGKILL);
    // Who was there is told by the kernel, unless that is old or nobody reaps.
    let (status, _, said) = joining.finish();
    let told = status.code() == Some(137);
    assert!(told || status.code() == Some(125), "{status} {said}");
    if told {
        // And tells those who come later.
        assert_eq!(join(&sb, "k"), 137);
        assert_eq!(state(&sb, "k")["state"], "ended");
    }
    // Nobody was there.
    let options = ["--log", "/dev/null", "--if-exists", "replace"];
    let (_, supervisor) = start(&sb, "k", &options, &["sleep", "600"]);
    kill(supervisor, libc::SIGKILL);
    until("the command to end", || state(&sb, "k")["state"] == "lost");
    sb.ipc(["proc", "join", "k"])
        .run()
        .code(125)
        .stderr("ipc: proc join: /k: ended, and it is not known how: its supervisor was killed\n");
    let shown = sb.ipc(["proc", "status", "k"]).run();
    let text = String::from_utf8_lossy(&shown.ok().stdout).into_owned();
    assert!(
        text.starts_with("lost: its supervisor was killed, and it with it"),
        "{text}"
    );
    sb.ipc(["proc", "stop", "k"]).run().code(0);
    start(&sb, "k", &["--if-exists", "replace"], &["true"]);
    assert_eq!(join(&sb, "k"), 0);
    sb.ipc(["proc", "rm", "k"]).run().ok();
}

#[test]
fn it_ends_with_the_process_that_it_was_to_die_with() {
    let sb = Sandbox::new();
    let leader = sb.program("sleep", ["600"]).start();
    let with = leader.pid().to_string();
    start(&sb, "d", &["--die-with", &with], &["sleep", "600"]);
    let deaf = [
        "sh",
        "-c",
        "trap '' TERM; echo up; while :; do sleep 600; done",
    ];
    let options = ["--die-with", &with, "--stop-after", "50ms"];
    start(&sb, "deaf", &options, &deaf);
    line_of(&sb, "deaf", "up");
    drop(leader);
    assert_eq!(join(&sb, "d"), 128 + 15);
    assert_eq!(join(&sb, "deaf"), 128 + 9);
    let expected: i32 = with.parse().unwrap();
    assert_eq!(state(&sb, "d")["die_with"], expected);
    sb.ipc(["proc", "rm", "-f", "d", "deaf"]).run().ok();
}

#[test]
fn signals_to_the_supervisor_stop_the_command() {
    let sb = Sandbox::new();
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT] {
        let (_, supervisor) = start(&sb, "t", &[], &["sleep", "600"]);
        kill(supervisor, signal);
        assert_eq!(join(&sb, "t"), 128 + 15);
        until("the supervisor to end", || !lives(supervisor));
        sb.ipc(["proc", "rm", "t"]).run().ok();
    }
}

#[test]
fn a_starter_that_is_killed_leaves_nothing_or_all() {
    let sb = Sandbox::new();
    let mut whole = 0;
    for round in 0..120 {
        let out = sb.folder().join("ran");
        let script = format!("echo $$ $PPID > {}; exec sleep 600", out.display());
        let starter = sb
            .ipc(["proc", "start", "n", "--", "sh", "-c", &script])
            .start();
        // From at once to long after its end; spinning is finer than sleeping.
        for _ in 0..round * 4000 {
            std::hint::spin_loop();
        }
        drop(starter);
        // Whatever is left of it comes to rest by itself: nothing, or all.
        until("the start to be over", || {
            if !record(&sb, "n").exists() {
                return left(&sb).is_empty();
            }
            let now = sb.ipc(["proc", "status", "n", "--json"]).run();
            // It may have gone between the two looks.
            now.status.success() && now.json()["state"] == "running" && out.exists()
        });
        if record(&sb, "n").exists() {
            // It may be there for a moment, before it is seen that nobody listens.
            let removed = sb.ipc(["proc", "rm", "--force", "n"]).run().status;
            assert!([Some(0), Some(3)].contains(&removed.code()), "{removed}");
            whole += usize::from(removed.success());
        }
        if let Ok(text) = std::fs::read_to_string(&out) {
            for pid in text.split_whitespace() {
                let pid: i32 = pid.parse().unwrap();
                until("what was started to be gone", || !lives(pid));
            }
            std::fs::remove_file(&out).unwrap();
        }
        assert_eq!(left(&sb), Vec::<String>::new());
    }
    // Otherwise the moments were badly chosen.
    assert!(whole < 120, "no starter was killed before it was done");
}

#[test]
fn kill_finds_the_command_by_its_name() {
    let sb = Sandbox::new();
    let (pid, _) = start(&sb, "k", &[], &["sleep", "600"]);
    sb.ipc(["kill", "-0", "proc:k"]).run().ok();
    sb.ipc(["kill", "-s", "RTMIN+2", "proc:k"]).run().code(0);
    assert_eq!(join(&sb, "k"), 128 + libc::SIGRTMIN() + 2);
    assert!(!lives(pid));
    sb.ipc(["kill", "proc:k"])
        .run()
        .code(3)
        .stderr_has("/k: does not run: it is ended");
    sb.ipc(["proc", "rm", "k"]).run().ok();
}

#[test]
fn a_command_that_untied_itself_is_found_and_stopped() {
    let sb = Sandbox::new();
    if !has("setpriv") {
        return;
    }
    let untied = [
        "setpriv",
        "--pdeathsig",
        "clear",
        "sh",
        "-c",
        "echo up; exec sleep 600",
    ];
    let (pid, supervisor) = start(&sb, "u", &[], &untied);
    line_of(&sb, "u", "up");
    kill(supervisor, libc::SIGKILL);
    until("the supervisor to be gone", || {
        state(&sb, "u")["state"] == "unsupervised"
    });
    assert_eq!(state(&sb, "u")["pid"], pid);
    sb.ipc(["proc", "rm", "u"])
        .run()
        .code(1)
        .stderr_has("is unsupervised");
    let joining = sb.ipc(["proc", "join", "u", "--timeout", "30s"]).start();
    joining.blocked_in(&[libc::SYS_ppoll]);
    sb.ipc(["-q", "proc", "stop", "u"]).run().ok();
    assert!(!lives(pid));
    // By the kernel, where it tells.
    assert!([Some(125), Some(128 + 15)].contains(&joining.finish().0.code()));
    sb.ipc(["proc", "rm", "u"]).run().ok();
}

#[test]
fn a_joiner_is_ended_by_signals_and_goes_on_after_a_stop() {
    use std::os::unix::process::ExitStatusExt;
    let sb = Sandbox::new();
    let (pid, _) = start(&sb, "j", &[], &["sleep", "600"]);
    let with = pid.to_string();
    for words in [
        ["proc", "join", "j"].as_slice(),
        &["wait", &with],
        &["wait", "proc:j"],
    ] {
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
            let joining = sb.ipc(words).start();
            joining.blocked_in(&[libc::SYS_ppoll]);
            joining.signal(signal);
            assert_eq!(joining.finish().0.signal(), Some(signal));
        }
    }
    let joining = sb.ipc(["proc", "join", "j", "-t", "30s"]).start();
    joining.blocked_in(&[libc::SYS_ppoll]);
    joining.stop();
    joining.signal(libc::SIGCONT);
    joining.blocked_in(&[libc::SYS_ppoll]);
    joining.signal(libc::SIGWINCH);
    assert!(lives(pid));
    kill(pid, libc::SIGKILL);
    assert_eq!(joining.finish().0.code(), Some(137));
    sb.ipc(["proc", "rm", "j"]).run().ok();
}
