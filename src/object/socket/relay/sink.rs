//! From a connection to a descriptor.

use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::fcntl::{SpliceFFlags, splice};
use nix::sys::stat::{SFlag, fstat};
use nix::unistd::write;

use super::super::{Connection, Incoming, Type};
use super::{End, Framing, PIPE, Render, Stuck, end_of};
use crate::error::{Error, ErrorKind, Result};
use crate::sys::write::write_now;

/// What fits at once into a pipe or terminal that is not full.
const PAGE: usize = 4096;
/// Rendered bytes are written out at this many.
const BATCH: usize = 64 << 10;
/// Steps in a row, so that the other direction has its turn.
const TURNS: usize = 16;

/// From a connection to standard output, say.
pub(super) struct Sink<'a> {
    output: BorrowedFd<'a>,
    is_quick: bool,
    kind: Type,
    framing: Framing,
    render: Option<Render<'a>>,
    most: u64,
    count: u64,
    hands_over: bool,
    raw: Vec<u8>,
    pending: Vec<u8>,
    written: usize,
    ended: bool,
    is_cut_off: bool,
    is_abandoned: bool,
    stuck: Stuck,
}

impl std::fmt::Debug for Sink<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sink").field("count", &self.count).finish()
    }
}

impl<'a> Sink<'a> {
    pub(super) fn new(output: BorrowedFd<'a>, kind: Type, framing: Framing) -> Sink<'a> {
        let end = end_of(output);
        Sink {
            output,
            is_quick: end == End::File || is_device(output),
            kind,
            framing,
            render: None,
            most: u64::MAX,
            count: 0,
            hands_over: kind == Type::Stream && end == End::Pipe,
            raw: Vec::new(),
            pending: Vec::new(),
            written: 0,
            ended: false,
            is_cut_off: false,
            is_abandoned: false,
            stuck: Stuck::Source,
        }
    }

    pub(super) fn rendering(mut self, render: Option<Render<'a>>) -> Self {
        self.hands_over &= render.is_none();
        self.render = render;
        self
    }

    pub(super) fn ending_after(mut self, messages: Option<u64>) -> Self {
        self.hands_over &= messages.is_none();
        self.most = messages.unwrap_or(u64::MAX);
        self
    }

    pub(super) fn output(&self) -> BorrowedFd<'_> {
        self.output
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn is_done(&self) -> bool {
        self.written == self.pending.len() && (self.ended || self.has_enough())
    }

    pub(super) fn has_enough(&self) -> bool {
        self.count >= self.most
    }

    /// Whether the last of the messages asked for came without its end.
    pub(super) fn is_cut_off(&self) -> bool {
        self.is_cut_off
    }

    /// Whether there is nobody to send to either.
    pub(super) fn is_abandoned(&self) -> bool {
        self.is_abandoned
    }

    pub(super) fn stuck(&self) -> Option<Stuck> {
        (!self.is_done()).then_some(self.stuck)
    }

    /// Goes on until something is stuck.
    pub(super) fn step(&mut self, connection: &mut Connection, is_writable: bool) -> Result<()> {
        for _ in 0..TURNS {
            if self.is_done() {
                return Ok(());
            }
            if self.hands_over {
                if !self.hand_over(connection)? {
                    return Ok(());
                }
                continue;
            }
            if !self.has_room() && !self.write_out(is_writable)? {
                return Ok(());
            }
            let came = if self.ended || self.has_enough() {
                Incoming::Nothing
            } else {
                self.take(connection)?
            };
            if came != Incoming::Bytes {
                // All that there is goes out before anybody sleeps.
                let has_written = self.write_out(is_writable)?;
                if has_written && came == Incoming::Nothing {
                    self.stuck = Stuck::Source;
                }
                if !has_written || came == Incoming::Nothing {
                    return Ok(());
                }
            }
        }
        // The rest of a batch does not wait for the next turn.
        self.write_out(is_writable).map(drop)
    }

    fn has_room(&self) -> bool {
        self.pending.len() - self.written < BATCH
    }

    /// Passes pages; false when something is stuck.
    fn hand_over(&mut self, connection: &Connection) -> Result<bool> {
        if !connection.may_read()? {
            self.stuck = Stuck::Source;
            return Ok(false);
        }
        let flags = SpliceFFlags::SPLICE_F_NONBLOCK | SpliceFFlags::SPLICE_F_MOVE;
        let most = PIPE.unsigned_abs() as usize;
        match splice(connection.as_fd(), None, self.output, None, most, flags) {
            Ok(0) => {
                self.ended = true;
                Ok(false)
            }
            Ok(_) => {
                self.count += 1;
                self.stuck = Stuck::Source;
                Ok(true)
            }
            Err(Errno::EINTR) => Ok(true),
            Err(Errno::EAGAIN) => {
                // It does not say which side.
                self.stuck = if has_room(self.output) {
                    Stuck::Source
                } else {
                    Stuck::Target
                };
                Ok(false)
            }
            Err(Errno::EINVAL | Errno::ENOSYS | Errno::EOPNOTSUPP) => {
                self.hands_over = false;
                Ok(true)
            }
            Err(Errno::ECONNRESET) => {
                self.ended = true;
                Err(super::left_by(Errno::ECONNRESET))
            }
            Err(errno) => Err(undelivered(errno)),
        }
    }

    /// Takes what has come and renders it.
    fn take(&mut self, connection: &mut Connection) -> Result<Incoming> {
        if self.kind != Type::Stream {
            self.raw.clear();
        }
        let came = connection.try_receive(&mut self.raw).inspect_err(|_| {
            // What came before goes out, as at any other end.
            self.render_all(true);
            self.ended = true;
        })?;
        match came {
            Incoming::Bytes => self.render_all(false),
            Incoming::End => {
                self.render_all(true);
                self.ended = true;
            }
            // Asked after the look, so that what a dead one left is taken first.
            Incoming::Nothing if connection.is_abandoned() => {
                self.ended = true;
                self.is_abandoned = true;
                return Ok(Incoming::End);
            }
            Incoming::Nothing => {}
        }
        Ok(came)
    }

    fn render_all(&mut self, is_end: bool) {
        let raw = std::mem::take(&mut self.raw);
        let rest = match (self.kind, self.framing) {
            (Type::Stream, Framing::Separated(separator)) => {
                self.render_lines(&raw, separator, is_end)
            }
            _ if is_end => raw.len(),
            _ => {
                self.render_one(&raw);
                raw.len()
            }
        };
        self.raw = raw;
        self.raw.drain(..rest);
    }

    /// Renders the whole lines of a stream; says where the rest begins.
    fn render_lines(&mut self, raw: &[u8], separator: u8, is_end: bool) -> usize {
        if self.render.is_none() && self.most == u64::MAX {
            self.pending.extend_from_slice(raw);
            return raw.len();
        }
        let mut start = 0;
        for at in memchr::memchr_iter(separator, raw) {
            if self.has_enough() {
                return raw.len();
            }
            self.render_one(&raw[start..at]);
            start = at + 1;
        }
        if is_end && start < raw.len() && !self.has_enough() {
            self.render_rest(&raw[start..]);
            return raw.len();
        }
        start
    }

    /// What is left of a stream that ended. Where messages are counted it is
    /// none: it goes out as it came, or not at all where that cannot be seen.
    fn render_rest(&mut self, rest: &[u8]) {
        if self.most == u64::MAX {
            self.render_one(rest);
            return;
        }
        self.is_cut_off = true;
        if self.render.is_none() {
            self.pending.extend_from_slice(rest);
        }
    }

    fn render_one(&mut self, message: &[u8]) {
        self.count += 1;
        if let Some(render) = self.render {
            render(message, &mut self.pending);
            return;
        }
        self.pending.extend_from_slice(message);
        if let Framing::Separated(separator) = self.framing {
            self.pending.push(separator);
        }
    }

    /// What the output takes now; a file waits for nobody.
    fn write_some(&self, bytes: &[u8]) -> nix::Result<usize> {
        match self.is_quick {
            true => write(self.output, bytes),
            false => write_now(self.output, bytes),
        }
    }

    /// Writes what is rendered; false when the output is stuck.
    fn write_out(&mut self, is_writable: bool) -> Result<bool> {
        let mut may_write = is_writable;
        while self.written < self.pending.len() {
            let rest = &self.pending[self.written..];
            let written = match self.write_some(rest) {
                Err(Errno::EOPNOTSUPP | Errno::ENOSYS) if may_write => {
                    may_write = false;
                    write(self.output, &rest[..rest.len().min(PAGE)])
                }
                result => result,
            };
            match written {
                Ok(count) => self.written += count,
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN | Errno::EOPNOTSUPP | Errno::ENOSYS) => {
                    self.stuck = Stuck::Target;
                    return Ok(false);
                }
                Err(errno) => return Err(undelivered(errno)),
            }
        }
        self.pending.clear();
        self.written = 0;
        Ok(true)
    }
}

/// Devices that are no terminals, such as /dev/null and /dev/full.
fn is_device(fd: BorrowedFd<'_>) -> bool {
    let is_character =
        fstat(fd).is_ok_and(|found| found.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFCHR.bits());
    is_character && nix::unistd::isatty(fd) != Ok(true)
}

fn has_room(output: BorrowedFd<'_>) -> bool {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let mut entry = [PollFd::new(output, PollFlags::POLLOUT)];
    poll(&mut entry, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
}

/// A refusal of standard output.
pub(super) fn undelivered(errno: Errno) -> Error {
    let error = Error::os(errno).about("standard output");
    match errno {
        Errno::EPIPE => error.saying("its reader is gone"),
        Errno::ENOSPC => error
            .saying("no space left")
            .meaning(ErrorKind::OutputFailed),
        _ => error.meaning(ErrorKind::OutputFailed),
    }
}
