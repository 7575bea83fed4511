//! Copying both ways between a connection and two descriptors.
//!
//! One loop over poll(2): neither direction waits for the other, whichever
//! side stops reading. Where both ends allow it, pages are handed over
//! (splice(2)) and no byte passes through this process.

use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::poll::{PollFd, PollFlags};
use nix::sys::stat::{SFlag, fstat};

use self::feed::Feed;
use self::sink::Sink;
use super::Connection;
use super::sleep::sleep;
use crate::error::{Error, ErrorKind, Result};
use crate::wait::Wait;

mod feed;
mod sink;

/// What a pipe is asked to hold while bulk bytes go through it.
const PIPE: i32 = 1 << 20;

/// How messages are kept apart on standard input and output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Not at all: bytes as they come.
    Bytes,
    /// By this byte after each.
    Separated(u8),
}

/// How a received message looks on standard output: appended to the bytes.
pub type Render<'a> = &'a dyn Fn(&[u8], &mut Vec<u8>);

/// Where a direction is stuck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stuck {
    /// Nothing comes.
    Source,
    /// Nothing fits.
    Target,
}

/// What a descriptor is, as far as copying has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Pipe,
    File,
    /// Can be stuck like a pipe, and takes no pages: a terminal, a socket.
    Other,
}

fn end_of(fd: BorrowedFd<'_>) -> End {
    let mode = fstat(fd).map_or(0, |found| found.st_mode);
    match SFlag::from_bits_truncate(mode & SFlag::S_IFMT.bits()) {
        SFlag::S_IFIFO => {
            // A smaller limit, or none to spare, leaves the pipe as it is.
            let _ = fcntl(fd, FcntlArg::F_SETPIPE_SZ(PIPE));
            End::Pipe
        }
        SFlag::S_IFREG | SFlag::S_IFBLK => End::File,
        _ => End::Other,
    }
}

/// Copies between a connection and descriptors until both directions end.
#[derive(Debug)]
pub struct Relay<'a> {
    feed: Option<Feed<'a>>,
    sink: Option<Sink<'a>>,
    takes_an_answer: bool,
}

impl<'a> Relay<'a> {
    /// Sends what `input` gives and writes what comes to `output`; a missing
    /// one leaves that direction out.
    pub fn new(
        connection: &Connection,
        input: Option<BorrowedFd<'a>>,
        output: Option<BorrowedFd<'a>>,
        framing: Framing,
    ) -> Relay<'a> {
        Relay {
            feed: input.map(|input| Feed::new(input, connection.kind(), framing)),
            sink: output.map(|output| Sink::new(output, connection.kind(), framing)),
            takes_an_answer: false,
        }
    }

    /// Has received messages rendered, instead of as they are.
    #[must_use]
    pub fn rendering(mut self, render: Option<Render<'a>>) -> Relay<'a> {
        self.sink = self.sink.map(|sink| sink.rendering(render));
        self
    }

    /// Takes an answer for an answer, whether the request was read or not.
    #[must_use]
    pub fn taking_an_answer(mut self) -> Relay<'a> {
        self.takes_an_answer = true;
        self
    }

    /// Ends after so many received messages.
    #[must_use]
    pub fn ending_after(mut self, messages: Option<u64>) -> Relay<'a> {
        self.sink = self.sink.map(|sink| sink.ending_after(messages));
        self
    }

    /// How many messages came; parts of a stream count as they came.
    pub fn received(&self) -> u64 {
        self.sink.as_ref().map_or(0, Sink::count)
    }

    /// Whether a stream ended within one of the messages that were asked for.
    /// It is not among those received.
    pub fn is_cut_off(&self) -> bool {
        self.sink.as_ref().is_some_and(Sink::is_cut_off)
    }

    /// Copies until both directions have ended, or the other side is gone.
    ///
    /// # Errors
    /// [`ErrorKind::Broken`] when the other side left something unread,
    /// [`ErrorKind::Denied`] when it turned this one away,
    /// [`ErrorKind::OutputClosed`] when nobody reads the output any more, and
    /// what [`Wait::next`] says.
    pub fn run(&mut self, connection: &mut Connection, wait: &mut Wait) -> Result<()> {
        self.copy(connection, wait)
            .map_err(|error| match error.kind() {
                ErrorKind::Broken => connection.turned_away().unwrap_or(error),
                _ => error,
            })
    }

    fn copy(&mut self, connection: &mut Connection, wait: &mut Wait) -> Result<()> {
        let mut failure = None;
        let mut ready = Ready::all();
        loop {
            if let Some(feed) = &mut self.feed
                && let Err(error) = feed.step(connection, ready.input)
            {
                feed.give_up();
                match error.kind() {
                    // It may have answered before it went.
                    ErrorKind::Broken if self.sink.is_some() => failure = Some(error),
                    _ => return Err(error),
                }
            }
            if let Some(sink) = &mut self.sink
                && let Err(error) = sink.step(connection, ready.output)
            {
                match error.kind() {
                    ErrorKind::Broken => failure = Some(error),
                    _ => return Err(error),
                }
            }
            let has_sunk = self.sink.as_ref().is_none_or(Sink::is_done);
            let has_fed = self.feed.as_ref().is_none_or(Feed::is_done);
            // One that takes alone, or sends alone, ends with that.
            let is_over = match (&self.feed, &self.sink) {
                (Some(_), Some(sink)) => {
                    has_sunk && (has_fed || sink.has_enough() || sink.is_abandoned())
                }
                _ => has_sunk && has_fed,
            };
            if is_over {
                let is_answered = self.takes_an_answer && self.received() > 0;
                return failure.filter(|_| !is_answered).map_or(Ok(()), Err);
            }
            ready = self.sleep(connection, wait)?;
            if ready.is_gone
                && has_sunk
                && let Some(feed) = &mut self.feed
                && !feed.is_done()
            {
                let is_loss = feed.has_unsent() || self.sink.is_none();
                feed.give_up();
                if is_loss && failure.is_none() {
                    failure = Some(left());
                }
            }
        }
    }

    /// Sleeps until one of the directions can go on.
    fn sleep(&self, connection: &mut Connection, wait: &mut Wait) -> Result<Ready> {
        let fed = self.feed.as_ref().and_then(Feed::stuck);
        let sunk = self.sink.as_ref().and_then(Sink::stuck);
        let mut events = PollFlags::empty();
        events.set(PollFlags::POLLOUT, fed == Some(Stuck::Target));
        events.set(PollFlags::POLLIN, sunk == Some(Stuck::Source));
        // Watched for its end too, but only where that would change something.
        let is_watched = !events.is_empty() || (sunk.is_none() && fed.is_some());
        let mut entries = Vec::with_capacity(4);
        let mut roles = Vec::with_capacity(4);
        if is_watched {
            entries.push(PollFd::new(connection.as_fd(), events));
            roles.push(Role::Socket);
        }
        if let (Some(feed), Some(Stuck::Source)) = (&self.feed, fed) {
            entries.push(PollFd::new(feed.input(), PollFlags::POLLIN));
            roles.push(Role::Input);
        }
        if let (Some(sink), Some(stuck)) = (&self.sink, sunk) {
            let mut events = PollFlags::empty();
            events.set(PollFlags::POLLOUT, stuck == Stuck::Target);
            entries.push(PollFd::new(sink.output(), events));
            roles.push(Role::Output);
        }
        if let (Some(process), Some(Stuck::Source)) = (connection.process(), sunk) {
            entries.push(PollFd::new(process, PollFlags::POLLIN));
            roles.push(Role::Process);
        }
        sleep(&mut entries, wait)?;
        let found: Vec<_> = entries
            .iter()
            .zip(roles)
            .map(|(entry, role)| (role, entry.revents().unwrap_or(PollFlags::empty())))
            .collect();
        Ready::of(&found)
    }
}

/// Which descriptor an entry of a poll is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Socket,
    Input,
    Output,
    Process,
}

/// What a sleep found.
#[derive(Debug, Clone, Copy)]
struct Ready {
    input: bool,
    output: bool,
    is_gone: bool,
}

impl Ready {
    /// Before the first sleep: only what cannot block is tried.
    fn all() -> Ready {
        Ready {
            input: false,
            output: false,
            is_gone: false,
        }
    }

    fn of(found: &[(Role, PollFlags)]) -> Result<Ready> {
        let mut ready = Ready::all();
        for (role, events) in found {
            match role {
                Role::Socket => ready.is_gone = events.contains(PollFlags::POLLHUP),
                Role::Input => ready.input = !events.is_empty(),
                Role::Output if events.contains(PollFlags::POLLERR) => {
                    return Err(sink::undelivered(Errno::EPIPE));
                }
                Role::Output => ready.output = events.contains(PollFlags::POLLOUT),
                Role::Process => {}
            }
        }
        Ok(ready)
    }
}

/// A refusal to send nothing as a datagram.
pub fn empty_datagram() -> Error {
    let message = "an empty message cannot be sent: an empty datagram is the end";
    Error::new(ErrorKind::Limit, message).hint("--type seqpacket has empty messages")
}

fn left() -> Error {
    Error::new(
        ErrorKind::Broken,
        "the other side is gone before it read everything",
    )
}

fn left_by(errno: Errno) -> Error {
    let error = Error::os(errno).meaning(ErrorKind::Broken);
    error.saying("the other side is gone before it read everything")
}
