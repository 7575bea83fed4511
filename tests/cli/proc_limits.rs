//! `ipc proc`: files that may not grow, and disks that are full.

use std::io::Write;

use crate::lock_worlds::can_mount;
use crate::proc::{join, left, lives, record, start, state};
use crate::proc_ties::kill;
use crate::sandbox::{Invocation, Sandbox, until};

/// What it starts may write files of so many bytes.
fn limited(invocation: Invocation<'_>, bytes: u64) -> Invocation<'_> {
    restricted(invocation, libc::RLIMIT_FSIZE, bytes, bytes)
}

/// What it starts has such a limit, soft and hard.
fn restricted(
    invocation: Invocation<'_>,
    resource: libc::__rlimit_resource_t,
    soft: u64,
    hard: u64,
) -> Invocation<'_> {
    use std::os::unix::process::CommandExt;
    let limit = libc::rlimit {
        rlim_cur: soft,
        rlim_max: hard,
    };
    let set = move || {
        // SAFETY: the limit outlives the call.
        unsafe { libc::setrlimit(resource, &raw const limit) };
        Ok(())
    };
    // SAFETY: the closure makes one async-signal-safe call.
    invocation.with(|command| unsafe {
        command.pre_exec(set);
    })
}

#[test]
fn a_file_size_limit_refuses_a_start_and_leaves_nothing() {
    let sb = Sandbox::new();
    // The first line does not fit at all, in part, or leaves no room for the end.
    for bytes in [0, 100, 1024] {
        limited(sb.ipc(["proc", "start", "x", "--", "sleep", "600"]), bytes)
            .run()
            .code(6)
            .stdout("")
            .stderr_has("of files of this process (RLIMIT_FSIZE) (EFBIG)\nhint: ulimit -f");
        assert_eq!(left(&sb), Vec::<String>::new());
    }
}

#[test]
fn what_cannot_be_written_down_is_not_run_again() {
    let sb = Sandbox::new();
    let words = "proc start r --restart on-failure --log /dev/null -- sh -c";
    let words = || words.split(' ').chain(["exit 9"]);
    sb.ipc(words()).run().code(0);
    let whole = std::fs::read_to_string(record(&sb, "r")).unwrap();
    let first = whole.lines().next().unwrap().len() as u64;
    sb.ipc(["-q", "proc", "rm", "-f", "r"]).run().ok();
    // Enough for one run and its end; not for another line and one run more.
    limited(sb.ipc(words()), first + 1024 + 60).run().code(0);
    assert_eq!(join(&sb, "r"), 9);
    let now = state(&sb, "r");
    assert_eq!(
        (&now["state"], &now["restarts"]),
        (&"ended".into(), &0.into())
    );
    let whole = std::fs::read_to_string(record(&sb, "r")).unwrap();
    for line in whole.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
    sb.ipc(["proc", "rm", "r"]).run().ok();
}

#[test]
fn a_stop_that_cannot_be_written_down_names_another_way() {
    let sb = Sandbox::new();
    let (pid, supervisor) = start(&sb, "x", &[], &["sleep", "600"]);
    let before = std::fs::read(record(&sb, "x")).unwrap();
    for bytes in [0, before.len() as u64 + 10] {
        limited(sb.ipc(["proc", "stop", "x"]), bytes)
            .run()
            .code(6)
            .stderr_has(&format!("hint: ipc kill {supervisor} has its supervisor"));
        assert_eq!(std::fs::read(record(&sb, "x")).unwrap(), before);
    }
    assert!(lives(pid));
    sb.ipc(["kill", &supervisor.to_string()]).run().code(0);
    assert_eq!(join(&sb, "x"), 128 + 15);
    until("the supervisor to end", || !lives(supervisor));
    sb.ipc(["proc", "rm", "x"]).run().ok();
}

#[test]
fn a_line_that_somebody_was_killed_over_spoils_no_other() {
    let sb = Sandbox::new();
    for event in ["end", "stop"] {
        let (pid, _) = start(&sb, "x", &[], &["sleep", "600"]);
        let file = std::fs::OpenOptions::new()
            .append(true)
            .open(record(&sb, "x"));
        file.unwrap().write_all(b"{\"event\":\"st").unwrap();
        assert_eq!(state(&sb, "x")["pid"], pid);
        match event {
            "end" => kill(pid, libc::SIGKILL),
            _ => drop(sb.ipc(["-q", "proc", "stop", "-s", "KILL", "x"]).run().ok()),
        }
        assert_eq!(join(&sb, "x"), 137);
        sb.ipc(["proc", "rm", "x"]).run().ok();
    }
}

/// Runs a script where `run` is the runtime folder and a small disk of its own.
fn on_a_small_disk(sb: &Sandbox, script: &str) -> bool {
    let mount = "mkdir -p small && mount -t tmpfs -o size=64k,mode=700 none small";
    if !can_mount(sb, mount) {
        return false;
    }
    let folder = sb.folder().join("small");
    sb.program(
        "unshare",
        ["-rm", "sh", "-c", &format!("{mount}\n{script}")],
    )
    .env("IPC_RUNTIME_DIR", &folder)
    .run()
    .code(0);
    true
}

#[test]
fn a_full_disk_refuses_a_start_and_leaves_nothing() {
    let sb = Sandbox::new();
    let done = on_a_small_disk(
        &sb,
        "set -e
        dd if=/dev/zero of=small/fill bs=4k 2>dd || :
        ipc proc start x -- sleep 600 2>said && exit 20 || [ $? -eq 6 ]
        grep -q ENOSPC said
        [ \"$(ls -A small)\" = fill ]",
    );
    if done {
        assert_eq!(crate::shell::below(&sb), Vec::<i32>::new());
    }
}

#[test]
fn a_disk_that_fills_later_keeps_room_for_the_stop_and_the_end() {
    let sb = Sandbox::new();
    on_a_small_disk(
        &sb,
        "set -e; mkfifo gate
        ipc -q proc start a -- sh -c 'read word < gate; exit 7' >pid
        ipc -q proc start b -- sleep 600 >pid
        dd if=/dev/zero of=small/fill bs=4k 2>dd || :
        echo go > gate
        ipc proc join a --timeout 60s && exit 20 || [ $? -eq 7 ]
        ipc -q proc stop b
        ipc proc join b --try && exit 21 || [ $? -eq 143 ]
        ipc proc rm a b",
    );
}

#[test]
fn nothing_that_runs_loses_its_name_for_want_of_descriptors() {
    let sb = Sandbox::new();
    let (pid, _) = start(&sb, "x", &[], &["sleep", "600"]);
    for files in 3..12 {
        let rm = sb.ipc(["proc", "rm", "x"]);
        let refused = restricted(rm, libc::RLIMIT_NOFILE, files, files).run();
        assert_ne!(refused.status.code(), Some(0), "{files}");
        assert!(record(&sb, "x").exists() && lives(pid), "{files}");
    }
    for files in 3..12 {
        let rm = sb.ipc(["-q", "proc", "rm", "--force", "x"]);
        let _ = restricted(rm, libc::RLIMIT_NOFILE, files, files).run();
        assert!(record(&sb, "x").exists() || !lives(pid), "{files}");
    }
    let _ = sb.ipc(["-q", "proc", "rm", "--force", "x"]).run();
    assert_eq!(left(&sb), Vec::<String>::new());
}
