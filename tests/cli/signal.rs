//! `ipc signal`, and `ipc kill --queue` on the other side.

use serde_json::{Value, json};

use crate::sandbox::{Running, Sandbox};
use crate::shell::someone;

/// A waiter that has said that it is ready.
fn waiter(sb: &Sandbox, words: &[&str]) -> Running {
    let script = "exec 3>&1; exec ipc --json signal wait --ready-fd 3 -t 30s \"$@\"";
    let mut running = sb
        .program("sh", [&["-c", script, "sh"], words].concat())
        .start();
    assert_eq!(running.line(), running.pid().to_string());
    running
}

fn letters(printed: &str) -> Vec<Value> {
    let lines = printed.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_thousand_queued_signals_with_values_arrive_in_order() {
    let sb = Sandbox::new();
    let waiter = waiter(&sb, &["RTMIN+1", "-n", "1000"]);
    // Stopped it takes none, so that all of them are in the queue at once.
    waiter.stop();
    let script = "for value in $(seq 1000); do \
        ipc kill -s RTMIN+1 --queue $((value - 500)) \"$0\" || exit; done";
    let sender = sb.program("sh", ["-c", script, &waiter.pid().to_string()]);
    sender.run().ok();
    waiter.signal(libc::SIGCONT);
    let (status, printed, said) = waiter.finish();
    assert!(status.success() && said.is_empty(), "{status}: {said}");
    let letters = letters(&printed);
    let values: Vec<i64> = letters
        .iter()
        .map(|one| one["value"].as_i64().unwrap())
        .collect();
    assert_eq!(values, (-499..=500).collect::<Vec<i64>>());
    // SAFETY: has no precondition.
    let uid = unsafe { libc::getuid() };
    let right =
        |one: &Value| one["signal"] == "RTMIN+1" && one["uid"] == uid && one["how"] == "queue";
    assert!(letters.iter().all(right));
}

#[test]
fn who_sent_it_is_told_and_a_value_only_where_there_was_one() {
    let sb = Sandbox::new();
    let waiter = waiter(&sb, &["USR1", "usr2", "SIGHUP", "-n", "2"]);
    let sender = sb.ipc(["kill", "-USR1", &waiter.pid().to_string()]).start();
    let pid = sender.pid();
    assert!(sender.finish().0.success());
    waiter.signal(libc::SIGUSR2);
    let (status, printed, _) = waiter.finish();
    assert!(status.success());
    let this = std::process::id();
    // SAFETY: has no precondition.
    let uid = unsafe { libc::getuid() };
    assert_eq!(
        letters(&printed),
        [
            json!({"signal": "USR1", "number": 10, "pid": pid, "uid": uid, "value": null, "how": "kill"}),
            json!({"signal": "USR2", "number": 12, "pid": this, "uid": uid, "value": null, "how": "kill"}),
        ]
    );
}

#[test]
fn an_event_tells_the_sender_when_to_start() {
    let sb = Sandbox::new();
    let script = "ipc signal wait RTMIN --name ready -t 30s & pid=$!; \
        ipc event wait ready -t 30s && ipc kill -RTMIN --queue 7 $pid && wait $pid";
    let outcome = sb.sh(script).run();
    let line = String::from_utf8(outcome.ok().stdout.clone()).unwrap();
    assert!(
        line.starts_with("RTMIN ") && line.ends_with(" 7\n"),
        "{line}"
    );
}

#[test]
fn none_in_time_is_124_and_none_at_all_1() {
    let sb = Sandbox::new();
    sb.ipc(["signal", "wait", "USR1", "-t", "20ms"])
        .run()
        .code(124)
        .stdout("");
    sb.ipc(["signal", "wait", "USR1", "--try"])
        .run()
        .code(1)
        .stderr("");
    for word in ["KILL", "STOP", "32"] {
        let refused = sb.ipc(["signal", "wait", word, "-t", "30s"]).run();
        refused.code(2).stderr_has("cannot be waited for");
    }
    for word in ["FOO", "0", "65", "RTMAX+1"] {
        sb.ipc(["signal", "wait", word])
            .run()
            .code(2)
            .stderr_has("is not a signal");
    }
    sb.ipc(["signal", "wait", "USR1", "--ready-fd", "77"])
        .run()
        .code(6)
        .stderr_has("EBADF");
}

#[test]
fn a_signal_that_the_caller_ignores_or_blocks_is_taken_all_the_same() {
    let sb = Sandbox::new();
    let script = "trap '' USR1; exec 3>&1; exec ipc signal wait USR1 --ready-fd 3 -t 30s";
    let mut waiter = sb.sh(script).start();
    waiter.line();
    waiter.signal(libc::SIGUSR1);
    assert!(waiter.line().starts_with("USR1 "));
    assert!(waiter.finish().0.success());
}

#[test]
fn the_table_has_all_signals_with_what_they_do() {
    let sb = Sandbox::new();
    let listed = sb.ipc(["--json", "signal", "ls"]).run();
    let listed = listed.ok().json();
    let rows = listed["objects"].as_array().unwrap();
    assert_eq!(
        rows.len() as i32,
        31 + libc::SIGRTMAX() - libc::SIGRTMIN() + 1
    );
    let of = |name: &str| rows.iter().find(|row| row["name"] == name).unwrap();
    assert_eq!(of("TERM")["number"], 15);
    assert_eq!(of("QUIT")["action"], "core");
    assert_eq!(of("TSTP")["action"], "stop");
    assert_eq!(of("RTMIN+2")["queued"], true);
    sb.ipc([
        "signal",
        "ls",
        "15",
        "SIGKILL",
        "--columns",
        "name,action",
        "--no-headings",
    ])
    .run()
    .ok()
    .stdout("TERM  terminate\nKILL  terminate\n");
    sb.ipc(["signal", "ls", "FOO"]).run().code(2);
}

#[test]
fn what_a_process_does_about_signals_is_shown() {
    let sb = Sandbox::new();
    let script = "trap '' HUP; trap 'true' USR1; echo ready; read line";
    let (mut shell, input) = sb.sh(script).start_with_input();
    shell.line();
    let explained = sb
        .ipc(["--json", "signal", "explain", &shell.pid().to_string()])
        .run();
    let document = explained.ok().json();
    let has = |set: &str, name: &str| {
        document[set]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one == name)
    };
    assert!(has("ignored", "HUP") && has("caught", "USR1"), "{document}");
    assert!(
        !has("blocked", "HUP") && !has("pending", "USR1"),
        "{document}"
    );
    drop(input);
    let _ = shell.wait();
    // Blocked and waiting: a waiter that is stopped.
    let waiter = waiter(&sb, &["RTMIN+3", "USR1"]);
    waiter.stop();
    waiter.signal(libc::SIGRTMIN() + 3);
    let explained = sb
        .ipc(["signal", "explain", &waiter.pid().to_string()])
        .run();
    let text = String::from_utf8(explained.ok().stdout.clone()).unwrap();
    assert!(text.contains("blocked: USR1 RTMIN+3\n"), "{text}");
    assert!(text.contains("pending: RTMIN+3\n"), "{text}");
    sb.ipc(["signal", "explain", "999999999"]).run().code(3);
}

#[test]
fn a_queue_that_is_full_is_a_limit_that_is_named() {
    let sb = Sandbox::new();
    // The limit that counts is that of the receiver.
    let script = "ulimit -i 0; echo up; exec sleep 60";
    let mut full = sb.program("bash", ["-c", script]).start();
    assert_eq!(full.line(), "up");
    let refused = sb
        .ipc(["kill", "-RTMIN", "--queue", "1", &full.pid().to_string()])
        .run();
    refused.code(6).stderr_has("RLIMIT_SIGPENDING");
}

#[test]
fn names_of_signals_and_numbers_of_processes_are_completed() {
    let sb = Sandbox::new();
    let someone = someone(&sb);
    let complete = |words: &[&str]| -> Vec<String> {
        let asked = sb
            .ipc([&["--", "ipc"], words].concat())
            .env("IPC_COMPLETE", "fish")
            .run();
        let text = String::from_utf8(asked.ok().stdout.clone()).unwrap();
        let words = text.lines().filter_map(|line| line.split('\t').next());
        words.map(str::to_owned).collect()
    };
    assert_eq!(complete(&["kill", "-s", "TE"]), ["TERM"]);
    assert_eq!(complete(&["signal", "wait", "SIGRTMIN+1"]).len(), 7);
    let pid = someone.pid_text();
    assert!(complete(&["kill", &pid]).contains(&pid));
    let target = format!("pid:{pid}");
    assert!(complete(&["kill", "-9", "--tree", &target]).contains(&target));
}
