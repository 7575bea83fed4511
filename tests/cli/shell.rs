//! Shells that a test talks to line by line, and processes that only live.

use std::io::Write;
use std::process::ChildStdin;

use crate::sandbox::{Outcome, Running, Sandbox, until};

/// A shell that reads its script from the test.
pub struct Shell {
    running: Running,
    input: Option<ChildStdin>,
}

impl Shell {
    pub fn new(sb: &Sandbox) -> Shell {
        Shell::of(sb, &["sh"])
    }

    /// Any program that reads a script in the language of sh from its input.
    pub fn of(sb: &Sandbox, words: &[&str]) -> Shell {
        let (running, input) = sb
            .program(words[0], &words[1..])
            .env("IPC_SCOPE", sb.scope())
            .start_with_input();
        Shell {
            running,
            input: Some(input),
        }
    }

    pub fn pid(&self) -> i32 {
        self.running.pid()
    }

    pub fn pid_text(&self) -> String {
        self.pid().to_string()
    }

    /// Hands it a line and does not wait.
    pub fn tell(&mut self, line: &str) {
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Runs a command in it; its exit code and what it printed.
    #[track_caller]
    pub fn ask(&mut self, command: &str) -> (i32, String) {
        // On lines of their own: some shells lose redirections of nested groups.
        self.tell(&format!("{command}\necho \"[$?]\""));
        let mut printed = String::new();
        loop {
            let line = self.running.line();
            let code = line
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']')?.parse().ok());
            if let Some(code) = code {
                return (code, printed);
            }
            assert!(
                !line.is_empty(),
                "the shell ended after {command:?}: {printed}"
            );
            printed.push_str(&line);
            printed.push('\n');
        }
    }

    pub fn line(&mut self) -> String {
        self.running.line()
    }

    pub fn signal(&self, signal: i32) {
        self.running.signal(signal);
    }

    /// Stopped when it returns.
    #[track_caller]
    pub fn stop(&self) {
        self.running.stop();
    }

    /// Killed, and reaped: its number is free.
    pub fn die(mut self) {
        self.running.signal(libc::SIGKILL);
        self.running.wait();
    }

    /// Ends it in good order.
    pub fn end(mut self) {
        drop(self.input.take());
        self.running.wait();
    }
}

/// A process that lives until the test ends it.
pub fn someone(sb: &Sandbox) -> Shell {
    Shell::of(sb, &["cat"])
}

/// So many rounds as rule, and so many when IPC_CHAOS is `full`.
pub fn rounds(some: usize, full: usize) -> usize {
    let all = std::env::var("IPC_CHAOS").is_ok_and(|asked| asked == "full");
    if all { full } else { some }
}

/// Waits until so many processes are seen to wait for a lock.
#[track_caller]
pub fn until_waiters(sb: &Sandbox, lock: &str, count: usize) {
    until(&format!("{count} waiters of {lock}"), || {
        let outcome = sb.ipc(["lock", "status", lock, "--json"]).run();
        outcome.json()["waiters"].as_array().unwrap().len() == count
    });
}

/// The system calls of a command, each as what has strace strike at it: its
/// name and how many of that name came before.
pub fn system_calls(sb: &Sandbox, command: &[&str]) -> Vec<String> {
    let trace = sb.folder().join("trace");
    let options = ["-qq", "-o", trace.to_str().unwrap()];
    sb.program("strace", [&options, command].concat())
        .run()
        .ok();
    let trace = std::fs::read_to_string(trace).unwrap();
    let mut seen = std::collections::HashMap::new();
    let names = trace
        .lines()
        .filter_map(|line| line.split_once('(').map(|(name, _)| name));
    names
        .filter(|name| {
            name.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        })
        .map(|name| {
            let count = seen.entry(name).or_insert(0);
            *count += 1;
            format!("{name}:when={count}")
        })
        .collect()
}

/// Runs a command that gets a signal at one of its system calls.
pub fn struck_at<'a>(sb: &'a Sandbox, call: &str, signal: &str, command: &[&str]) -> Outcome<'a> {
    let (name, when) = call.split_once(':').unwrap();
    let inject = format!("inject={name}:signal={signal}:{when}");
    let options = ["-qq", "-o", "/dev/null", "-e", &inject];
    sb.program("strace", [&options, command].concat()).run()
}

/// The processes that a sandbox has started and that have not ended, with
/// whatever they started themselves: the scope is in their environment.
pub fn below(sb: &Sandbox) -> Vec<i32> {
    let mark = format!("IPC_SCOPE={}\0", sb.scope()).into_bytes();
    let pids = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let pid: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let environment = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
        let is_ours = environment.windows(mark.len()).any(|part| part == mark);
        is_ours.then_some(pid)
    });
    pids.collect()
}
