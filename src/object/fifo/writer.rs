//! The end that puts bytes in.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, SpliceFFlags, fcntl, splice};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll, ppoll};
use nix::sys::stat::{SFlag, fstat};
use nix::unistd::{read, write};

use super::{ATOMIC, BULK, Fifo};
use crate::buffer::Buffer;
use crate::deadline::{Deadline, monotonic_now};
use crate::error::{Error, ErrorKind, Result};
use crate::size::counted;
use crate::sys::alarm::Alarm;
use crate::sys::pipe;
use crate::wait::{RECHECK, Wait};

/// Bytes that are read at a time.
const CHUNK: usize = 256 << 10;

/// Where bytes come from, as they come.
#[derive(Debug)]
pub struct Source {
    input: OwnedFd,
    kind: SFlag,
}

impl Source {
    /// Reads from a descriptor.
    pub fn new(input: OwnedFd) -> Source {
        let mode = fstat(&input).map_or(0, |found| found.st_mode);
        let kind = SFlag::from_bits_truncate(mode) & SFlag::S_IFMT;
        Source { input, kind }
    }

    /// Whether a pipe gives no more: it is empty and its last writer is gone.
    fn has_ended(&self) -> bool {
        let mut watched = [PollFd::new(self.input.as_fd(), PollFlags::POLLIN)];
        let _ = poll(&mut watched, PollTimeout::ZERO);
        watched[0].revents() == Some(PollFlags::POLLHUP)
    }
}

/// The open writing end of a FIFO.
///
/// Dropping it closes the end: where it was the last, readers see the end
/// after what is in the FIFO, as they do when this process is killed.
#[derive(Debug)]
pub struct Writer {
    end: OwnedFd,
    sent: u64,
}

impl Writer {
    /// Opens the writing end, waiting for a reader, until `patience` if that
    /// comes before the deadline of the wait.
    ///
    /// # Errors
    /// [`ErrorKind::WouldBlock`], [`ErrorKind::TimedOut`] for want of a reader,
    /// [`ErrorKind::Denied`], [`ErrorKind::Broken`] when the FIFO was removed.
    pub fn open(fifo: &Fifo, patience: Option<Duration>, wait: &mut Wait) -> Result<Writer> {
        let end = match fifo.end(OFlag::O_WRONLY | OFlag::O_NONBLOCK) {
            Err(Errno::ENXIO) => meet(fifo, patience, wait)?,
            result => result.map_err(|errno| fifo.refused(errno))?,
        };
        Ok(Writer { end, sent: 0 })
    }

    /// Bytes that were written so far.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Writes bytes, waiting for room. Up to [`ATOMIC`] of them stay whole,
    /// however many write at the same time.
    ///
    /// # Errors
    /// [`ErrorKind::Broken`] when no reader is left, [`ErrorKind::WouldBlock`],
    /// [`ErrorKind::TimedOut`].
    pub fn send(&mut self, mut bytes: &[u8], wait: &mut Wait) -> Result<()> {
        while !bytes.is_empty() {
            match write(&self.end, bytes) {
                Ok(count) => {
                    self.sent += count as u64;
                    bytes = &bytes[count..];
                }
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => self.wait_for_room(wait)?,
                Err(errno) => return Err(self.refused(errno)),
            }
        }
        Ok(())
    }

    /// Writes all that a source gives until its end. A reader that leaves
    /// matters when there is more to write, or when it left something unread.
    ///
    /// What comes out of another pipe is moved without a copy. What lies in a
    /// file is copied: pages that are handed over would be those of the file,
    /// and change or go with it while they wait for the reader.
    ///
    /// # Errors
    /// As [`Writer::send`], and when the source cannot be read.
    pub fn send_all(&mut self, source: &Source, wait: &mut Wait) -> Result<()> {
        if source.kind == SFlag::S_IFIFO {
            return self.splice_all(source, wait);
        }
        let mut chunk = Buffer::new(CHUNK);
        loop {
            match self.read_some(source, &mut chunk, wait)? {
                0 => return self.require_read(),
                length => self.send(&chunk[..length], wait)?,
            }
        }
    }

    fn splice_all(&mut self, source: &Source, wait: &mut Wait) -> Result<()> {
        let flags = SpliceFFlags::SPLICE_F_MOVE | SpliceFFlags::SPLICE_F_NONBLOCK;
        let most = usize::try_from(BULK).unwrap_or(CHUNK);
        let mut has_input = false;
        loop {
            match splice(&source.input, None, &self.end, None, most, flags) {
                Ok(0) => return self.require_read(),
                Ok(count) => {
                    self.sent += count as u64;
                    has_input = false;
                }
                Err(Errno::EINTR) => {}
                // It looks for a reader and for room first, with nothing to send too.
                Err(Errno::EPIPE) if source.has_ended() => return self.require_read(),
                Err(Errno::EAGAIN) if has_input && source.has_ended() => {
                    return self.require_read();
                }
                // One of both is not ready, and the call does not say which.
                Err(Errno::EAGAIN) if has_input => {
                    self.wait_for_room(wait)?;
                    has_input = false;
                }
                Err(Errno::EAGAIN) => {
                    self.wait_for_input(source, wait)?;
                    has_input = true;
                }
                Err(errno) => return Err(self.refused(errno)),
            }
        }
    }

    /// Writes each record of a source with its separator, whole up to
    /// [`ATOMIC`] bytes; says how many there were. A last one without its
    /// separator gets one.
    ///
    /// # Errors
    /// As [`Writer::send_all`].
    pub fn send_records(&mut self, source: &Source, separator: u8, wait: &mut Wait) -> Result<u64> {
        let mut records = 0;
        let mut chunk = Buffer::new(CHUNK);
        let mut rest: Vec<u8> = Vec::new();
        let mut is_open = false;
        loop {
            let length = self.read_some(source, &mut chunk, wait)?;
            if length == 0 {
                break;
            }
            let came = &chunk[..length];
            let Some(end) = memchr::memrchr(separator, came).map(|at| at + 1) else {
                rest.extend_from_slice(came);
                if rest.len() >= ATOMIC {
                    // It cannot stay whole, so it need not be kept either.
                    self.send(&rest, wait)?;
                    rest.clear();
                    is_open = true;
                }
                continue;
            };
            is_open = false;
            records += memchr::memchr_iter(separator, &came[..end]).count() as u64;
            rest.extend_from_slice(&came[..end]);
            for whole in groups(&rest, separator) {
                self.send(whole, wait)?;
            }
            rest.clear();
            rest.extend_from_slice(&came[end..]);
        }
        if is_open || !rest.is_empty() {
            rest.push(separator);
            records += 1;
            self.send(&rest, wait)?;
        }
        self.require_read().map(|()| records)
    }

    /// At the end of the input: a last reader that is gone has read everything.
    fn require_read(&self) -> Result<()> {
        let mut watched = [PollFd::new(self.end.as_fd(), PollFlags::empty())];
        let _ = poll(&mut watched, PollTimeout::ZERO);
        if !has_failed(&watched[0]) {
            return Ok(());
        }
        match pipe::waiting(&self.end) {
            Ok(0) | Err(_) => Ok(()),
            Ok(left) => {
                let error = self.refused(Errno::EPIPE);
                let left = counted(left, "byte");
                let why = format!("the last reader is gone and left {left} unread");
                Err(error.saying(self.so_far(&why)))
            }
        }
    }

    fn read_some(&self, source: &Source, buffer: &mut [u8], wait: &mut Wait) -> Result<usize> {
        loop {
            // A file has what it has.
            if source.kind != SFlag::S_IFREG {
                self.wait_for_input(source, wait)?;
            }
            match read(&source.input, buffer) {
                Err(Errno::EINTR | Errno::EAGAIN) => {}
                result => return result.map_err(|errno| Error::os(errno).about("input")),
            }
        }
    }

    /// Sleeps until the source has something or has ended. The reader may leave
    /// meanwhile: one that has taken everything is right to, and another may come.
    fn wait_for_input(&self, source: &Source, wait: &mut Wait) -> Result<()> {
        let mut watched = [PollFd::new(source.input.as_fd(), PollFlags::POLLIN)];
        // Not to wait is about the reader: an input comes as it comes.
        let deadline = match wait.deadline() {
            Deadline::Now => Deadline::Never,
            deadline => deadline,
        };
        wait.with_deadline(deadline, |wait| {
            self.sleep(&mut watched, wait, "timed out: the input gives nothing")
        })
    }

    fn wait_for_room(&self, wait: &mut Wait) -> Result<()> {
        let mut watched = [PollFd::new(self.end.as_fd(), PollFlags::POLLOUT)];
        self.sleep(&mut watched, wait, "timed out: the reader does not read")?;
        match has_failed(&watched[0]) {
            true => Err(self.refused(Errno::EPIPE)),
            false => Ok(()),
        }
    }

    fn sleep(&self, watched: &mut [PollFd<'_>], wait: &mut Wait, why: &str) -> Result<()> {
        loop {
            // What is ready counts, also when there is no time left to wait.
            let (until, over) = match wait.next(None) {
                Ok(until) => (until, None),
                Err(error) => (Some(Duration::ZERO), Some(error)),
            };
            let left = until.map(|moment| moment.saturating_sub(monotonic_now()));
            match ppoll(watched, left.map(Into::into), wait.mask()) {
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) => return Ok(()),
                Err(errno) => return Err(Error::os(errno)),
            }
            if let Some(error) = over {
                return Err(match error.kind() {
                    ErrorKind::TimedOut => error.saying(self.so_far(why)),
                    _ => error,
                });
            }
        }
    }

    fn refused(&self, errno: Errno) -> Error {
        let error = Error::os(errno);
        match errno {
            Errno::EPIPE => error
                .meaning(ErrorKind::Broken)
                .saying(self.so_far("the last reader is gone")),
            _ => error,
        }
    }

    fn so_far(&self, why: &str) -> String {
        format!("{why}; {} bytes are sent", self.sent)
    }
}

/// For its capacity.
impl AsFd for Writer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.end.as_fd()
    }
}

fn has_failed(watched: &PollFd<'_>) -> bool {
    let events = watched.revents().unwrap_or(PollFlags::empty());
    events.contains(PollFlags::POLLERR)
}

/// Opens as a blocking open does.
///
/// Nothing else meets a reader that is itself asleep in open(2): the kernel
/// counts it, but tells of it neither by inotify nor otherwise.
fn meet(fifo: &Fifo, patience: Option<Duration>, wait: &mut Wait) -> Result<OwnedFd> {
    let mut alarm: Option<Alarm> = None;
    loop {
        fifo.require_name()?;
        let until = wait
            .next(Some(RECHECK))
            .map_err(|error| match error.kind() {
                ErrorKind::TimedOut => error.saying("timed out: no reader"),
                _ => error,
            })?;
        if patience.is_some_and(|moment| moment <= monotonic_now()) {
            return Err(Error::new(ErrorKind::TimedOut, "timed out: no reader"));
        }
        let alarm = match &mut alarm {
            Some(alarm) => alarm,
            none => none.insert(Alarm::new().map_err(Error::os)?),
        };
        alarm
            .set(until.into_iter().chain(patience).min())
            .map_err(Error::os)?;
        match fifo.end(OFlag::O_WRONLY) {
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(fifo.refused(errno)),
            Ok(end) => {
                fcntl(&end, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(Error::os)?;
                return Ok(end);
            }
        }
    }
}

/// Parts of whole records of at most [`ATOMIC`] bytes; longer ones are alone.
fn groups(mut records: &[u8], separator: u8) -> Vec<&[u8]> {
    let mut parts = Vec::with_capacity(records.len() / ATOMIC + 1);
    while !records.is_empty() {
        let within = &records[..records.len().min(ATOMIC)];
        let end = memchr::memrchr(separator, within)
            .or_else(|| memchr::memchr(separator, records))
            .map_or(records.len(), |at| at + 1);
        let (part, rest) = records.split_at(end);
        parts.push(part);
        records = rest;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_go_together_as_far_as_they_stay_whole() {
        let line = [vec![b'x'; 1999], vec![b'\n']].concat();
        let long = [vec![b'y'; 9000], vec![b'\n']].concat();
        let all = [&line[..], &line, &line, &long, &line].concat();
        let lengths: Vec<usize> = groups(&all, b'\n').iter().map(|part| part.len()).collect();
        assert_eq!(lengths, [4000, 2000, 9001, 2000]);
        assert_eq!(groups(b"", 0), Vec::<&[u8]>::new());
    }
}
