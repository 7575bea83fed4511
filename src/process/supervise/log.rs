//! Reading what a named process has printed, and prints.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use super::named::Named;
use super::observer::{Observer, Seen};
use crate::deadline::monotonic_now;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escaped;
use crate::name::Name;
use crate::wait::{RECHECK, Wait};

/// Bytes that are read at once.
const BLOCK: usize = 64 << 10;

/// The log of one named process, from some place on.
#[derive(Debug)]
pub struct Log {
    file: File,
    position: u64,
}

impl Log {
    /// Opens it, at its beginning or at its last `lines` lines.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`]; [`ErrorKind::Limit`] when it is no regular file.
    pub fn open(name: &Name, lines: Option<u64>) -> Result<Log> {
        use std::os::unix::ffi::OsStrExt;
        let path = Named::open(name)?.log()?;
        let about = |error: Error| error.about(escaped(path.as_os_str().as_bytes()));
        let file = open_regular(&path).map_err(about)?;
        let position = match lines {
            None => 0,
            Some(lines) => start_of_last(&file, lines).map_err(about)?,
        };
        Ok(Log { file, position })
    }

    /// The next bytes; none at the end as it is now. One that was cut is read
    /// from its beginning.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&mut self) -> Result<Vec<u8>> {
        let length = self.file.metadata().map_err(Error::os)?.len();
        if length < self.position {
            self.position = 0;
        }
        let mut bytes = vec![0; BLOCK];
        let count = self.file.read_at(&mut bytes, self.position);
        bytes.truncate(count.map_err(Error::os)?);
        self.position += bytes.len() as u64;
        Ok(bytes)
    }
}

/// The log of a process that goes on.
#[derive(Debug)]
pub struct Following {
    log: Log,
    changes: Option<Inotify>,
    observer: Observer,
}

impl Following {
    /// Begins to follow a log.
    ///
    /// # Errors
    /// As [`Observer::of`].
    pub fn new(name: &Name, log: Log) -> Result<Following> {
        Ok(Following {
            changes: watch(&log.file),
            log,
            observer: Observer::of(name)?,
        })
    }

    /// The next bytes, as soon as there are any; nothing when the process has
    /// ended and all was read, or when the pipe `output` has no reader.
    ///
    /// # Errors
    /// When the log cannot be read, and what the wait says.
    pub fn next(&mut self, output: BorrowedFd<'_>, wait: &mut Wait) -> Result<Option<Vec<u8>>> {
        loop {
            if let Some(changes) = &self.changes {
                let _ = changes.read_events();
            }
            // Asked first: what comes before the end is read after it.
            let has_ended = match self.observer.look() {
                Err(error) if error.kind() == ErrorKind::Broken => true,
                seen => seen? != Seen::Going,
            };
            let bytes = self.log.read()?;
            if !bytes.is_empty() {
                return Ok(Some(bytes));
            }
            if has_ended || !self.sleep(output, wait)? {
                return Ok(None);
            }
        }
    }

    /// Sleeps until something happens; says whether the output has a reader.
    fn sleep(&self, output: BorrowedFd<'_>, wait: &mut Wait) -> Result<bool> {
        let by_clock = self.changes.is_none() || self.observer.needs_clock();
        let until = wait.next(by_clock.then_some(RECHECK))?;
        let left = until.map(|moment| moment.saturating_sub(monotonic_now()).into());
        let mut watched = vec![PollFd::new(output, PollFlags::empty())];
        let changes = self.changes.iter().map(AsFd::as_fd);
        let readable = changes.chain(self.observer.descriptors());
        watched.extend(readable.map(|one| PollFd::new(one, PollFlags::POLLIN)));
        match ppoll(&mut watched, left, wait.mask()) {
            Ok(_) => Ok(watched[0].any() != Some(true)),
            Err(Errno::EINTR) => Ok(true),
            Err(errno) => Err(Error::os(errno)),
        }
    }
}

fn open_regular(path: &Path) -> Result<File> {
    let file = File::open(path).map_err(Error::os)?;
    if file.metadata().map_err(Error::os)?.is_file() {
        return Ok(file);
    }
    Err(Error::new(
        ErrorKind::Limit,
        "is no regular file: what went there cannot be read back",
    ))
}

/// Where the last `lines` lines begin. An end without a line end is a line too.
fn start_of_last(file: &File, lines: u64) -> Result<u64> {
    let length = file.metadata().map_err(Error::os)?.len();
    if lines == 0 {
        return Ok(length);
    }
    let mut left = lines;
    let mut end = length;
    let mut block = vec![0; BLOCK];
    while end > 0 {
        let start = end.saturating_sub(BLOCK as u64);
        let part = &mut block[..usize::try_from(end - start).unwrap_or(0)];
        file.read_exact_at(part, start).map_err(Error::os)?;
        for (index, byte) in part.iter().enumerate().rev() {
            let next = start + index as u64 + 1;
            // The line end at the very end closes the last line.
            if *byte != b'\n' || next == length {
                continue;
            }
            left -= 1;
            if left == 0 {
                return Ok(next);
            }
        }
        end = start;
    }
    Ok(0)
}

fn watch(file: &File) -> Option<Inotify> {
    let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).ok()?;
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    inotify
        .add_watch(path.as_str(), AddWatchFlags::IN_MODIFY)
        .ok()?;
    Some(inotify)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn the_last_lines_are_found() {
        let mut file = tempfile::tempfile().unwrap();
        assert_eq!(start_of_last(&file, 3).unwrap(), 0);
        file.write_all(b"one\ntwo\nthree\n").unwrap();
        for (lines, start) in [(0, 14), (1, 8), (2, 4), (3, 0), (4, 0)] {
            assert_eq!(start_of_last(&file, lines).unwrap(), start, "{lines}");
        }
        file.write_all(b"rest").unwrap();
        assert_eq!(start_of_last(&file, 1).unwrap(), 14);
        assert_eq!(start_of_last(&file, 2).unwrap(), 8);
        file.write_all(&vec![b'x'; 2 * BLOCK]).unwrap();
        assert_eq!(start_of_last(&file, 1).unwrap(), 14);
    }
}
