//! `ipc proc`: what happens when a supervisor, a starter or a leader dies.

use crate::proc::{join, left, line_of, lives, record, start};
use crate::sandbox::{Sandbox, has, is_root, patience, skip, until};

fn kill(pid: i32, signal: i32) {
    // SAFETY: the tests signal only what they have started.
    assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
}

fn state(sb: &Sandbox, name: &str) -> serde_json::Value {
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
fn a_command_that_fails_is_run_again_and_one_that_succeeds_is_not() {
    let sb = Sandbox::new();
    let script = "echo run >> runs; [ $(wc -l < runs) -ge 3 ] && exit 0; exit 9";
    start(
        &sb,
        "r",
        &["--restart", "on-failure"],
        &["sh", "-c", script],
    );
    assert_eq!(join(&sb, "r"), 0);
    assert_eq!(state(&sb, "r")["restarts"], 2);
    let runs = std::fs::read_to_string(sb.folder().join("runs")).unwrap();
    assert_eq!(runs.lines().count(), 3);
    let options = [
        "--restart",
        "on-failure",
        "--max-restarts",
        "1",
        "--if-exists",
        "replace",
    ];
    start(&sb, "r", &options, &["sh", "-c", "kill -9 $$"]);
    assert_eq!(join(&sb, "r"), 128 + 9);
    assert_eq!(state(&sb, "r")["restarts"], 1);
    sb.ipc(["proc", "rm", "r"]).run().ok();
}

#[test]
fn a_stop_ends_a_series_of_restarts() {
    let sb = Sandbox::new();
    start(
        &sb,
        "r",
        &["--restart", "on-failure"],
        &["sh", "-c", "exit 3"],
    );
    // Pauses grow, so that sooner or later one is seen.
    until("a pause between two runs", || {
        state(&sb, "r")["state"] == "restarting"
    });
    sb.ipc(["proc", "join", "r", "--try"]).run().code(124);
    sb.ipc(["-q", "proc", "stop", "r"]).run().ok();
    // Stopped in a pause, or while it ran.
    assert!([3, 128 + 15].contains(&join(&sb, "r")));
    assert_eq!(state(&sb, "r")["state"], "ended");
    sb.ipc(["proc", "rm", "r"]).run().ok();
}

/// A script that leaves two daemons and ends; their pids are in files.
const LEAVES: &str = "setsid sh -c 'echo $$ > one; exec sleep 600' & \
    (setsid sh -c 'trap \"\" TERM; echo $$ > two; while :; do sleep 600; done' &) & \
    until [ -s one ] && [ -s two ]; do sleep 0.01; done; exit 4";

fn daemon(sb: &Sandbox, file: &str) -> i32 {
    let text = std::fs::read_to_string(sb.folder().join(file)).unwrap();
    text.trim().parse().unwrap()
}

#[test]
fn what_a_double_fork_leaves_is_stopped_with_it() {
    let sb = Sandbox::new();
    let (_, supervisor) = start(&sb, "l", &[], &["sh", "-c", LEAVES]);
    assert_eq!(join(&sb, "l"), 4);
    let (one, two) = (daemon(&sb, "one"), daemon(&sb, "two"));
    assert!(lives(one) && lives(two) && lives(supervisor));
    assert_eq!(state(&sb, "l")["leftovers"], true);
    sb.ipc(["proc", "rm", "l"])
        .run()
        .code(1)
        .stderr_has("/l: is ended, and what it left still runs");
    sb.ipc(["proc", "stop", "l", "--after", "100ms"])
        .run()
        .code(0)
        .stderr("/l ended with 4\n");
    assert!(!lives(one) && !lives(two) && !lives(supervisor));
    sb.ipc(["proc", "rm", "l"]).run().ok();
}

#[test]
fn what_a_double_fork_leaves_is_killed_when_asked_for() {
    let sb = Sandbox::new();
    start(&sb, "l", &["--kill-leftovers"], &["sh", "-c", LEAVES]);
    assert_eq!(join(&sb, "l"), 4);
    let (one, two) = (daemon(&sb, "one"), daemon(&sb, "two"));
    assert!(!lives(one) && !lives(two));
    sb.ipc(["proc", "rm", "l"]).run().ok();
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
fn the_mask_and_what_is_ignored_reach_the_command() {
    let sb = Sandbox::new();
    // Blocked and ignored in the caller, and neither.
    let cases: [(&[i32], &[i32]); 4] = [
        (&[], &[]),
        (&[libc::SIGTERM, libc::SIGUSR1], &[]),
        (&[], &[libc::SIGHUP, libc::SIGPIPE, libc::SIGCHLD]),
        (
            &[libc::SIGCHLD, libc::SIGINT],
            &[libc::SIGQUIT, libc::SIGUSR2],
        ),
    ];
    for (blocked, ignored) in cases {
        let (blocked, ignored) = (blocked.to_vec(), ignored.to_vec());
        let show = ["grep", "^Sig[BIC]", "/proc/self/status"];
        let direct = sb
            .program(show[0], &show[1..])
            .with(|command| set(command, &blocked, &ignored));
        let direct = direct.run();
        let words = ["-q", "proc", "start", "m", "--"].iter().chain(&show);
        sb.ipc(words)
            .with(|command| set(command, &blocked, &ignored))
            .run()
            .code(0);
        assert_eq!(join(&sb, "m"), 0);
        sb.ipc(["proc", "logs", "m"])
            .run()
            .ok()
            .stdout_bytes(&direct.stdout);
        sb.ipc(["proc", "rm", "m"]).run().ok();
    }
}

/// Starts the command with these signals blocked and ignored.
fn set(command: &mut std::process::Command, blocked: &[i32], ignored: &[i32]) {
    use std::os::unix::process::CommandExt;
    let (blocked, ignored) = (blocked.to_vec(), ignored.to_vec());
    let change = move || {
        for signal in &ignored {
            // SAFETY: sets a disposition that is no handler.
            unsafe { libc::signal(*signal, libc::SIG_IGN) };
        }
        // SAFETY: all zeros is a valid value of this plain C struct.
        let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
        for signal in &blocked {
            // SAFETY: the set is valid and the number is that of a signal.
            unsafe { libc::sigaddset(&raw mut set, *signal) };
        }
        // SAFETY: the set outlives the call.
        unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) };
        Ok(())
    };
    // SAFETY: the closure makes async-signal-safe calls alone.
    unsafe { command.pre_exec(change) };
}

#[test]
fn it_works_for_a_user_without_privileges() {
    let sb = Sandbox::new();
    if !is_root() {
        // All other tests are the proof.
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    use std::os::unix::fs::{PermissionsExt, chown};
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let run = folder.path().join("run");
    std::fs::create_dir(&run).unwrap();
    std::fs::set_permissions(&run, std::fs::Permissions::from_mode(0o700)).unwrap();
    chown(&run, Some(65_534), Some(65_534)).unwrap();
    let binary = folder.path().join("ipc");
    std::fs::copy(crate::sandbox::IPC, &binary).unwrap();
    let script = format!(
        "cd /; ipc() {{ {} \"$@\"; }}; ipc -q proc start u -- sh -c 'exit 5' >/dev/null && \
         ipc proc join u --timeout {}s; echo $?; ipc proc rm u; echo $?",
        binary.display(),
        patience().as_secs()
    );
    use std::os::unix::process::CommandExt;
    sb.program("sh", ["-c", &script])
        .env("IPC_RUNTIME_DIR", &run)
        .with(|command| {
            command.uid(65_534).gid(65_534).current_dir("/");
        })
        .run()
        .ok()
        .stdout("5\n0\n");
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

#[test]
fn a_set_user_id_binary_refuses_to_run() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let sb = Sandbox::new();
    if !is_root() {
        return skip("only root can give a file to root");
    }
    let folder = sb.folder();
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    let binary = folder.join("ipc-of-root");
    std::fs::copy(crate::sandbox::IPC, &binary).unwrap();
    std::fs::set_permissions(&binary, std::fs::Permissions::from_mode(0o4755)).unwrap();
    let as_nobody = |words: &[&str]| {
        let invocation = sb.program(&binary, words);
        let invocation = invocation.with(|command| {
            command.uid(65_534).gid(65_534);
        });
        invocation.run()
    };
    let refused = as_nobody(&["proc", "start", "x", "--", "true"]);
    if refused.status.code() != Some(5) && is_nosuid(folder) {
        return skip("the temporary folder is mounted nosuid");
    }
    refused.code(5).stderr_has("refuses to be set-user-ID");
    as_nobody(&["lock", "run", "x", "--", "true"]).code(125);
    assert_eq!(left(&sb), Vec::<String>::new());
}

fn is_nosuid(folder: &std::path::Path) -> bool {
    use std::os::unix::ffi::OsStrExt;
    let path = std::ffi::CString::new(folder.as_os_str().as_bytes()).unwrap();
    // SAFETY: all zeros is a valid value of this plain C struct.
    let mut found: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: the path and the struct outlive the call.
    unsafe { libc::statvfs(path.as_ptr(), &raw mut found) };
    found.f_flag & libc::ST_NOSUID != 0
}
