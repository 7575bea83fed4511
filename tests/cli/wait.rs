//! `ipc wait`: processes of others, and objects of all kinds.

use crate::proc::start as start_named;
use crate::sandbox::{Running, Sandbox, is_root, until};

/// A process that is not our child, and the one that is its parent.
pub struct Foreign {
    parent: Running,
    pid: i32,
}

impl Foreign {
    /// Starts `sh -c SCRIPT` below a shell that reaps it at its end, or never.
    #[track_caller]
    pub fn new(sb: &Sandbox, script: &str, is_reaped: bool) -> Foreign {
        let then = if is_reaped { "wait; " } else { "" };
        // The job of a shell without job control ignores INT and reads nothing.
        let text = format!("sh -c '{script}' <&0 & echo $!; {then}exec sleep 600");
        let mut parent = sb.sh(&text).start();
        let pid = parent.line().parse().unwrap();
        Foreign { parent, pid }
    }

    pub fn target(&self) -> String {
        self.pid.to_string()
    }

    pub fn kill(&self, signal: i32) {
        // SAFETY: a grandchild of this test; its parent reaps it when it is dead.
        assert_eq!(unsafe { libc::kill(self.pid, signal) }, 0);
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        if crate::proc::lives(self.pid) {
            self.kill(libc::SIGKILL);
        }
        self.parent.signal(libc::SIGKILL);
    }
}

/// Whether this kernel tells how a process ended that was reaped: Linux 6.15.
fn is_told(sb: &Sandbox) -> bool {
    let release = sb.program("uname", ["-r"]).run();
    let text = String::from_utf8_lossy(&release.stdout).into_owned();
    let mut numbers = text
        .split(['.', '-'])
        .map_while(|part| part.trim().parse::<u32>().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version < (6, 15) {
        crate::sandbox::skip("the kernel does not tell how a reaped process ended");
        return false;
    }
    true
}

/// Waits for one process and gives its code.
#[track_caller]
pub fn waiting(sb: &Sandbox, target: &str) -> Running {
    let waiting = sb.ipc(["-q", "wait", target, "--timeout", "30s"]).start();
    waiting.blocked_in(&[libc::SYS_ppoll]);
    waiting
}

#[test]
fn the_code_of_a_process_of_others_becomes_ours() {
    let sb = Sandbox::new();
    if !is_told(&sb) {
        return;
    }
    for is_reaped in [true, false] {
        let gate = sb.folder().join(format!("gate.{is_reaped}"));
        let script = format!(
            "until [ -e {} ]; do sleep 0.01; done; exit 9",
            gate.display()
        );
        let foreign = Foreign::new(&sb, &script, is_reaped);
        let waiting = waiting(&sb, &foreign.target());
        std::fs::write(&gate, "").unwrap();
        let (status, out, err) = waiting.finish();
        assert_eq!(status.code(), Some(9), "{out}{err}");
        assert_eq!(out, format!("pid:{} ended with 9\n", foreign.pid));
        for (signal, name) in [
            (9, "SIGKILL".to_owned()),
            (libc::SIGRTMIN() + 2, "SIGRTMIN+2".to_owned()),
        ] {
            let foreign = Foreign::new(&sb, "exec sleep 600", is_reaped);
            let waiting = self::waiting(&sb, &foreign.target());
            foreign.kill(signal);
            let (status, out, _) = waiting.finish();
            assert_eq!(status.code(), Some(128 + signal));
            assert_eq!(out, format!("pid:{} was ended by {name}\n", foreign.pid));
        }
    }
}

#[test]
fn a_zombie_has_a_code_too() {
    let sb = Sandbox::new();
    let foreign = Foreign::new(&sb, "until [ -e gate ]; do sleep 0.01; done; exit 7", false);
    // A shell may reap before it becomes another program.
    let comm = format!("/proc/{}/comm", foreign.parent.pid());
    until("the parent to reap no more", || {
        std::fs::read(&comm).is_ok_and(|name| name == b"sleep\n")
    });
    std::fs::write(sb.folder().join("gate"), "").unwrap();
    until("the zombie", || !crate::proc::lives(foreign.pid));
    sb.ipc(["wait", &foreign.target()])
        .run()
        .code(7)
        .stdout(&format!("pid:{} ended with 7\n", foreign.pid));
    if is_root() {
        // Who may not look into it cannot know, nor is it ever reaped.
        sb.ipc_as_nobody(["wait", &foreign.target()])
            .run()
            .code(125)
            .stderr_has("the kernel does not tell how");
    }
}

#[test]
fn the_first_of_ten_is_enough() {
    let sb = Sandbox::new();
    let all: Vec<Foreign> = (0..10)
        .map(|_| Foreign::new(&sb, "exec sleep 600", true))
        .collect();
    let words: Vec<String> = all.iter().map(Foreign::target).collect();
    let base = ["wait", "--any", "--timeout", "30s"].map(str::to_owned);
    let any = sb.ipc(base.iter().chain(&words)).start();
    any.blocked_in(&[libc::SYS_ppoll]);
    all[6].kill(libc::SIGKILL);
    let (status, out, _) = any.finish();
    assert_eq!(status.code(), Some(0));
    assert!(out.starts_with(&format!("pid:{} ", all[6].pid)), "{out}");
    let left: Vec<&String> = words.iter().filter(|word| **word != words[6]).collect();
    let three = ["wait", "--count", "3", "--timeout", "30s", "--json"].map(str::to_owned);
    let mut three = sb.ipc(three.iter().chain(left)).start();
    three.blocked_in(&[libc::SYS_ppoll]);
    for index in [2, 9, 0] {
        all[index].kill(libc::SIGTERM);
        let line: serde_json::Value = serde_json::from_str(&three.line()).unwrap();
        assert_eq!(line["target"], format!("pid:{}", words[index]));
        assert_eq!(line["kind"], "pid");
    }
    assert_eq!(three.finish().0.code(), Some(0));
}

#[test]
fn a_named_process_gives_its_code() {
    let sb = Sandbox::new();
    start_named(&sb, "p", &[], &["sh", "-c", "exit 11"]);
    sb.ipc(["wait", "proc:p", "-t", "30s"])
        .run()
        .code(11)
        .stdout("proc:p ended with 11\n");
    sb.ipc(["wait", "proc:none"])
        .run()
        .code(125)
        .stderr_has("/none: no such process");
    sb.ipc(["proc", "rm", "p"]).run().ok();
}

#[test]
fn what_is_missing_or_does_not_come_has_a_code() {
    let sb = Sandbox::new();
    let foreign = Foreign::new(&sb, "exec sleep 600", true);
    let target = foreign.target();
    sb.ipc(["event", "set", "e"]).run().ok();
    sb.ipc(["event", "clear", "e"]).run().ok();
    // One process: 1 to 123 are its own.
    sb.ipc(["wait", &target, "-t", "50ms"])
        .run()
        .code(124)
        .stderr_has("timed out");
    sb.ipc(["wait", &target, "--try"])
        .run()
        .code(124)
        .stderr("");
    sb.ipc(["wait", "2147483647"])
        .run()
        .code(125)
        .stderr_has("no such process");
    sb.ipc(["wait", &format!("pid:{target}:1")])
        .run()
        .code(125)
        .stderr_has("another process");
    sb.ipc(["wait", &target, "--count", "2"]).run().code(125);
    sb.ipc(["wait", &target, "--no-such-option"])
        .run()
        .code(125);
    sb.ipc(["wait", "2147483647", "--exited-ok"])
        .run()
        .ok()
        .stdout("pid:2147483647 ended, and it is not known how\n");
    // Anything else.
    sb.ipc(["wait", &target, "event:e", "-t", "50ms"])
        .run()
        .code(124);
    sb.ipc(["wait", &target, "event:e", "--try"])
        .run()
        .code(1)
        .stderr("");
    sb.ipc(["wait", &target, "2147483647"]).run().code(3);
    sb.ipc(["wait", &target, "2147483647", "--exited-ok", "--any"])
        .run()
        .code(0);
    for kind in ["event", "mq", "sem", "lock"] {
        sb.ipc(["wait", &format!("{kind}:none")]).run().code(3);
    }
    sb.ipc(["wait", "value:none>=1"]).run().code(3);
    sb.ipc(["wait", "event:e", "--count", "2"])
        .run()
        .code(125)
        .stderr_has("2 of 1 targets");
    sb.ipc(["wait", "value:none"])
        .run()
        .code(125)
        .stderr_has("lacks a comparison");
    sb.ipc(["wait", "file:x"])
        .run()
        .code(125)
        .stderr_has("'file:x' is nothing to wait for");
    sb.ipc(["event", "rm", "e"]).run().ok();
}

#[test]
fn numbers_of_processes_are_plain_decimal() {
    let sb = Sandbox::new();
    // Process 1 is there, so that any other reading would wait for it.
    for word in ["+1", "01", "0", "pid:+1", "pid:01", "pid:1:+7", "pid:0x1"] {
        for other in [&[][..], &["pid:1"]] {
            sb.ipc([&["wait", "--try", word], other].concat())
                .run()
                .code(125)
                .stderr_has(&format!("'{word}' is nothing to wait for"))
                .stderr_has("hint: numbers of processes are plain decimal");
        }
    }
}

#[test]
fn misuse_has_one_code_whatever_it_is_about() {
    let sb = Sandbox::new();
    for words in [
        &["wait"][..],
        &["wait", "1", "--count", "0"],
        &["wait", "1", "event:e", "--count", "0"],
        &["wait", "--any", "--all", "1"],
        &["wait", "--any", "--all", "1", "event:e"],
        &["wait", "1", "event:e", "--count", "3"],
        &["wait", "event:e", "--frob"],
        &["wait", "1", "x:y"],
        &["--json", "wait"],
        &["--scope", "wait", "wait", "--frob"],
        &["--scope", "a.b", "wait", "1", "event:e"],
    ] {
        let refused = sb.ipc(words).run();
        refused.code(125).stdout("");
        assert!(!refused.stderr.is_empty(), "{words:?}");
    }
    sb.ipc(["wait", "1", "event:e"])
        .env("IPC_SCOPE", "a.b")
        .run()
        .code(125);
}

#[test]
fn a_name_that_is_not_there_may_pass_for_a_process_that_has_ended() {
    let sb = Sandbox::new();
    start_named(&sb, "p", &[], &["sleep", "600"]);
    let words = ["wait", "proc:none", "proc:p", "--any", "--exited-ok"];
    sb.ipc(words)
        .run()
        .ok()
        .stdout("proc:none ended, and it is not known how\n");
    sb.ipc(["wait", "proc:none", "--exited-ok", "--json"])
        .run()
        .ok()
        .stdout(
            "{\"target\":\"proc:none\",\"kind\":\"proc\",\"outcome\":\"unknown\",\
             \"code\":null,\"signal\":null,\"value\":null}\n",
        );
    // It is for processes alone.
    sb.ipc(["wait", "event:none", "--exited-ok"]).run().code(3);
    sb.ipc(["wait", "proc:p", "--exited-ok", "--try"])
        .run()
        .code(124);
    sb.ipc(["proc", "rm", "--force", "p"]).run().ok();
}
