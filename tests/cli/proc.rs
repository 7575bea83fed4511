//! `ipc proc`: what one shell starts, others join, stop and look at.

use std::path::PathBuf;

use crate::sandbox::{IPC, Sandbox, has, patience, skip, state_of, until};

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

fn state(sb: &Sandbox, name: &str) -> serde_json::Value {
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
        .stderr("ipc: proc status: /job: no such process\n");
    assert_eq!(left(&sb), Vec::<String>::new());
}

fn fifo(path: &std::path::Path) {
    use std::os::unix::ffi::OsStrExt;
    let path = std::ffi::CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: a C string that outlives the call.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
}

#[test]
fn the_pid_is_data_and_the_rest_is_words() {
    let sb = Sandbox::new();
    let outcome = sb.ipc(["proc", "start", "one", "--", "sleep", "600"]).run();
    outcome.code(0).stderr("started /one\n");
    let text = String::from_utf8(outcome.stdout.clone()).unwrap();
    assert!(lives(text.trim().parse().unwrap()));
    sb.ipc(["proc", "rm", "--force", "one"]).run().ok();
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
fn what_cannot_be_started_leaves_nothing() {
    let sb = Sandbox::new();
    sb.ipc(["proc", "start", "x", "--", "no-such-command"])
        .run()
        .code(127)
        .stderr("ipc: proc start: no-such-command: command not found\n");
    sb.ipc(["proc", "start", "x", "--", "/etc/passwd"])
        .run()
        .code(126)
        .stderr("ipc: proc start: /etc/passwd: cannot be executed\n");
    sb.ipc([
        "proc",
        "start",
        "x",
        "--log",
        "no/such/folder",
        "--",
        "true",
    ])
    .run()
    .code(3)
    .stderr_has("no/such/folder: no such file or directory (ENOENT)");
    sb.ipc([
        "proc",
        "start",
        "x",
        "--die-with",
        "2147483647",
        "--",
        "true",
    ])
    .run()
    .code(3)
    .stderr_has("no such process");
    sb.ipc(["proc", "start", "a/b", "--", "true"]).run().code(2);
    sb.ipc(["proc", "start", "x"]).run().code(2);
    assert_eq!(left(&sb), Vec::<String>::new());
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

#[test]
fn a_damaged_record_is_shown_and_can_be_removed() {
    let sb = Sandbox::new();
    start(&sb, "x", &[], &["true"]);
    join(&sb, "x");
    let whole = std::fs::read(record(&sb, "x")).unwrap();
    // A line that a full disk cut short is passed over.
    std::fs::write(record(&sb, "x"), [&whole[..], b"{\"event\":\"en"].concat()).unwrap();
    assert_eq!(join(&sb, "x"), 0);
    for damage in [
        &b""[..],
        b"\n",
        b"{}\n",
        b"\xff\x00\n",
        &whole[..40],
        &whole[whole.len() / 2..],
    ] {
        std::fs::write(record(&sb, "x"), damage).unwrap();
        sb.ipc(["proc", "join", "x"])
            .run()
            .code(125)
            .stderr_has("is no record of a process");
        sb.ipc(["proc", "status", "x"])
            .run()
            .code(7)
            .stdout("corrupt\n");
        sb.ipc(["proc", "start", "x", "--", "true"]).run().code(4);
    }
    let list = sb
        .ipc(["proc", "ls", "--columns", "name,status", "--no-headings"])
        .run();
    list.ok().stdout("/x  corrupt\n");
    sb.ipc(["proc", "rm", "x"]).run().ok();
}

#[test]
fn a_scope_keeps_names_apart_and_listings_short() {
    let sb = Sandbox::new();
    start(&sb, "web", &[], &["sleep", "600"]);
    let other = format!("{}x", sb.scope());
    sb.ipc(["--scope", &other, "proc", "status", "web"])
        .run()
        .code(3);
    let list = sb.ipc(["proc", "ls", "--json"]).run();
    let objects = &list.ok().json()["objects"];
    assert_eq!(objects.as_array().unwrap().len(), 1);
    assert_eq!(
        (&objects[0]["name"], &objects[0]["state"]),
        (&"/web".into(), &"running".into())
    );
    sb.ipc(["proc", "ls", "none*", "--json"])
        .run()
        .ok()
        .stdout("{\"objects\":[]}\n");
    let lines: [(&[&str], &str); 3] = [
        (&["proc", "join", "w"], "web"),
        (&["wait", "proc:w"], "proc:web"),
        (&["kill", "proc:"], "proc:web"),
    ];
    for (line, expected) in lines {
        let completed = sb
            .ipc([&["--", "ipc"], line].concat())
            .env("IPC_COMPLETE", "bash")
            .env("_CLAP_COMPLETE_INDEX", line.len().to_string())
            .env("_CLAP_IFS", "\n")
            .run();
        let found = String::from_utf8_lossy(&completed.stdout).into_owned();
        assert!(found.contains(expected), "{completed}");
    }
    sb.ipc(["proc", "rm", "--all"])
        .run()
        .code(0)
        .stdout("would remove /web\n");
    sb.ipc(["proc", "rm", "--all", "--yes"]).run().code(1);
    sb.ipc(["proc", "rm", "--all", "--yes", "--force"])
        .run()
        .ok();
    sb.ipc(["proc", "rm", "--all"]).run().code(1);
}

#[test]
fn a_reader_of_the_starter_sees_its_end_at_once() {
    let sb = Sandbox::new();
    // The substitution ends although the process goes on, and so does that of descriptor 7.
    let script = "pid=$(ipc proc start bg -- sleep 600 2>&1 7>&1) && echo started; \
        { ipc -q proc start bg2 -- sleep 600 >/dev/null; } 7>&1 | cat; echo ended";
    sb.sh(script).run().ok().stdout("started\nended\n");
    let pid = state(&sb, "bg2")["pid"].as_i64().unwrap();
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    assert_eq!(entries.count(), 3);
    sb.ipc(["proc", "rm", "--force", "bg", "bg2"]).run().ok();
}

#[test]
fn the_logs_are_complete_and_followed_to_the_end() {
    let sb = Sandbox::new();
    let script = "seq 1 5000; echo last >&2";
    start(&sb, "l", &[], &["sh", "-c", script]);
    let expected: String = (1..=5000).map(|n| format!("{n}\n")).collect::<String>() + "last\n";
    sb.ipc(["proc", "logs", "-f", "l"])
        .run()
        .ok()
        .stdout(&expected);
    sb.ipc(["proc", "logs", "l", "-n", "2"])
        .run()
        .ok()
        .stdout("5000\nlast\n");
    sb.ipc(["proc", "logs", "l", "-n", "0"])
        .run()
        .ok()
        .stdout("");
    sb.ipc(["proc", "logs", "l"]).run().ok().stdout(&expected);
    // Whoever has seen enough ends the follower of a process that goes on.
    start(&sb, "on", &[], &["sh", "-c", "echo first; exec sleep 600"]);
    sb.sh("ipc proc logs -f on | head -n1")
        .run()
        .ok()
        .stdout("first\n");
    let file = sb.folder().join("own.log");
    std::fs::write(&file, "before\n").unwrap();
    start(&sb, "own", &["--log", "own.log"], &["echo", "after"]);
    join(&sb, "own");
    sb.ipc(["proc", "rm", "own"]).run().ok();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "before\nafter\n");
    sb.ipc(["proc", "rm", "--force", "l", "on"]).run().ok();
    assert_eq!(left(&sb), Vec::<String>::new());
}

#[test]
fn a_follower_ends_with_a_process_that_is_removed_and_one_that_is_killed() {
    let sb = Sandbox::new();
    start(&sb, "a", &[], &["sh", "-c", "echo up; exec sleep 600"]);
    let mut following = sb.ipc(["proc", "logs", "-f", "a"]).start();
    assert_eq!(following.line(), "up");
    sb.ipc(["proc", "rm", "-f", "a"]).run().ok();
    assert_eq!(following.finish().0.code(), Some(0));
}

#[test]
fn another_user_is_refused_the_folder() {
    let sb = Sandbox::new();
    let folder = sb.folder().join("open");
    std::fs::create_dir(&folder).unwrap();
    sb.program(IPC, ["proc", "ls"])
        .env("IPC_RUNTIME_DIR", &folder)
        .run()
        .code(5)
        .stderr_has("is not a folder that belongs to you alone (mode 0700)");
}

#[test]
fn nothing_runs_when_the_pid_cannot_be_printed() {
    let sb = Sandbox::new();
    start(&sb, "old", &[], &["sleep", "600"]);
    for to in [">/dev/full", ">&-"] {
        for options in ["x", "--if-exists replace old"] {
            let script = format!("ipc proc start {options} -- sleep 600 {to}");
            sb.sh(&script).run().code(6).stderr_has("standard output");
            sb.ipc(["proc", "status", "x"]).run().code(3);
        }
    }
    // Nobody was replaced by what could not be started.
    assert_eq!(state(&sb, "old")["state"], "running");
    sb.ipc(["proc", "rm", "--force", "old"]).run().ok();
    assert_eq!(left(&sb), Vec::<String>::new());
}

#[test]
fn what_was_started_is_taken_back_when_its_pid_does_not_arrive() {
    let sb = Sandbox::new();
    // A file system that is found full only when it is written to.
    let mount = "mkdir full && mount -t tmpfs -o size=4k none full";
    if !has("unshare") {
        return;
    }
    let may = sb.program("unshare", ["-rm", "sh", "-c", mount]).run();
    if !may.status.success() {
        return skip("this user may not mount");
    }
    let script = "mount -t tmpfs -o size=4k none full && head -c 4096 /dev/zero > full/fill && \
        ipc --json proc start x -- sh -c 'trap \"\" TERM; sleep 600 & setsid sleep 600' > full/out";
    sb.program("unshare", ["-rm", "sh", "-c", script])
        .run()
        .code(6)
        .stdout("")
        .stderr_has("/x: it is stopped and removed, for its pid did not arrive")
        .stderr_has("ENOSPC");
    sb.ipc(["proc", "status", "x"]).run().code(3);
    assert_eq!(crate::shell::below(&sb), Vec::<i32>::new());
    assert_eq!(left(&sb), Vec::<String>::new());
}

#[test]
fn a_pattern_names_what_is_damaged_and_leaves_it() {
    let sb = Sandbox::new();
    for name in ["good", "bad"] {
        start(&sb, name, &[], &["true"]);
        join(&sb, name);
    }
    std::fs::write(record(&sb, "bad"), "x\n").unwrap();
    let told = "ipc: proc rm: /bad: its record is corrupt, and is left alone\n\
                hint: its name, without a pattern, removes it\n";
    sb.ipc(["-q", "proc", "rm", "--all"])
        .run()
        .code(8)
        .stdout("would remove /good\n")
        .stderr(told);
    sb.ipc(["proc", "rm", "--match", "g*", "--yes"]).run().ok();
    sb.ipc(["proc", "rm", "--all", "--yes", "--force"])
        .run()
        .code(7)
        .stderr(told);
    sb.ipc(["proc", "rm", "bad"]).run().ok();
    sb.ipc(["proc", "rm", "--all", "--yes"]).run().code(1);
}

#[test]
fn the_log_has_a_form_for_programs() {
    let sb = Sandbox::new();
    start(&sb, "l", &[], &["printf", "a\\nb\\377\\n\\nc"]);
    join(&sb, "l");
    let lines = [
        r#"{"encoding":"utf-8","data":"a","complete":true}"#,
        r#"{"encoding":"base64","data":"Yv8=","complete":true}"#,
        r#"{"encoding":"utf-8","data":"","complete":true}"#,
        r#"{"encoding":"utf-8","data":"c","complete":false}"#,
    ];
    let all = lines.map(|line| format!("{line}\n")).concat();
    for words in [
        &["proc", "logs", "l", "--json"][..],
        &["proc", "logs", "-f", "l", "--json"],
    ] {
        sb.ipc(words).run().ok().stdout(&all);
    }
    sb.ipc(["proc", "logs", "l", "-n", "1", "--json"])
        .run()
        .ok()
        .stdout(&format!("{}\n", lines[3]));
    sb.ipc(["proc", "rm", "l"]).run().ok();
}

#[test]
fn a_command_that_is_no_text_has_its_bytes_beside_it() {
    use std::os::unix::ffi::OsStrExt;
    let sb = Sandbox::new();
    let odd = std::ffi::OsStr::from_bytes(b"a\xff");
    let words = ["proc", "start", "b", "--log"].map(std::ffi::OsStr::new);
    let command = ["--", "echo"].map(std::ffi::OsStr::new);
    let words = [&words[..], &[odd], &command, &[odd, "x\\".as_ref()]].concat();
    sb.ipc(words).run().code(0);
    join(&sb, "b");
    let shown = state(&sb, "b");
    let json = |value: &[&[u8]]| serde_json::json!(value);
    assert_eq!(
        shown["command"],
        serde_json::json!(["echo", "a\\xff", "x\\"])
    );
    assert_eq!(shown["command_bytes"], json(&[b"echo", b"a\xff", b"x\\"]));
    let log = [sb.folder().as_os_str().as_bytes(), b"/a\xff"].concat();
    assert_eq!(shown["log_bytes"], serde_json::json!(log));
    assert!(shown.get("folder_bytes").is_none(), "{shown}");
    sb.ipc(["proc", "ls", "--no-headings", "--columns", "command"])
        .run()
        .ok()
        .stdout("echo a\\xff x\\\\\n");
    sb.ipc(["proc", "rm", "b"]).run().ok();
}
