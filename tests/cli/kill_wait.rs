//! `ipc kill --wait` and `--then`: verdicts, and what follows.

use crate::kill::{end, end_group_of, shell, verdict};
use crate::sandbox::Sandbox;
use crate::shell::{Shell, someone};

#[test]
fn a_verdict_says_why_a_process_is_still_there() {
    let sb = Sandbox::new();
    let wait = |most: &str, words: &[&str], pid: i32| {
        let pid = pid.to_string();
        sb.ipc([&["--json", "kill", "--wait", most], words, &[&pid]].concat())
            .run()
    };
    let kill = |words: &[&str], pid: i32| wait("0.3", words, pid);
    let ignoring = shell(&sb, "trap '' TERM");
    let outcome = kill(&[], ignoring.pid());
    assert_eq!(verdict(outcome.code(124), ignoring.pid()), "ignored");
    let outcome = kill(&["-CHLD"], ignoring.pid());
    assert_eq!(verdict(outcome.code(124), ignoring.pid()), "unaffected");
    // Not waited for: the answer is no, as under --try everywhere.
    let pid = ignoring.pid().to_string();
    sb.ipc(["kill", "--wait", "0", &pid]).run().code(1);
    end(&sb, ignoring);

    let handling = shell(&sb, "trap 'true' TERM");
    let outcome = kill(&[], handling.pid());
    assert_eq!(verdict(outcome.code(124), handling.pid()), "handled");
    handling.stop();
    let outcome = kill(&["-HUP"], handling.pid());
    assert_eq!(verdict(outcome.code(124), handling.pid()), "stopped");
    end(&sb, handling);

    let text = "#include <signal.h>\n#include <unistd.h>\nint main(void) { sigset_t set; \
        sigemptyset(&set); sigaddset(&set, SIGTERM); sigprocmask(SIG_BLOCK, &set, NULL); \
        if (write(1, \"up\\n\", 3) == 3) pause(); return 0; }";
    let program = crate::sandbox::compiled_text(&sb, "blocking", text);
    let mut blocking = sb.program(program, [""; 0]).start();
    blocking.line();
    let outcome = kill(&[], blocking.pid());
    assert_eq!(verdict(outcome.code(124), blocking.pid()), "blocked");
    drop(blocking);

    // Whose parent does not reap: this test, until it asks.
    let mut corpse = sb.program("sleep", ["600"]).start();
    let outcome = wait("30s", &["-9"], corpse.pid());
    assert_eq!(verdict(outcome.ok(), corpse.pid()), "zombie");
    let pid = corpse.pid().to_string();
    // As missing as one that is reaped, whatever is sent, unless its end is waited for.
    for signal in ["-0", "-TERM", "-9", "-CHLD"] {
        let said = sb.ipc(["kill", signal, &pid]).run();
        said.code(3)
            .stderr_has("has ended: a zombie, until its parent");
        let shown = sb.ipc(["kill", signal, "--dry-run", &pid]).run();
        let line = format!("would not reach the zombie pid:{pid}:");
        assert!(String::from_utf8_lossy(&shown.code(3).stdout).starts_with(&line));
    }
    let outcome = kill(&[], corpse.pid());
    assert_eq!(verdict(outcome.ok(), corpse.pid()), "zombie");
    let document = sb.ipc(["--json", "kill", &pid]).run().json();
    let error = &document["targets"][0]["processes"][0]["error"];
    assert_eq!(error, "has ended: a zombie");
    corpse.wait();
    sb.ipc(["kill", "-0", &pid]).run().code(3);

    let mut reaping = Shell::new(&sb);
    reaping.tell("sleep 600 & echo $!; wait");
    let child: i32 = reaping.line().parse().unwrap();
    let outcome = sb
        .ipc(["--json", "kill", "-9", "--wait", "30s", &child.to_string()])
        .run();
    assert_eq!(verdict(outcome.ok(), child), "gone");
    reaping.end();
}

#[test]
fn what_does_not_end_is_sent_the_next_signal() {
    let sb = Sandbox::new();
    let victim = shell(&sb, "trap '' TERM HUP");
    let pid = victim.pid();
    let outcome = sb
        .ipc([
            "--json",
            "kill",
            &pid.to_string(),
            "--then",
            "HUP",
            "--after",
            "20ms",
        ])
        .with(|command| {
            command.args(["--then", "KILL", "--after", "20ms", "--wait", "30s"]);
        })
        .run();
    outcome.ok();
    let sent = &outcome.json()["targets"][0]["processes"][0]["sent"];
    assert_eq!(*sent, serde_json::json!(["TERM", "HUP", "KILL"]));
    end_group_of(&sb, pid);
    drop(victim);

    // One that ends is not sent the next.
    let quick = someone(&sb);
    let outcome = sb
        .ipc([
            "--json",
            "kill",
            &quick.pid_text(),
            "--then",
            "KILL",
            "--after",
            "30s",
        ])
        .run();
    let sent = &outcome.ok().json()["targets"][0]["processes"][0]["sent"];
    assert_eq!(*sent, serde_json::json!(["TERM"]));
    quick.end();
    sb.ipc(["kill", "1", "--then", "KILL"]).run().code(2);
    let uneven = [
        "kill", "9", "--then", "KILL", "--after", "1", "--after", "2",
    ];
    sb.ipc(uneven)
        .run()
        .code(2)
        .stderr_has("every --then needs an --after");
}

#[test]
fn nothing_is_sent_when_what_becomes_of_it_cannot_be_told() {
    let sb = Sandbox::new();
    let someone = someone(&sb);
    let pid = someone.pid_text();
    for words in ["kill -9 --wait 30s", "--json kill -9"] {
        let script = format!("ipc {words} {pid} >&-");
        sb.sh(&script).run().code(6).stderr_has("standard output");
        sb.ipc(["kill", "-0", &pid]).run().ok();
    }
    // Where nothing is to be printed, nothing is missing.
    sb.sh(&format!("ipc kill -9 {pid} >&-")).run().ok();
    someone.end();
}

#[test]
fn the_exit_code_is_that_of_the_verdicts_that_are_shown() {
    let sb = Sandbox::new();
    for _ in 0..50 {
        let someone = someone(&sb);
        let pid = someone.pid_text();
        let outcome = sb.ipc(["--json", "kill", "-9", "--wait", "0", &pid]).run();
        // Whether it has ended by then is up to the kernel.
        let shown = verdict(&outcome, someone.pid());
        let has_ended = ["gone", "zombie"].contains(&shown.as_str());
        outcome.code(if has_ended { 0 } else { 1 });
        someone.end();
    }
}
