//! How the process comes to be that stands behind a named one. What is written
//! here runs in a copy of `ipc proc start`.

use std::fs::{File, OpenOptions};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};

use nix::errno::Errno;
use nix::libc;
use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout, read, setsid, write};

use super::supervisor::{Supervisor, World};
use crate::error::Error;
use crate::exit::Exit;
use crate::process::spawn::Start;
use crate::sys::descriptors::close_others;

/// What became of the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Report {
    Running(i32),
    Refused(Exit),
    NoLog(Errno),
    NoStart(Errno),
    NoRecord(Errno),
    /// There is none.
    Nothing,
}

impl Report {
    pub(super) const SIZE: usize = 8;

    fn encode(self) -> [u8; Report::SIZE] {
        let (kind, number) = match self {
            Report::Running(pid) => (1, pid),
            Report::Refused(exit) => (2, i32::from(exit.code())),
            Report::NoLog(errno) => (3, errno as i32),
            Report::NoStart(errno) => (4, errno as i32),
            Report::NoRecord(errno) => (5, errno as i32),
            Report::Nothing => (0, 0),
        };
        (i64::from(kind) << 32 | i64::from(number)).to_ne_bytes()
    }

    pub(super) fn decode(bytes: [u8; Report::SIZE]) -> Report {
        let both = i64::from_ne_bytes(bytes);
        let number = both as i32;
        match both >> 32 {
            1 => Report::Running(number),
            2 if number == i32::from(Exit::CommandNotFound.code()) => {
                Report::Refused(Exit::CommandNotFound)
            }
            2 => Report::Refused(Exit::CannotExecute),
            3 => Report::NoLog(Errno::from_raw(number)),
            4 => Report::NoStart(Errno::from_raw(number)),
            5 => Report::NoRecord(Errno::from_raw(number)),
            _ => Report::Nothing,
        }
    }
}

/// The whole life of the supervisor.
pub(super) fn run(world: World<'_>) -> u8 {
    let Err(report) = begin(world) else {
        return Exit::Done.code();
    };
    // A name that nobody can use is worse than none.
    let _ = world.record.unlink(|| Ok(()));
    let _ = write(world.reports, &report.encode());
    Exit::Failed.code()
}

/// Starts the command and looks after it; comes back with an error only when
/// nothing was started, or nobody is there to know of it.
fn begin(world: World<'_>) -> Result<(), Report> {
    stand_alone(world).map_err(Report::NoStart)?;
    let mut byte = [0];
    if !matches!(read(world.word, &mut byte), Ok(1)) {
        return Err(Report::Nothing);
    }
    let log = open_log(world).map_err(Report::NoLog)?;
    let mut supervisor = Supervisor::new(world, log).map_err(no_start)?;
    let pid = match supervisor.launch().map_err(no_start)? {
        Start::Refused(exit) => return Err(Report::Refused(exit)),
        Start::Running(pid) => pid,
    };
    let told = supervisor.write_run(pid).map_err(no_record).and_then(|()| {
        // Who started it may be gone, and never learn that it runs.
        let told = write(world.reports, &Report::Running(pid).encode());
        told.map(drop).map_err(|_| Report::Nothing)
    });
    if told.is_err() {
        let _ = supervisor.reaper.end_all(|_, _| {});
        return told;
    }
    // A failure from here on ends the supervisor, and the kernel the command.
    let _ = supervisor.look_after();
    Ok(())
}

fn no_start(error: Error) -> Report {
    Report::NoStart(error.errno().unwrap_or(Errno::EIO))
}

fn no_record(error: Error) -> Report {
    Report::NoRecord(error.errno().unwrap_or(Errno::EIO))
}

/// Leaves the terminal, the pipes and the files of the caller.
fn stand_alone(world: World<'_>) -> nix::Result<()> {
    setsid()?;
    let mut keep = vec![
        world.record.file.as_fd(),
        world.word.as_fd(),
        world.reports.as_fd(),
    ];
    keep.extend(world.plan.die_with.as_ref().map(AsFd::as_fd));
    // Not before Linux 5.9: then they stay open, as they would without us.
    let _ = close_others(&keep);
    let null = OpenOptions::new().read(true).write(true).open("/dev/null");
    let null = null.map_err(|refusal| Error::os(refusal).errno().unwrap_or(Errno::EIO))?;
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    dup2_stderr(&null)
}

/// The log, to add to. Its own starts anew; a planted link is not followed.
fn open_log(world: World<'_>) -> nix::Result<File> {
    let errno = |refusal| Error::os(refusal).errno().unwrap_or(Errno::EIO);
    let owns_log = world.plan.log.is_none();
    let mut flags = libc::O_NOCTTY | libc::O_NONBLOCK;
    if owns_log {
        flags |= libc::O_NOFOLLOW;
        let _ = std::fs::remove_file(world.log);
    }
    let log = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(flags)
        .open(world.log)
        .map_err(errno)?;
    let kind = log.metadata().map_err(errno)?.file_type();
    if kind.is_file() || kind.is_char_device() {
        return Ok(log);
    }
    // A pipe whose reader is slow would stop the command.
    Err(Errno::EINVAL)
}
