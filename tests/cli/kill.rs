//! `ipc kill`: spellings of signals, words, exit codes; and what its other
//! tests share.

use std::os::unix::process::CommandExt;

use serde_json::Value;

use crate::sandbox::{Outcome, Running, Sandbox};
use crate::shell::someone;

/// A shell that does this about TERM, and lives until it is killed.
pub fn shell(sb: &Sandbox, about: &str) -> Running {
    let script = format!("{about}\necho ready; while :; do sleep 600 & wait $!; done");
    let mut running = sb
        .sh(&script)
        .with(|command| {
            command.process_group(0);
        })
        .start();
    assert_eq!(running.line(), "ready");
    running
}

/// Ends all of a shell's group, which is its own.
pub fn end(sb: &Sandbox, running: Running) {
    let group = format!("pgid:{}", running.pid());
    sb.ipc(["kill", "-9", &group]).run().code(0);
    drop(running);
}

pub fn verdict(outcome: &Outcome<'_>, pid: i32) -> String {
    let document = outcome.json();
    let targets = document["targets"].as_array().unwrap().clone();
    let all = targets
        .iter()
        .flat_map(|one| one["processes"].as_array().unwrap());
    let found = all.into_iter().find(|one| one["pid"] == pid);
    let found: &Value = found.unwrap_or_else(|| panic!("no {pid}\n{outcome}"));
    found["verdict"].as_str().unwrap().to_owned()
}

pub fn start_of(pid: i32) -> String {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let rest = stat.rsplit(')').next().unwrap().to_owned();
    rest.split_ascii_whitespace().nth(19).unwrap().to_owned()
}

/// What a killed shell has left in its group.
pub fn end_group_of(sb: &Sandbox, pid: i32) {
    let _ = sb.ipc(["-q", "kill", "-9", &format!("pgid:{pid}")]).run();
}

#[test]
fn every_spelling_of_a_signal_is_sent() {
    let sb = Sandbox::new();
    for spelling in [
        &["-9"][..],
        &["-KILL"],
        &["-SIGKILL"],
        &["-kill"],
        &["-s", "9"],
        &["-s", "SIGKILL"],
        &["--signal", "kill"],
        &["--signal=KILL"],
    ] {
        let mut victim = shell(&sb, "trap '' TERM");
        let pid = victim.pid().to_string();
        sb.ipc([&["kill"], spelling, &[&pid]].concat())
            .run()
            .ok()
            .stdout("");
        let status = victim.wait();
        assert_eq!(
            std::os::unix::process::ExitStatusExt::signal(&status),
            Some(9)
        );
    }
    // The default asks, behind the target it is the same, and JSON changes nothing.
    for words in [
        &["kill", "@"][..],
        &["kill", "@", "-TERM"],
        &["--json", "kill", "-15", "@"],
    ] {
        let mut victim = shell(&sb, "trap 'exit 9' TERM");
        let pid = victim.pid().to_string();
        let words = words
            .iter()
            .map(|word| if *word == "@" { &pid } else { *word });
        sb.ipc(words).run().code(0).stderr("");
        assert_eq!(victim.wait().code(), Some(9));
    }
    let mut victim = shell(&sb, "trap '' TERM");
    let pid = victim.pid().to_string();
    sb.ipc(["kill", "-RTMIN+2", &pid]).run().ok();
    let status = victim.wait();
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    assert_eq!(signal, Some(libc::SIGRTMIN() + 2));
}

#[test]
fn some_of_several_is_8_and_alike_is_their_own_code() {
    let sb = Sandbox::new();
    let one = someone(&sb);
    sb.ipc(["kill", "999999998", "999999999"]).run().code(3);
    sb.ipc(["kill", "-0", &one.pid_text(), "999999999"])
        .run()
        .code(8);
    sb.ipc(["kill", "-0", &one.pid_text(), &one.pid_text()])
        .run()
        .ok();
    one.end();
}

#[test]
fn words_that_make_no_sense_are_refused_and_nothing_is_sent() {
    let sb = Sandbox::new();
    let someone = someone(&sb);
    let pid = someone.pid_text();
    for (words, said) in [
        (&["-FOO", "@"][..], "'-FOO' is neither a signal nor a group"),
        (&["-65", "@"], "'-65' is not a signal"),
        (&["-9", "-TERM", "@"], "'-TERM' is a second signal"),
        (&["-s", "FOO", "@"], "'FOO' is not a signal"),
        (&["-9"], "there is no process to signal"),
        (&["x:7", "@"], "'x:7' names no process"),
        (&["0"], "'0' names no process"),
        (&["+7", "@"], "hint: numbers of processes are plain decimal"),
        (
            &["007", "@"],
            "hint: numbers of processes are plain decimal",
        ),
        (
            &["0x7", "@"],
            "hint: numbers of processes are plain decimal",
        ),
        (
            &["pgid:+7", "@"],
            "hint: numbers of processes are plain decimal",
        ),
        (&["-9", "-1"], "'-1' is every process"),
        (&["-9", "@", "--", "-1"], "'-1' is every process"),
        (&["--yes", "name:none[", "@"], "is written \\["),
        (&["--tre", "@"], "--tree"),
        (&["-0", "--queue", "7", "@"], "signal 0 is not sent"),
        (&[], "TARGET"),
    ] {
        let words = words
            .iter()
            .map(|word| if *word == "@" { &pid } else { *word });
        sb.ipc(["kill"].into_iter().chain(words))
            .run()
            .code(2)
            .stderr_has(said);
    }
    // What matches nothing has nothing to be agreed to, and one mark does not turn
    // a name into all others.
    for word in ["name:ipct-none-*", "name:!ipct-none"] {
        let refused = sb.ipc(["kill", "--dry-run", word]).run();
        refused.code(3).stdout("");
        let said = format!("ipc: kill: {word}: no such process\n");
        sb.ipc(["kill", "-CONT", word]).run().code(3).stderr(&said);
    }
    sb.ipc(["kill", "proc:web"])
        .run()
        .code(3)
        .stderr_has("/web: no such process");
    sb.ipc(["kill", "-0", &pid]).run().ok();
    someone.end();
}
