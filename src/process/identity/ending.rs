//! How a process ended that need not be our child.

use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::Process;
use super::stat::{self, Row};
use crate::sys::pidfd;
use crate::sys::wait::Ending;

/// What is known of the end of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It has not ended.
    Alive,
    /// It has ended, and how is known.
    Ended(Ending),
    /// It has ended, nobody has reaped it yet, and how it ended is hidden.
    Hidden,
    /// It has ended and been reaped, and the kernel does not tell how.
    Unknown,
}

impl Process {
    /// How it ended, whoever its parent is.
    ///
    /// The kernel tells it from the reap on (Linux 6.15); before that it stands
    /// in `/proc` for those who may look into the process.
    pub fn fate(&self) -> Fate {
        let mut entry = [PollFd::new(self.as_fd(), PollFlags::POLLIN)];
        if poll(&mut entry, PollTimeout::ZERO).unwrap_or(0) == 0 {
            return Fate::Alive;
        }
        let known = |status: i32| Fate::Ended(Ending::of_status(status));
        if let Some(status) = pidfd::status(self.as_fd()) {
            return known(status);
        }
        let reaped = entry[0]
            .revents()
            .is_some_and(|events| events.contains(PollFlags::POLLHUP));
        if reaped {
            return Fate::Unknown;
        }
        match self.corpse() {
            Some(status) => known(status),
            None if self
                .may_signal()
                .is_err_and(|error| error.errno() == Some(Errno::ESRCH)) =>
            {
                // Reaped between the two looks.
                pidfd::status(self.as_fd()).map_or(Fate::Unknown, known)
            }
            None => Fate::Hidden,
        }
    }

    /// The status of a zombie, proc_pid_stat(5), where it is not hidden: there
    /// it reads as 0, which is a status too.
    fn corpse(&self) -> Option<i32> {
        let line = std::fs::read(format!("/proc/{}/stat", self.pid)).ok()?;
        let row = Row::parse(&line, stat::ticks_per_second()?)?;
        let is_it = row.is_zombie() && Some(row.start) == self.start;
        // A zombie has no working directory; only who may look is told so.
        let folder = std::fs::read_link(format!("/proc/{}/cwd", self.pid));
        let may_look =
            folder.is_err_and(|refusal| refusal.raw_os_error() == Some(Errno::ENOENT as i32));
        (is_it && may_look).then_some(row.exit_code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_child_is_seen_before_and_after_the_reap() {
        let mut child = std::process::Command::new("sh")
            .args(["-c", "read word; exit 9"])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let process = Process::open(child.id() as i32).unwrap();
        assert_eq!(process.fate(), Fate::Alive);
        drop(child.stdin.take());
        let mut entry = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
        assert_eq!(poll(&mut entry, PollTimeout::from(30_000u16)), Ok(1));
        assert_eq!(process.fate(), Fate::Ended(Ending::Code(9)));
        child.wait().unwrap();
        let after = process.fate();
        let told = [Fate::Ended(Ending::Code(9)), Fate::Unknown];
        assert!(told.contains(&after), "{after:?}");
    }
}
