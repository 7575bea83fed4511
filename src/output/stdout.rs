//! Standard output: buffered, checked, and fast for bulk bytes.

use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::sendfile::sendfile;
use nix::sys::signalfd::SignalFd;
use nix::sys::stat::{SFlag, fstat};
use nix::unistd::write;

use super::{Progress, stdout_descriptor};
use crate::buffer::Buffer;
use crate::error::{Error, ErrorKind, Result};
use crate::object::shm::Segment;
use crate::process::blocked::Blocked;
use crate::sys::startup;
use crate::sys::write::write_now;

/// Buffered bytes go out at this many.
const BUFFER: usize = 64 << 10;
/// What a pipe is asked to hold while bulk bytes go through it.
const PIPE: i32 = 1 << 20;
/// Bytes that are copied at a time, and up to which a copy is as fast as
/// handing pages over.
const CHUNK: usize = 256 << 10;
/// What fits at once into a pipe that is not full.
const PAGE: usize = 4096;

/// Standard output.
#[derive(Debug, Default)]
pub struct Stdout {
    buffer: Vec<u8>,
    fills_up: Option<bool>,
    bell: Option<SignalFd>,
}

impl Stdout {
    /// Adds bytes to the buffer.
    ///
    /// # Errors
    /// When a full buffer does not arrive.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER {
            self.flush()
        } else {
            Ok(())
        }
    }

    /// Hands everything to the kernel; what fails is dropped from the buffer.
    ///
    /// # Errors
    /// When it does not arrive.
    pub fn flush(&mut self) -> Result<()> {
        let buffer = std::mem::take(&mut self.buffer);
        self.deliver(&buffer).map_err(|(_, error)| error)
    }

    /// Hands bytes to the kernel past the (empty) buffer.
    ///
    /// # Errors
    /// How many bytes arrived, and why the rest did not.
    pub fn deliver(&self, bytes: &[u8]) -> std::result::Result<(), (usize, Error)> {
        if bytes.is_empty() {
            return Ok(());
        }
        require_open().map_err(|error| (0, error))?;
        let mut arrived = 0;
        while arrived < bytes.len() {
            match write(stdout_descriptor(), &bytes[arrived..]) {
                Ok(count) => arrived += count,
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => {
                    wait_for_room().map_err(|errno| (arrived, undelivered(errno)))?
                }
                Err(errno) => return Err((arrived, undelivered(errno))),
            }
        }
        Ok(())
    }

    /// Hands bytes to the kernel like `deliver`, but does not sit out a reader
    /// that does not read when a signal wants this process to end.
    ///
    /// # Errors
    /// How many bytes arrived, and why the rest did not:
    /// [`crate::error::ErrorKind::Interrupted`] for a signal.
    pub fn deliver_unless(
        &mut self,
        bytes: &[u8],
        blocked: &Blocked,
    ) -> std::result::Result<(), (usize, Error)> {
        if bytes.is_empty() || !*self.fills_up.get_or_insert_with(may_fill_up) {
            return self.deliver(bytes);
        }
        require_open().map_err(|error| (0, error))?;
        let mut arrived = 0;
        while arrived < bytes.len() {
            let rest = &bytes[arrived..];
            arrived += match write_now(stdout_descriptor(), rest) {
                Ok(count) => count,
                Err(Errno::EINTR) => 0,
                Err(Errno::EAGAIN | Errno::EOPNOTSUPP | Errno::ENOSYS) => {
                    write_a_page(rest, blocked, &mut self.bell).map_err(|error| (arrived, error))?
                }
                Err(errno) => return Err((arrived, undelivered(errno))),
            };
        }
        Ok(())
    }

    /// Refuses when output is known to have nowhere to go: closed from the
    /// start, a pipe or socket without a reader, a full device.
    ///
    /// Called before something is taken that only output can save.
    ///
    /// # Errors
    /// Why nothing would arrive.
    pub fn check(&self) -> Result<()> {
        require_open()?;
        let mut entry = [PollFd::new(stdout_descriptor(), PollFlags::empty())];
        poll(&mut entry, PollTimeout::ZERO).map_err(Error::os)?;
        if entry[0]
            .revents()
            .is_some_and(|events| events.intersects(PollFlags::POLLERR | PollFlags::POLLHUP))
        {
            return Err(undelivered(Errno::EPIPE));
        }
        write(stdout_descriptor(), &[])
            .map(drop)
            .map_err(undelivered)
    }

    /// Copies a part of a segment to standard output.
    ///
    /// Without `snapshot` a pipe is given the pages themselves where that is
    /// faster: a writer that changes them meanwhile changes what is read.
    ///
    /// # Errors
    /// When the bytes do not arrive.
    pub fn copy(
        &mut self,
        segment: &Segment,
        range: Range<u64>,
        snapshot: bool,
        progress: &mut Progress,
    ) -> Result<()> {
        self.flush()?;
        require_open()?;
        let mut at = range.start;
        if range.end - range.start > CHUNK as u64 && enlarge_pipe() && !snapshot {
            at = hand_over(segment, range.clone())?;
        }
        let largest = usize::try_from(range.end - at).map_or(CHUNK, |left| left.min(CHUNK));
        let mut chunk = Buffer::new(largest);
        while at < range.end {
            let wanted = usize::try_from(range.end - at).map_or(CHUNK, |left| left.min(CHUNK));
            let length = segment.read_at(&mut chunk[..wanted], at)?;
            self.deliver(&chunk[..length]).map_err(|(_, error)| error)?;
            at += length as u64;
            progress.advance(length as u64);
        }
        Ok(())
    }
}

/// Makes a pipe large, and says whether output is one.
fn enlarge_pipe() -> bool {
    let output: BorrowedFd<'_> = stdout_descriptor();
    // A smaller limit, or none to spare, leaves the pipe as it is.
    fcntl(output, FcntlArg::F_GETPIPE_SZ).is_ok() && {
        let _ = fcntl(output, FcntlArg::F_SETPIPE_SZ(PIPE));
        true
    }
}

/// Passes pages by sendfile(2) as far as it goes; says where it stopped.
fn hand_over(segment: &Segment, range: Range<u64>) -> Result<u64> {
    let mut at = i64::try_from(range.start).unwrap_or(i64::MAX);
    while (at as u64) < range.end {
        let left = usize::try_from(range.end - at as u64).unwrap_or(usize::MAX);
        match sendfile(stdout_descriptor(), segment, Some(&mut at), left) {
            // The end moved in, or this output does not take pages: the copy sees.
            Ok(0) | Err(Errno::EINVAL | Errno::ENOSYS) => break,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => wait_for_room().map_err(undelivered)?,
            Err(errno) => return Err(undelivered(errno)),
        }
    }
    Ok(at as u64)
}

/// Whether writing may have to wait for somebody: not for regular files.
fn may_fill_up() -> bool {
    fstat(stdout_descriptor())
        .is_ok_and(|found| found.st_mode & SFlag::S_IFMT.bits() != SFlag::S_IFREG.bits())
}

/// Waits for room or an ending signal, then writes what fits for sure.
fn write_a_page(bytes: &[u8], blocked: &Blocked, bell: &mut Option<SignalFd>) -> Result<usize> {
    if bell.is_none() {
        *bell = Some(blocked.bell()?);
    }
    let bell = bell
        .iter()
        .map(|bell| PollFd::new(bell.as_fd(), PollFlags::POLLIN));
    let mut watched = vec![PollFd::new(stdout_descriptor(), PollFlags::POLLOUT)];
    watched.extend(bell);
    match poll(&mut watched, PollTimeout::NONE) {
        Err(Errno::EINTR) => return Ok(0),
        result => result.map_err(undelivered)?,
    };
    blocked.check()?;
    // A pipe that has room has room for a page at least.
    match write(stdout_descriptor(), &bytes[..bytes.len().min(PAGE)]) {
        Err(Errno::EAGAIN | Errno::EINTR) => Ok(0),
        result => result.map_err(undelivered),
    }
}

fn wait_for_room() -> std::result::Result<(), Errno> {
    let mut entry = [PollFd::new(stdout_descriptor(), PollFlags::POLLOUT)];
    poll(&mut entry, PollTimeout::NONE).map(drop)
}

pub(super) fn require_open() -> Result<()> {
    if startup::was_closed(1) {
        Err(undelivered(Errno::EBADF))
    } else {
        Ok(())
    }
}

pub(super) fn undelivered(errno: Errno) -> Error {
    let error = Error::os(errno).about("standard output");
    if errno == Errno::EPIPE {
        return error.saying("its reader is gone");
    }
    let error = error.meaning(ErrorKind::OutputFailed);
    match errno {
        Errno::EBADF => error.saying("is closed"),
        Errno::ENOSPC => error.saying("no space left"),
        _ => error,
    }
}
