//! Which process it is: number, start time, descriptor. The only reader of
//! `/proc/PID`.
//!
//! A number alone says nothing: it is given to another process when its own
//! has gone. A process is dead when its descriptor says so, not when it is a
//! zombie by its letter, not when `kill 0` fails, and not when `/proc` has no
//! entry; a number from another pid namespace is never judged at all.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::fstat;
use nix::sys::statfs::{FsType, fstatfs};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{geteuid, getppid};

use crate::error::{Error, ErrorKind, Result};
use crate::process::signal::Signal;
use crate::sys::pidfd;

mod command;
mod condition;
mod descriptors;
mod dispositions;
mod ending;
mod files;
mod lineage;
mod stat;
mod table;

pub use command::CommandLine;
pub use condition::{Call, Confinement, calls_of_threads, cgroup_of, target_of, wait_function};
pub use descriptors::{Descriptor, has_open, open_files, transferred};
pub use dispositions::Dispositions;
pub use ending::Fate;
pub use files::{Files, Use, UsedFile, files_of, shares_files};
pub use lineage::{
    Lineage, ancestors, children, environment, is_launcher, is_shell_of_one_command, is_taken,
    last_number, lineage, prints_elsewhere,
};
pub use stat::{Row, State, start_from_ticks, ticks_of};
pub use table::Table;

/// The file system of process descriptors whose inodes are never reused.
const PIDFS_MAGIC: FsType = FsType(0x5049_4446);

const MORE_FILES: &str = "ulimit -n shows how many files a process may open";

/// One process, held by its descriptor: the number cannot change hands.
#[derive(Debug)]
pub struct Process {
    pid: i32,
    start: Option<Duration>,
    descriptor: OwnedFd,
}

impl Process {
    /// Opens a process of this pid namespace by number.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`] when there is none, or only a thread has the number;
    /// [`ErrorKind::Limit`] without two descriptors to spare.
    pub fn open(pid: i32) -> Result<Process> {
        Process::with_row(pid).map(|(process, _)| process)
    }

    /// Opens a process, and tells what it was right after that; nothing where
    /// `/proc` hides it, or it has gone.
    ///
    /// # Errors
    /// As [`Process::open`].
    pub fn with_row(pid: i32) -> Result<(Process, Option<Row>)> {
        let descriptor = pidfd::open(pid).map_err(|errno| {
            let error = Error::os(errno).about(format!("process {pid}"));
            match errno {
                Errno::ESRCH => error.saying("no such process"),
                Errno::ENOENT | Errno::EINVAL => error
                    .meaning(ErrorKind::Missing)
                    .saying("is a thread, not a process"),
                Errno::EMFILE => error.hint(MORE_FILES),
                _ => error,
            }
        })?;
        // Read after the descriptor is held. If the process has gone meanwhile
        // the number may be another's: the descriptor then says dead.
        let row = Row::read(pid)
            .map_err(|error| error.about(format!("process {pid}")).hint(MORE_FILES))?;
        let process = Process {
            pid,
            start: row.as_ref().map(|row| row.start),
            descriptor,
        };
        Ok((process, row))
    }

    /// The parent of this process: the shell, as a rule.
    ///
    /// # Errors
    /// As [`Process::open`]; [`ErrorKind::Usage`] when it lies in another pid namespace.
    pub fn parent() -> Result<Process> {
        match getppid().as_raw() {
            0 => Err(Error::new(
                ErrorKind::Usage,
                "the parent process lies in another pid namespace and cannot be the owner",
            )
            .hint("--owner PID names another one")),
            pid => Process::open(pid),
        }
    }

    /// Its number in this pid namespace.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// When it started, since boot, rounded down to the kernel's ticks; unknown
    /// where `/proc` hides it.
    pub fn start(&self) -> Option<Duration> {
        self.start
    }

    /// Whether it has ended, be it reaped or not.
    pub fn is_dead(&self) -> bool {
        let mut entry = [PollFd::new(self.descriptor.as_fd(), PollFlags::POLLIN)];
        poll(&mut entry, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
    }

    /// Checks that it is the process that started then, and not another one
    /// that was given its number since.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`] when it is another one, or its start is hidden.
    pub fn verify_start(&self, start: Duration) -> Result<()> {
        let message = match self.start {
            Some(own) if own == start => return Ok(()),
            // Read after the descriptor was there: it may be another's by now.
            Some(_) => "the number belongs to another process by now",
            None if self.is_dead() => "no such process",
            None => "its start time is hidden, so it cannot be told from another process",
        };
        let error = Error::new(ErrorKind::Missing, message);
        Err(error.about(format!("process {}", self.pid)))
    }

    /// Sends a signal to exactly this process, pidfd_send_signal(2). A zombie
    /// takes any signal and does nothing about it.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`] when it has been reaped, [`ErrorKind::Denied`].
    pub fn send(&self, signal: Signal) -> Result<()> {
        let sent = pidfd::signal(self.as_fd(), signal.number());
        sent.map_err(|errno| self.refusal(errno))
    }

    /// Sends a signal with a value, as sigqueue(3) does. A real-time signal
    /// comes in order and as often as it is sent.
    ///
    /// # Errors
    /// As [`Process::send`], and [`ErrorKind::Limit`] when the receiver's user
    /// has as many signals queued as its RLIMIT_SIGPENDING allows.
    pub fn queue(&self, signal: Signal, value: i32) -> Result<()> {
        let sent = pidfd::queue(self.as_fd(), signal.number(), value);
        sent.map_err(|errno| self.refusal(errno))
    }

    /// Asks whether this process may be sent signals, and sends none.
    ///
    /// # Errors
    /// As [`Process::send`].
    pub fn may_signal(&self) -> Result<()> {
        pidfd::signal(self.as_fd(), 0).map_err(|errno| self.refusal(errno))
    }

    fn refusal(&self, errno: Errno) -> Error {
        let error = Error::os(errno).about(format!("process {}", self.pid));
        match errno {
            Errno::ESRCH => error.saying("no such process"),
            Errno::EPERM => error.saying("not permitted: it belongs to another user"),
            Errno::EAGAIN => error
                .saying(
                    "the signals queued for its user are as many as its RLIMIT_SIGPENDING allows",
                )
                .hint("ulimit -i shows the limit; /proc/PID/status has SigQ, queued and limit"),
            _ => error,
        }
    }

    /// A copy of one of its descriptors: the same open file, so that looking at
    /// it changes nothing for anybody.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`] without the right to trace it.
    pub fn copy_of(&self, number: i32) -> Result<OwnedFd> {
        pidfd::copy_of(self.as_fd(), number).map_err(Error::os)
    }

    /// A number that no other process gets until the next boot, from Linux 6.9 on.
    pub fn unique(&self) -> Option<u64> {
        let of_pidfs =
            fstatfs(&self.descriptor).is_ok_and(|fs| fs.filesystem_type() == PIDFS_MAGIC);
        let found = of_pidfs.then(|| fstat(&self.descriptor).ok())??;
        Some(found.st_ino)
    }
}

/// For polling: readable from the moment the process has ended.
impl AsFd for Process {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// In which pids and start times mean what they say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Namespaces {
    /// Inode of the pid namespace.
    pub pid: u64,
    /// Inode of the time namespace; 0 where the kernel has none.
    pub time: u64,
}

impl Namespaces {
    /// Those of this process.
    ///
    /// # Errors
    /// When `/proc` is not mounted.
    pub fn of_this_process() -> Result<Namespaces> {
        let time = std::fs::metadata("/proc/self/ns/time").map_or(0, |found| found.ino());
        Ok(Namespaces {
            pid: pid_namespace()?,
            time,
        })
    }
}

impl std::fmt::Display for Namespaces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "pid namespace {} with time namespace {}",
            self.pid, self.time
        )
    }
}

/// The pid namespace that numbers are read in, by its inode.
///
/// # Errors
/// When `/proc` is not mounted.
pub fn pid_namespace() -> Result<u64> {
    let path = "/proc/self/ns/pid";
    std::fs::metadata(path)
        .map(|found| found.ino())
        .map_err(|refusal| Error::os(refusal).about(path))
}

/// Reads CLOCK_BOOTTIME, on which the start times of processes are.
pub fn since_boot() -> Duration {
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from)
}

/// The user that a process acts as.
pub fn user_of(pid: i32) -> Option<u32> {
    let found = std::fs::metadata(format!("/proc/{pid}")).ok()?;
    Some(found.uid())
}

/// Whether a process runs as the user of this one.
pub fn is_own(pid: i32) -> bool {
    user_of(pid) == Some(geteuid().as_raw())
}

/// The processes of this pid namespace, as far as `/proc` shows them.
pub fn all() -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut pids: Vec<i32> = entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_unstable();
    pids
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_started_in_the_past() {
        let this = Process::open(std::process::id() as i32).unwrap();
        assert!(!this.is_dead());
        assert!(this.start().unwrap() <= since_boot());
    }

    #[test]
    fn a_zombie_is_dead_and_its_number_leads_nowhere_when_reaped() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let process = Process::open(child.id() as i32).unwrap();
        let mut ended = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
        poll(&mut ended, PollTimeout::NONE).unwrap();
        assert!(process.is_dead());
        child.wait().unwrap();
        assert!(process.is_dead());
        assert_eq!(
            Process::open(process.pid()).unwrap_err().kind(),
            ErrorKind::Missing
        );
    }
}
