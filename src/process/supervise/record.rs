//! What is written down of a named process: one file, a line for each thing
//! that happened.
//!
//! The file gets its name with the first line in it, and only once. Whoever adds
//! a line holds a lock on the file, and takes back what does not fit. A last line
//! without an end is one that somebody was killed over: it is passed over.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, FcntlArg, Flock, FlockArg, OFlag, fallocate, fcntl};
use nix::sys::resource::{Resource, getrlimit};
use serde::{Deserialize, Serialize};

use super::Restart;
use crate::backing::{self, Access};
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escaped;
use crate::facts::{Facts, wall_clock};
use crate::name::Name;
use crate::process::identity::{Process, ticks_of};
use crate::runtime;
use crate::sys::signal::ignore_size_limit;
use crate::sys::wait::Ending;

/// Room that is kept for what will have to be written of one run: that it runs,
/// some stops, and its end.
const ROOM: u16 = 1024;

/// A process as it is written down, for those who come later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RecordedProcess {
    pub(super) pid: i32,
    /// Field 22 of proc_pid_stat(5).
    pub(super) start: Option<u64>,
    /// See [`Process::unique`].
    pub(super) unique: Option<u64>,
}

impl RecordedProcess {
    pub(super) fn of(process: &Process) -> RecordedProcess {
        RecordedProcess {
            pid: process.pid(),
            start: process.start().and_then(ticks_of),
            unique: process.unique(),
        }
    }

    /// The process itself, if it has not ended.
    pub(super) fn open(&self) -> Result<Option<Process>> {
        let process = match Process::open(self.pid) {
            Err(error) if error.kind() == ErrorKind::Missing => return Ok(None),
            opened => opened?,
        };
        let found = RecordedProcess::of(&process);
        let is_it = match (self.unique, found.unique) {
            (Some(own), Some(other)) => own == other,
            _ => self.start == found.start,
        };
        Ok(Some(process).filter(|process| is_it && !process.is_dead()))
    }
}

/// The first line: what was started, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Started {
    pub(super) at: f64,
    pub(super) supervisor: RecordedProcess,
    /// The pid namespace in which the numbers mean something.
    pub(super) namespace: u64,
    pub(super) command: Vec<String>,
    /// The same where a word is not UTF-8.
    pub(super) command_bytes: Option<Vec<Vec<u8>>>,
    pub(super) folder: String,
    /// The same where it is not UTF-8.
    pub(super) folder_bytes: Option<Vec<u8>>,
    pub(super) log: String,
    /// The same where it is not UTF-8.
    pub(super) log_bytes: Option<Vec<u8>>,
    /// Whether the log is ours and goes away with the record.
    pub(super) owns_log: bool,
    pub(super) die_with: Option<i32>,
    pub(super) restart: Restart,
    pub(super) max_restarts: Option<u32>,
    pub(super) stop_after: f64,
    pub(super) kill_leftovers: bool,
}

/// Somebody or something wants it to end.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Stop {
    pub(super) at: f64,
    pub(super) signal: i32,
    pub(super) after: f64,
    /// The process that asked, or the one that it was to die with.
    pub(super) by: Option<i32>,
}

/// How one run of the command ended.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Ended {
    pub(super) at: f64,
    pub(super) code: Option<i32>,
    pub(super) signal: Option<i32>,
    /// Seconds to the next run, when there is to be one.
    pub(super) restart_in: Option<f64>,
    /// The process that saw it, when the supervisor could not write it down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) seen_by: Option<i32>,
}

impl Ended {
    pub(super) fn now(ending: Ending, restart_in: Option<Duration>) -> Ended {
        Ended {
            at: wall_clock(),
            code: ending.code(),
            signal: ending.signal(),
            restart_in: restart_in.map(|span| span.as_secs_f64()),
            seen_by: None,
        }
    }

    pub(super) fn ending(&self) -> Ending {
        match self.signal {
            Some(signal) => Ending::Signal(signal),
            None => Ending::Code(self.code.unwrap_or_default()),
        }
    }
}

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Line {
    Started(Started),
    Running { at: f64, process: RecordedProcess },
    Stop(Stop),
    Ended(Ended),
    Gone { at: f64 },
}

/// The file of one named process, open.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) file: File,
    pub(super) path: PathBuf,
}

impl Record {
    /// A new one without a name.
    pub(super) fn draft(name: &Name) -> Result<Record> {
        name.check_new()?;
        let path = path_of(&runtime::folder()?, name);
        let file = runtime::unnamed()?;
        Ok(Record { file, path })
    }

    /// Gives it its name.
    pub(super) fn publish(&self) -> Result<()> {
        backing::publish(&self.file, &self.path).map_err(|error| match error.kind() {
            ErrorKind::Exists => error
                .saying("a process of this name exists already")
                .hint("ipc proc status NAME shows it, --if-exists replace stops it"),
            _ => error,
        })
    }

    /// Opens that of a name.
    pub(super) fn open(name: &Name) -> Result<Record> {
        let folder = runtime::existing()?.ok_or_else(|| missing(name))?;
        let path = path_of(&folder, name);
        let file = backing::open(&path, Access::Write).map_err(|error| match error.kind() {
            ErrorKind::Missing => missing(name),
            _ => error.about(name),
        })?;
        fcntl(&file, FcntlArg::F_SETFL(OFlag::O_APPEND)).map_err(Error::os)?;
        Ok(Record { file, path })
    }

    /// Sees to it that there is room for what will have to be written of a run.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`] when the disk or RLIMIT_FSIZE leaves too little.
    pub(super) fn require_room(&self) -> Result<()> {
        let length = self.length()?;
        let (most, _) = getrlimit(Resource::RLIMIT_FSIZE).map_err(Error::os)?;
        if most < length.saturating_add(ROOM.into()) {
            return Err(self.unwritten(Errno::EFBIG));
        }
        let from = i64::try_from(length).unwrap_or(i64::MAX);
        let keep = FallocateFlags::FALLOC_FL_KEEP_SIZE;
        match fallocate(&self.file, keep, from, ROOM.into()) {
            Err(errno @ (Errno::ENOSPC | Errno::EDQUOT)) => Err(self.unwritten(errno)),
            // Not every file system can: then it is asked for when it is needed.
            _ => Ok(()),
        }
    }

    /// A refusal to write into it.
    pub(super) fn unwritten(&self, errno: Errno) -> Error {
        use std::os::unix::ffi::OsStrExt;
        let error = match errno {
            Errno::EFBIG => backing::unwritten(errno.into(), 0),
            Errno::ENOSPC => Error::os(errno).hint("df on its folder shows the room"),
            _ => Error::os(errno),
        };
        error.about(escaped(self.path.as_os_str().as_bytes()))
    }

    fn length(&self) -> Result<u64> {
        Ok(self.file.metadata().map_err(Error::os)?.len())
    }

    /// Keeps others from adding lines, and from removing the name.
    fn lock(&self) -> Result<Flock<File>> {
        let file = self.file.try_clone().map_err(Error::os)?;
        Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, errno)| Error::os(errno))
    }

    /// The same, unless somebody has it now. Never waits.
    pub(super) fn try_lock(&self) -> Option<Flock<File>> {
        let file = self.file.try_clone().ok()?;
        Flock::lock(file, FlockArg::LockExclusiveNonblock).ok()
    }

    /// Adds lines, at one moment, or nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`] when the disk is full or RLIMIT_FSIZE is reached.
    pub(super) fn append(&self, lines: &[Line]) -> Result<()> {
        let _locked = self.lock()?;
        self.append_locked(lines)
    }

    /// The same, under a lock that the caller has.
    pub(super) fn append_locked(&self, lines: &[Line]) -> Result<()> {
        let before = self.length()?;
        let mut bytes = Vec::new();
        if !self.has_whole_lines(before)? {
            // What comes next has to be a line of its own.
            bytes.push(b'\n');
        }
        for line in lines {
            serde_json::to_writer(&mut bytes, line)
                .map_err(|refusal| Error::new(ErrorKind::Limit, refusal.to_string()))?;
            bytes.push(b'\n');
        }
        ignore_size_limit();
        (&self.file).write_all(&bytes).map_err(|refusal| {
            if self.length().is_ok_and(|length| length > before) {
                // Half a line would take the room that another one may need.
                let _ = self.file.set_len(before);
            }
            self.unwritten(Error::os(refusal).errno().unwrap_or(Errno::EIO))
        })
    }

    /// Whether nobody was killed over the last line.
    fn has_whole_lines(&self, length: u64) -> Result<bool> {
        let Some(last) = length.checked_sub(1) else {
            return Ok(true);
        };
        let mut byte = [0];
        self.file
            .read_exact_at(&mut byte, last)
            .map_err(Error::os)?;
        Ok(byte == [b'\n'])
    }

    /// All lines, in order.
    pub(super) fn lines(&self) -> Result<Vec<Line>> {
        let mut bytes = vec![0; usize::try_from(self.length()?).unwrap_or(0)];
        // One that is taken back meanwhile makes it shorter.
        let count = self.file.read_at(&mut bytes, 0).map_err(Error::os)?;
        bytes.truncate(count);
        let lines = bytes.split_inclusive(|byte| *byte == b'\n');
        let whole = lines.filter_map(|line| line.strip_suffix(b"\n"));
        Ok(whole
            .filter_map(|line| serde_json::from_slice(line).ok())
            .collect())
    }

    /// Whether the name still stands for this file.
    pub(super) fn has_name(&self) -> bool {
        let own = self.file.metadata().map(|found| (found.dev(), found.ino()));
        let named = backing::look(&self.path).map(|found| (found.dev(), found.ino()));
        matches!((own, named), (Ok(own), Ok(named)) if own == named)
    }

    /// Takes the name away if it stands for this file and `may` agrees.
    ///
    /// Whoever removes holds a lock on the file meanwhile, so that what is
    /// removed is what was looked at. Says whether it was removed.
    pub(super) fn unlink(&self, may: impl FnOnce() -> Result<()>) -> Result<bool> {
        let _locked = self.lock()?;
        if !self.has_name() {
            return Ok(false);
        }
        may()?;
        let own_log = self.lines()?.into_iter().find_map(|line| match line {
            Line::Started(started) if started.owns_log => Some(log_path(&started)),
            _ => None,
        });
        if let Some(log) = own_log {
            // One that is not there is as good as removed.
            let _ = std::fs::remove_file(log);
        }
        backing::unlink(&self.path)?;
        Ok(true)
    }
}

fn path_of(folder: &Path, name: &Name) -> PathBuf {
    name.file_in(folder, "proc.")
}

/// Where the output goes when nothing else was said.
pub(super) fn own_log(name: &Name) -> Result<PathBuf> {
    Ok(name.file_in(&runtime::folder()?, "proc-log."))
}

/// Where the output goes.
pub(super) fn log_path(started: &Started) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    match &started.log_bytes {
        Some(bytes) => PathBuf::from(std::ffi::OsString::from_vec(bytes.clone())),
        None => PathBuf::from(&started.log),
    }
}

fn missing(name: &Name) -> Error {
    let error = Error::new(ErrorKind::Missing, "no such process").about(name);
    error.hint("ipc proc ls shows what there is")
}

/// Owner, mode and time of what lies where the record of a name would be.
///
/// # Errors
/// [`ErrorKind::Missing`], [`ErrorKind::Denied`].
pub(super) fn facts(name: &Name) -> Result<Facts> {
    let folder = runtime::existing()?.ok_or_else(|| missing(name))?;
    let found = std::fs::symlink_metadata(path_of(&folder, name));
    let found = found.map_err(|refusal| Error::os(refusal).about(name))?;
    Ok(Facts::from(&found))
}

/// The names of all records, sorted: bytes without the prefix.
///
/// # Errors
/// When the runtime folder cannot be read.
pub fn names() -> Result<Vec<Vec<u8>>> {
    use std::os::unix::ffi::OsStrExt;
    let Some(folder) = runtime::existing()? else {
        return Ok(Vec::new());
    };
    let about = |refusal| Error::os(refusal).about(folder.display());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(about)? {
        let name = entry.map_err(about)?.file_name();
        if let Some(name) = name.as_bytes().strip_prefix(b"proc.") {
            names.push(name.to_vec());
        }
    }
    names.sort_unstable();
    Ok(names)
}
