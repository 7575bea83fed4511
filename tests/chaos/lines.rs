//! What the processes of a run tell their controller, a line each.

use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Write};
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;

use crate::agent::PATIENCE;

/// The lines of all processes of a run.
pub(crate) struct Lines {
    told: BufReader<PipeReader>,
}

impl Lines {
    pub(crate) fn new() -> (Lines, PipeWriter) {
        let (told, tell) = std::io::pipe().unwrap();
        let told = BufReader::new(told);
        (Lines { told }, tell)
    }

    /// The next line; nothing when all have ended that could tell.
    pub(crate) fn next(&mut self) -> Option<String> {
        if self.told.buffer().is_empty() {
            let mut entry = [PollFd::new(self.told.get_ref().as_fd(), PollFlags::POLLIN)];
            let patience = PollTimeout::try_from(PATIENCE).unwrap();
            assert_ne!(poll(&mut entry, patience), Ok(0), "nobody goes on any more");
        }
        let mut line = String::new();
        let read = self.told.read_line(&mut line).unwrap();
        (read > 0).then(|| line.trim_end().to_owned())
    }
}

/// Tells the controller, in one piece.
pub(crate) fn tell(line: &str) {
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// Starts this program as one of the processes, told by a variable what to do.
pub(crate) fn start(variable: &str, asked: &str, tell: &PipeWriter) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["agent", "--exact", "--nocapture", "--test-threads=1"])
        .env(variable, asked)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(tell.try_clone().unwrap())
        .spawn()
        .unwrap()
}

/// What this process was asked to do; it then ends with the run.
pub(crate) fn asked(variable: &str) -> Option<Vec<String>> {
    let asked = std::env::var(variable).ok()?;
    set_pdeathsig(Signal::SIGKILL).unwrap();
    Some(asked.split(';').map(str::to_owned).collect())
}

/// Killed and reaped.
pub(crate) fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}
