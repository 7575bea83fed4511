//! What a process does about signals: `/proc/PID/status`.

use crate::process::signal::{Signal, Signals};

/// What a process does about each signal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dispositions {
    /// Waiting to be taken: by the process, or by one of its threads.
    pub pending: Signals,
    /// Blocked in every thread: none can take it now.
    pub blocked: Signals,
    /// Ignored.
    pub ignored: Signals,
    /// Handled by a function of the program.
    pub caught: Signals,
}

impl Dispositions {
    /// Those of a process, as far as `/proc` shows them.
    pub fn of(pid: i32) -> Option<Dispositions> {
        let status = std::fs::read(format!("/proc/{pid}/status")).ok()?;
        let mut found = Dispositions::parse(&status)?;
        let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter();
        for thread in threads.flatten().flatten() {
            let status = std::fs::read(thread.path().join("status")).unwrap_or_default();
            // A thread that has ended since takes no signal.
            if let Some(thread) = Dispositions::parse(&status) {
                found.blocked.0 &= thread.blocked.0;
                found.pending.0 |= thread.pending.0;
            }
        }
        Some(found)
    }

    fn parse(status: &[u8]) -> Option<Dispositions> {
        let status = String::from_utf8_lossy(status);
        let set = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key))?;
            u64::from_str_radix(line.trim_start_matches(':').trim(), 16).ok()
        };
        Some(Dispositions {
            pending: Signals(set("SigPnd")? | set("ShdPnd")?),
            blocked: Signals(set("SigBlk")?),
            ignored: Signals(set("SigIgn")?),
            caught: Signals(set("SigCgt")?),
        })
    }

    /// What becomes of a signal, in a word: `blocked`, `ignored`, `handled`,
    /// or `default`. Nothing stands in the way of KILL and STOP.
    pub fn fate(&self, signal: Signal) -> &'static str {
        match () {
            () if signal == Signal::KILL || signal == Signal::STOP => "default",
            () if self.blocked.contains(signal) => "blocked",
            () if self.ignored.contains(signal) => "ignored",
            () if self.caught.contains(signal) => "handled",
            () => "default",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sets_are_read_by_their_names() {
        let status = b"Name:\tx\nSigPnd:\t0000000000000001\nShdPnd:\t0000000000000002\n\
            SigBlk:\t0000000000004000\nSigIgn:\t0000000000001000\nSigCgt:\t0000000000004002\n";
        let found = Dispositions::parse(status).unwrap();
        assert_eq!(found.pending, Signals(3));
        let fate = |name: &str| found.fate(name.parse().unwrap());
        assert_eq!(fate("TERM"), "blocked");
        assert_eq!(fate("PIPE"), "ignored");
        assert_eq!(fate("INT"), "handled");
        assert_eq!(fate("HUP"), "default");
        assert_eq!(fate("KILL"), "default");
        assert_eq!(Dispositions::parse(b"Name:\tx\n"), None);
    }

    #[test]
    fn a_child_that_ignores_a_signal_is_seen_to_ignore_it() {
        use std::io::{BufRead, BufReader};
        let script = "trap '' TERM; echo ready; exec cat";
        let mut child = std::process::Command::new("sh")
            .args(["-c", script])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        let found = Dispositions::of(child.id() as i32);
        drop(child.stdin.take());
        child.wait().unwrap();
        assert_eq!(found.unwrap().fate(Signal::TERM), "ignored");
    }
}
