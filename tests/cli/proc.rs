//! `ipc proc`: what one shell starts, others join, stop and look at.

use std::path::PathBuf;

use crate::sandbox::{Sandbox, patience, state_of, until};

/// The file of a record, as the runtime folder of the sandbox has it.
pub fn record(sb: &Sandbox, name: &str) -> PathBuf {
    sb.folder()
        .join("run")
        .join(format!("proc.{}", sb.full(name)))
}

/// Starts a command under a name and gives its pid and that of its supervisor.
#[track_caller]
pub fn start(sb: &Sandbox, name: &str, options: &[&str], command: &[&str]) -> (i32, i32) {
    let first = ["proc", "start", name, "--json"];
    let words = [&first[..], options, &["--"], command].concat();
    let outcome = sb.ipc(words).run();
    outcome.ok();
    let pid = |key: &str| outcome.json()[key].as_i64().unwrap() as i32;
    (pid("pid"), pid("supervisor"))
}

/// Joins, and gives the exit code.
#[track_caller]
pub fn join(sb: &Sandbox, name: &str) -> i32 {
    let timeout = patience().as_secs().to_string();
    let outcome = sb.ipc(["proc", "join", name, "--timeout", &timeout]).run();
    outcome.status.code().unwrap()
}

/// Whether a process is there and not a zombie.
pub fn lives(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(')').next().unwrap_or_default().trim_start();
    !state.is_empty() && !state.starts_with('Z') && !state.starts_with('X')
}

/// What the record and the runtime folder of a sandbox hold.
pub fn left(sb: &Sandbox) -> Vec<String> {
    let entries = std::fs::read_dir(sb.folder().join("run"));
    let entries = entries.into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

pub fn state(sb: &Sandbox, name: &str) -> serde_json::Value {
    sb.ipc(["proc", "status", name, "--json"]).run().json()
}

#[test]
fn one_shell_starts_and_others_join() {
    let sb = Sandbox::new();
    let gate = sb.folder().join("gate");
    fifo(&gate);
    let script = format!("echo ready; read word < {}; exit 7", gate.display());
    let (pid, supervisor) = start(&sb, "job", &[], &["sh", "-c", &script]);
    assert!(lives(pid) && lives(supervisor));
    let joined: Vec<_> = (0..3)
        .map(|_| sb.ipc(["proc", "join", "job", "--timeout", "30s"]).start())
        .collect();
    for one in &joined {
        one.blocked_in(&[libc::SYS_ppoll]);
    }
    let now = state(&sb, "job");
    assert_eq!(
        (&now["state"], &now["pid"]),
        (&"running".into(), &pid.into())
    );
    std::fs::write(&gate, "go\n").unwrap();
    for one in joined {
        let (status, out, err) = one.finish();
        assert_eq!(status.code(), Some(7), "{out}{err}");
    }
    // Once more, long after.
    assert_eq!(join(&sb, "job"), 7);
    let ended = state(&sb, "job");
    assert_eq!(ended["state"], "ended");
    assert_eq!((&ended["code"], &ended["pid"]), (&7.into(), &().into()));
    sb.ipc(["proc", "logs", "job"]).run().ok().stdout("ready\n");
    sb.ipc(["proc", "rm", "job"]).run().ok();
    sb.ipc(["proc", "status", "job"])
        .run()
        .code(3)
        .stderr("ipc: proc status: /job: no such process\nhint: ipc proc ls shows what there is\n");
    assert_eq!(left(&sb), Vec::<String>::new());
}

fn fifo(path: &std::path::Path) {
    use std::os::unix::ffi::OsStrExt;
    let path = std::ffi::CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: a C string that outlives the call.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
}

#[test]
fn every_exit_code_arrives() {
    let sb = Sandbox::new();
    for first in (0..256).step_by(32) {
        let script = format!(
            "for code in $(seq {first} {}); do \
             ipc -q proc start c --if-exists replace -- sh -c \"exit $code\" >/dev/null; \
             ipc proc join c --timeout 30s 2>&1; echo $?; done",
            first + 31
        );
        let expected: String = (first..first + 32)
            .map(|code| format!("{code}\n"))
            .collect();
        sb.sh(&script).run().ok().stdout(&expected);
    }
    sb.ipc(["proc", "rm", "c"]).run().ok();
}

#[test]
fn death_by_a_signal_is_a_code_and_no_death_of_the_joiner() {
    let sb = Sandbox::new();
    let last = libc::SIGRTMIN() + 2;
    for signal in [1, 9, 15, last] {
        let (pid, _) = start(&sb, "s", &[], &["sleep", "600"]);
        // SAFETY: it is not reaped before it has ended, and its supervisor reaps it.
        assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
        assert_eq!(join(&sb, "s"), 128 + signal);
        assert_eq!(state(&sb, "s")["signal"], signal);
        sb.ipc(["proc", "rm", "s"]).run().ok();
    }
}

#[test]
fn a_name_stands_for_one_process_at_a_time() {
    let sb = Sandbox::new();
    start(&sb, "web", &[], &["sleep", "600"]);
    let again = ["proc", "start", "web", "--", "true"];
    sb.ipc(again).run().code(4).stderr(
        "ipc: proc start: /web: a process of this name exists already (EEXIST)\n\
         hint: ipc proc status NAME shows it, --if-exists replace stops it\n",
    );
    sb.ipc(["proc", "rm", "web"])
        .run()
        .code(1)
        .stderr("ipc: proc rm: /web: is running\nhint: ipc proc stop NAME, or --force\n");
    sb.ipc(["-q", "proc", "stop", "web"]).run().ok();
    sb.ipc(again).run().code(4);
    start(&sb, "web", &["--if-exists", "replace"], &["sleep", "601"]);
    assert_eq!(state(&sb, "web")["command"][1], "601");
    let former = state(&sb, "web")["pid"].as_i64().unwrap() as i32;
    start(&sb, "web", &["--if-exists", "replace"], &["sleep", "602"]);
    assert!(!lives(former));
    sb.ipc(["proc", "rm", "--force", "web"]).run().ok();
    assert_eq!(left(&sb), Vec::<String>::new());
}

#[test]
fn of_many_that_start_at_once_one_wins_and_only_its_command_runs() {
    let sb = Sandbox::new();
    for round in 0..10 {
        let out = sb.folder().join(format!("ran.{round}"));
        let script = format!("echo $$ >> {}; exec sleep 600", out.display());
        let racers: Vec<_> = (0..6)
            .map(|_| {
                sb.ipc(["proc", "start", "one", "--", "sh", "-c", &script])
                    .start()
            })
            .collect();
        let mut codes: Vec<i32> = racers
            .into_iter()
            .map(|one| one.finish().0.code().unwrap())
            .collect();
        codes.sort_unstable();
        assert_eq!(codes, [0, 4, 4, 4, 4, 4]);
        until("the command to run", || out.exists());
        sb.ipc(["-q", "proc", "stop", "one"]).run().ok();
        let ran = std::fs::read_to_string(&out).unwrap();
        assert_eq!(ran.lines().count(), 1, "{ran}");
        sb.ipc(["proc", "rm", "one"]).run().ok();
    }
}

#[test]
fn stop_asks_first_and_kills_what_does_not_listen() {
    let sb = Sandbox::new();
    start(
        &sb,
        "good",
        &[],
        &[
            "sh",
            "-c",
            "trap 'exit 5' TERM; echo up; while :; do sleep 0.01; done",
        ],
    );
    line_of(&sb, "good", "up");
    sb.ipc(["proc", "stop", "good"])
        .run()
        .code(0)
        .stderr("/good ended with 5\n");
    let deaf = [
        "sh",
        "-c",
        "trap '' TERM; echo up; while :; do sleep 600; done",
    ];
    let (pid, supervisor) = start(&sb, "deaf", &[], &deaf);
    line_of(&sb, "deaf", "up");
    sb.ipc(["proc", "stop", "deaf", "--after", "100ms", "--json"])
        .run()
        .ok()
        .stdout("{\"name\":\"/deaf\",\"code\":null,\"signal\":9}\n");
    assert!(!lives(pid) && !lives(supervisor));
    // Over and over it is no error.
    sb.ipc(["proc", "stop", "deaf"])
        .run()
        .code(0)
        .stderr("/deaf was ended by SIGKILL\n");
    sb.ipc(["proc", "stop", "deaf", "none"]).run().code(8);
    start(
        &sb,
        "int",
        &[],
        &[
            "sh",
            "-c",
            "trap 'exit 6' INT; echo up; while :; do sleep 0.01; done",
        ],
    );
    line_of(&sb, "int", "up");
    sb.ipc(["proc", "stop", "int", "--signal", "SIGINT"])
        .run()
        .code(0)
        .stderr("/int ended with 6\n");
    sb.ipc(["proc", "rm", "good", "deaf", "int"]).run().ok();
}

/// Waits until a process has printed a line.
#[track_caller]
pub fn line_of(sb: &Sandbox, name: &str, line: &str) {
    let mut logs = sb.ipc(["proc", "logs", "--follow", name]).start();
    loop {
        let found = logs.line();
        assert!(
            !found.is_empty(),
            "{name} has ended before it printed {line}"
        );
        if found == line {
            return;
        }
    }
}

#[test]
fn a_stopped_command_is_stopped_all_the_same() {
    let sb = Sandbox::new();
    let (pid, supervisor) = start(&sb, "s", &[], &["sleep", "600"]);
    for process in [pid, supervisor] {
        // SAFETY: both are ours and are not reaped while they live.
        assert_eq!(unsafe { libc::kill(process, libc::SIGSTOP) }, 0);
        until("it to be stopped", || state_of(process) == Some('T'));
    }
    sb.ipc(["proc", "stop", "s"])
        .run()
        .code(0)
        .stderr("/s was ended by SIGTERM\n");
    sb.ipc(["proc", "rm", "s"]).run().ok();
}

#[test]
fn join_gives_up_in_time_and_says_what_is_wrong() {
    let sb = Sandbox::new();
    start(&sb, "long", &[], &["sleep", "600"]);
    sb.ipc(["proc", "join", "long", "--timeout", "50ms"])
        .run()
        .code(124)
        .stderr("ipc: proc join: /long: timed out\n");
    sb.ipc(["proc", "join", "long", "--try"])
        .run()
        .code(124)
        .stderr("");
    sb.ipc(["proc", "join", "long", "--try", "--conflict-code", "9"])
        .run()
        .code(9);
    sb.ipc(["proc", "join", "none"])
        .run()
        .code(125)
        .stderr_has("/none: no such process");
    sb.ipc(["proc", "join"]).run().code(125);
    let waiting = sb.ipc(["proc", "join", "long", "--timeout", "30s"]).start();
    waiting.blocked_in(&[libc::SYS_ppoll]);
    sb.ipc(["proc", "rm", "--force", "long"]).run().ok();
    assert_eq!(waiting.finish().0.code(), Some(128 + 15));
}
