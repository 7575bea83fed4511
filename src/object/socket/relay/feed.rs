//! From a descriptor into a connection.

use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::fcntl::{SpliceFFlags, splice};
use nix::sys::sendfile::sendfile;
use nix::unistd::read;

use super::super::{Connection, Type};
use super::{End, Framing, PIPE, Stuck, end_of};
use crate::error::{Error, ErrorKind, Result};

/// Bytes that are read at a time: whole, they fit into one message.
const CHUNK: usize = 64 << 10;
/// Longest message that is collected before it is sent.
const LONGEST: usize = 64 << 20;
/// Steps in a row, so that the other direction has its turn.
const TURNS: usize = 16;

/// From standard input, say, into a connection.
#[derive(Debug)]
pub(super) struct Feed<'a> {
    input: BorrowedFd<'a>,
    end: End,
    kind: Type,
    framing: Framing,
    hands_over: bool,
    buffer: Vec<u8>,
    start: usize,
    scanned: usize,
    /// The last byte of a stream that was sent.
    last: Option<u8>,
    ended: bool,
    done: bool,
    stuck: Stuck,
}

impl<'a> Feed<'a> {
    pub(super) fn new(input: BorrowedFd<'a>, kind: Type, framing: Framing) -> Feed<'a> {
        let end = end_of(input);
        Feed {
            input,
            end,
            kind,
            framing,
            hands_over: kind == Type::Stream && framing == Framing::Bytes && end != End::Other,
            buffer: Vec::new(),
            start: 0,
            scanned: 0,
            last: None,
            ended: false,
            done: false,
            stuck: Stuck::Source,
        }
    }

    pub(super) fn input(&self) -> BorrowedFd<'_> {
        self.input
    }

    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    pub(super) fn stuck(&self) -> Option<Stuck> {
        (!self.done).then_some(self.stuck)
    }

    pub(super) fn has_unsent(&self) -> bool {
        self.start < self.buffer.len()
    }

    /// Ends without sending the rest.
    pub(super) fn give_up(&mut self) {
        self.done = true;
    }

    /// Goes on until something is stuck. Reads only what is known to be there.
    pub(super) fn step(&mut self, connection: &Connection, mut is_readable: bool) -> Result<()> {
        for _ in 0..TURNS {
            if self.done {
                return Ok(());
            }
            if self.hands_over {
                if !self.hand_over(connection, is_readable)? {
                    return Ok(());
                }
                continue;
            }
            if let Some((from, to, next)) = self.message()? {
                match connection.try_send(&self.buffer[from..to])? {
                    Some(sent) if self.kind == Type::Stream => self.start += sent,
                    Some(_) => self.start = next,
                    None => {
                        self.stuck = Stuck::Target;
                        return Ok(());
                    }
                }
                continue;
            }
            if self.ended {
                return self.finish(connection);
            }
            self.stuck = Stuck::Source;
            if !is_readable && self.end != End::File {
                return Ok(());
            }
            is_readable = false;
            self.read()?;
        }
        if !self.hands_over {
            // What was read last must not wait until more can be read.
            self.stuck = if self.has_unsent() {
                Stuck::Target
            } else {
                Stuck::Source
            };
        }
        Ok(())
    }

    /// Passes pages; false when something is stuck.
    fn hand_over(&mut self, connection: &Connection, is_readable: bool) -> Result<bool> {
        let most = PIPE.unsigned_abs() as usize;
        let flags = SpliceFFlags::SPLICE_F_NONBLOCK | SpliceFFlags::SPLICE_F_MOVE;
        let result = match self.end {
            End::File => sendfile(connection, self.input, None, most),
            _ => splice(self.input, None, connection.as_fd(), None, most, flags),
        };
        match result {
            Ok(0) => self.finish(connection).map(|()| false),
            Ok(_) => Ok(true),
            Err(Errno::EINTR) => Ok(true),
            Err(Errno::EAGAIN) => {
                // It does not say which side: the one that was not just ready.
                let is_target = is_readable || self.end == End::File;
                self.stuck = match (self.stuck, is_target) {
                    (Stuck::Source, true) => Stuck::Target,
                    _ => Stuck::Source,
                };
                if self.end == End::File {
                    self.stuck = Stuck::Target;
                }
                Ok(false)
            }
            Err(Errno::EINVAL | Errno::ENOSYS | Errno::EOPNOTSUPP) => {
                self.hands_over = false;
                Ok(true)
            }
            Err(errno @ (Errno::EPIPE | Errno::ECONNRESET)) => Err(super::left_by(errno)),
            Err(errno) => Err(Error::os(errno).about("standard input")),
        }
    }

    /// The next message: where it starts and ends, and where the one after it
    /// starts. Nothing until more has come.
    fn message(&mut self) -> Result<Option<(usize, usize, usize)>> {
        let end = self.buffer.len();
        if self.start == end {
            self.buffer.clear();
            self.start = 0;
            self.scanned = 0;
            return Ok(None);
        }
        let found = match self.framing {
            Framing::Separated(separator) if self.kind != Type::Stream => {
                let from = self.scanned.max(self.start);
                let found = memchr::memchr(separator, &self.buffer[from..]);
                self.scanned = found.map_or(end, |at| from + at);
                match found {
                    Some(at) => Some((self.start, from + at, from + at + 1)),
                    None if self.ended => Some((self.start, end, end)),
                    None => None,
                }
            }
            _ => Some((self.start, end, end)),
        };
        match found {
            Some((from, to, _)) if from == to && self.kind == Type::Datagram => {
                Err(super::empty_datagram())
            }
            Some(found) => Ok(Some(found)),
            None if end - self.start > LONGEST => {
                let message = format!("a message is longer than {LONGEST} bytes");
                Err(Error::new(ErrorKind::Limit, message))
            }
            None => Ok(None),
        }
    }

    fn read(&mut self) -> Result<()> {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.scanned = self.scanned.saturating_sub(self.start);
            self.start = 0;
        }
        let filled = self.buffer.len();
        self.buffer.resize(filled + CHUNK, 0);
        let result = read(self.input, &mut self.buffer[filled..]);
        let length = *result.as_ref().unwrap_or(&0);
        self.buffer.truncate(filled + length);
        match result {
            Ok(0) => self.end_input(),
            Ok(_) => self.last = self.buffer.last().copied(),
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            Err(errno) => return Err(Error::os(errno).about("standard input")),
        }
        Ok(())
    }

    /// A last line of a stream gets its end, as those before it.
    fn end_input(&mut self) {
        self.ended = true;
        if let (Framing::Separated(separator), Type::Stream) = (self.framing, self.kind)
            && self.last.is_some_and(|last| last != separator)
        {
            self.buffer.push(separator);
        }
    }

    fn finish(&mut self, connection: &Connection) -> Result<()> {
        connection.shut_down_writing();
        self.done = true;
        Ok(())
    }
}
