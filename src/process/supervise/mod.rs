//! Named processes: started in one shell, joined from any other.
//!
//! A small supervisor stands behind each. It is the parent of the command, so
//! that it learns how it ends, and the heir of whatever the command leaves. The
//! two are tied both ways: when the supervisor is killed, the kernel kills the
//! command with it. What happens is written into a record in the runtime
//! folder, from which everybody else knows.

use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{pipe2, read, write};
use serde::{Deserialize, Serialize};

use self::birth::Report;
use self::record::{Line, Record, RecordedProcess, Started};
use self::supervisor::World;
use super::blocked::Blocked;
use super::identity::{Process, pid_namespace};
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escaped;
use crate::exit::Exit;
use crate::facts::{text_and_bytes, wall_clock};
use crate::name::Name;
use crate::sys::fork;
use crate::sys::wait::{Which, reap_waiting};

mod account;
mod birth;
mod info;
mod leftovers;
mod log;
mod named;
mod observer;
mod record;
mod supervisor;

pub use account::State;
pub use info::ProcessInfo;
pub use log::{Following, Log};
pub use named::{Named, Stopped, running, take_back};
pub use observer::{Observer, Seen};
pub use record::names;

/// Whether a command that failed is run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// Never.
    Never,
    /// When its code was not 0, or a signal ended it.
    OnFailure,
}

/// A process to start under a name.
#[derive(Debug)]
pub struct Plan<'a> {
    /// Its name.
    pub name: &'a Name,
    /// The name as its command is told.
    pub shown: &'a [u8],
    /// The command and its arguments.
    pub command: &'a [OsString],
    /// The process with which it ends.
    pub die_with: Option<Process>,
    /// Where its output goes; nothing means a file beside the record.
    pub log: Option<PathBuf>,
    /// Whether it is run again when it fails.
    pub restart: Restart,
    /// How often at most.
    pub max_restarts: Option<u32>,
    /// How long it has between being asked to end and being killed.
    pub stop_after: Duration,
    /// Whether what it leaves is killed when it ends.
    pub kill_leftovers: bool,
}

/// What became of a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It runs.
    Running {
        /// The process of the command.
        pid: i32,
        /// The process that looks after it.
        supervisor: i32,
    },
    /// The command is missing or cannot be executed; nothing is left.
    Refused(Exit),
}

impl Plan<'_> {
    /// Starts it and returns when the command runs; it goes on when this
    /// process ends. Should this process end before that, however it ends,
    /// nothing is left. The signals that were `blocked` reach the command as
    /// they were before. Only for processes of one thread.
    ///
    /// # Errors
    /// [`ErrorKind::Exists`]; when the log or the record cannot be written;
    /// [`ErrorKind::Interrupted`]. Nothing is left then.
    pub fn start(&self, blocked: &Blocked) -> Result<Outcome> {
        let record = Record::draft(self.name)?;
        let log = match &self.log {
            Some(path) => std::path::absolute(path).map_err(Error::os)?,
            None => record::own_log(self.name)?,
        };
        let (word, go) = pipe2(OFlag::O_CLOEXEC).map_err(Error::os)?;
        let (from, to) = pipe2(OFlag::O_CLOEXEC).map_err(Error::os)?;
        let world = World {
            plan: self,
            record: &record,
            log: &log,
            mask: blocked.former(),
            word: &word,
            reports: &to,
        };
        let pid = fork::child(|| birth::run(world)).map_err(Error::os)?;
        drop((word, to));
        let started = self
            .publish(&record, pid, &log)
            .and_then(|()| hear(&go, &from, blocked));
        let report = match started {
            Ok(Report::Running(command)) => {
                return Ok(Outcome::Running {
                    pid: command,
                    supervisor: pid,
                });
            }
            other => other,
        };
        // It sees that nobody listens, and clears up.
        drop((go, from));
        let _ = reap_waiting(Which::Pid(pid));
        match report? {
            Report::Refused(exit) => Ok(Outcome::Refused(exit)),
            Report::NoLog(errno) => {
                Err(Error::os(errno).about(escaped(log.as_os_str().as_bytes())))
            }
            Report::NoStart(errno) => Err(Error::os(errno).about("fork")),
            Report::NoRecord(errno) => Err(record.unwritten(errno)),
            Report::Running(_) | Report::Nothing => Err(Error::new(
                ErrorKind::Limit,
                "its supervisor was killed at the start",
            )),
        }
    }

    /// Writes the first line and gives the record its name.
    fn publish(&self, record: &Record, supervisor: i32, log: &std::path::Path) -> Result<()> {
        let supervisor = Process::open(supervisor)?;
        let (log, log_bytes) = text_and_bytes(log.as_os_str().as_bytes());
        let folder = std::env::current_dir().unwrap_or_default();
        let (folder, folder_bytes) = text_and_bytes(folder.as_os_str().as_bytes());
        let started = Started {
            at: wall_clock(),
            supervisor: RecordedProcess::of(&supervisor),
            namespace: pid_namespace()?,
            command: self
                .command
                .iter()
                .map(|word| text_and_bytes(word.as_bytes()).0)
                .collect(),
            command_bytes: self.words_if_not_text(),
            folder,
            folder_bytes: folder_bytes.map(<[u8]>::to_vec),
            log,
            log_bytes: log_bytes.map(<[u8]>::to_vec),
            owns_log: self.log.is_none(),
            die_with: self.die_with.as_ref().map(Process::pid),
            restart: self.restart,
            max_restarts: self.max_restarts,
            stop_after: self.stop_after.as_secs_f64(),
            kill_leftovers: self.kill_leftovers,
        };
        record.append(&[Line::Started(started)])?;
        record.require_room()?;
        record.publish().map_err(|error| error.about(self.name))
    }

    /// All words of the command, when one of them is not UTF-8.
    fn words_if_not_text(&self) -> Option<Vec<Vec<u8>>> {
        let is_text = self.command.iter().all(|word| word.to_str().is_some());
        let words = self.command.iter().map(|word| word.as_bytes().to_vec());
        (!is_text).then(|| words.collect())
    }
}

/// Gives the word to start, and waits for what comes of it.
fn hear(go: &OwnedFd, from: &OwnedFd, blocked: &Blocked) -> Result<Report> {
    write(go, &[1]).map_err(Error::os)?;
    let bell = blocked.bell()?;
    loop {
        blocked.check()?;
        let mut watched = [
            PollFd::new(from.as_fd(), PollFlags::POLLIN),
            PollFd::new(bell.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut watched, PollTimeout::NONE) {
            Ok(_) if watched[0].any() == Some(true) => break,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(Error::os(errno)),
        }
    }
    let mut bytes = [0; Report::SIZE];
    // Written in one piece; nothing comes from a supervisor that was killed.
    match read(from, &mut bytes).map_err(Error::os)? {
        Report::SIZE => Ok(Report::decode(bytes)),
        _ => Ok(Report::Nothing),
    }
}
