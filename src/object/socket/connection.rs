//! One end of a conversation.

use std::cell::Cell;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::Inotify;
use nix::sys::socket::sockopt::PassCred;
use nix::sys::socket::{
    MsgFlags, Shutdown, UnixAddr, connect, recv, recvmsg, send, setsockopt, shutdown,
};

use super::address::Address;
use super::opening::{connected, watch};
use super::sleep::{sleep, sleep_at_most};
use super::{Allowed, Peer, Type, peer};
use crate::error::{Error, ErrorKind, Result};
use crate::sys::ancillary::{peek, receive};
use crate::sys::descriptors::duplicate_above;
use crate::sys::pidfd;
use crate::wait::{RECHECK, Wait};

/// How often a name that no folder tells of is tried again.
const RETRY: Duration = Duration::from_millis(50);

/// Bytes of a stream that are taken at a time.
const CHUNK: usize = 256 << 10;

/// What a look for incoming bytes found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incoming {
    /// Nothing now.
    Nothing,
    /// Bytes of a stream, or one message.
    Bytes,
    /// The other side has ended its direction.
    End,
}

/// One end of a conversation; it never blocks by itself. Dropped or killed,
/// the other side sees the end.
#[derive(Debug)]
pub struct Connection {
    socket: OwnedFd,
    kind: Type,
    allowed: Allowed,
    /// A datagram peer, whose end no socket tells of.
    process: Option<OwnedFd>,
    answers: Option<UnixAddr>,
    has_peer: bool,
    /// Whether the other side is known to talk with this one.
    pub(super) is_welcome: Cell<bool>,
    /// The other side left something unread: said when all it sent is taken.
    pub(super) is_reset: Cell<bool>,
}

impl Connection {
    pub(super) fn new(socket: OwnedFd, kind: Type) -> Connection {
        if kind == Type::Seqpacket {
            // Messages then tell their sender, and the end does not.
            let _ = setsockopt(&socket, PassCred, &true);
        }
        Connection {
            socket,
            kind,
            allowed: Allowed::Anybody,
            process: None,
            answers: None,
            has_peer: true,
            is_welcome: Cell::new(true),
            is_reset: Cell::new(false),
        }
    }

    /// Takes messages of these users alone.
    pub(super) fn taking_from(mut self, allowed: &Allowed) -> Connection {
        self.allowed = allowed.clone();
        self.has_peer = false;
        self
    }

    /// Connects; with `until_there` waits for somebody who listens.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`] when nobody listens there, [`ErrorKind::Denied`]
    /// when the one who does is not allowed, [`ErrorKind::TimedOut`].
    pub fn open(
        address: &Address,
        kind: Type,
        allowed: &Allowed,
        until_there: bool,
        wait: &mut Wait,
    ) -> Result<Connection> {
        let about = |error: Error| error.or_about(address);
        let mut news: Option<Inotify> = None;
        loop {
            match connected(address, kind, wait) {
                Ok(mut connection) => {
                    connection.require(allowed).map_err(about)?;
                    connection.allowed = allowed.clone();
                    connection.is_welcome.set(kind == Type::Datagram);
                    return Ok(connection);
                }
                Err(error) if error.kind() == ErrorKind::Missing && until_there => {}
                Err(error) => return Err(about(error)),
            }
            match &news {
                Some(news) => {
                    let entry = PollFd::new(news.as_fd(), PollFlags::POLLIN);
                    sleep_at_most(&mut [entry], wait, Some(RECHECK)).map_err(about)?;
                    let _ = news.read_events();
                }
                None => match watch(address) {
                    // Watched from here on: one look more, then sleep.
                    Some(watched) => news = Some(watched),
                    None => {
                        sleep_at_most(&mut [], wait, Some(RETRY)).map_err(about)?;
                    }
                },
            }
        }
    }

    /// How its bytes are kept.
    pub fn kind(&self) -> Type {
        self.kind
    }

    /// Who is at the other end; unknown for datagrams, which say it one by one.
    ///
    /// # Errors
    /// None in practice.
    pub fn peer(&self) -> Result<Option<Peer>> {
        match self.kind {
            Type::Datagram => Ok(None),
            _ => peer::peer_of(&self.socket).map(Some),
        }
    }

    /// Checks who is at the other end.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`].
    pub fn require(&self, allowed: &Allowed) -> Result<()> {
        match self.peer()? {
            Some(peer) => allowed.check(peer),
            None => Ok(()),
        }
    }

    /// Sends what fits now: a whole message, or a part of a stream. Nothing
    /// when there is no room.
    ///
    /// # Errors
    /// [`ErrorKind::Broken`] when the other side is gone, [`ErrorKind::Denied`]
    /// when it turned this one away, [`ErrorKind::Limit`] for a message that is
    /// too long.
    pub fn try_send(&self, bytes: &[u8]) -> Result<Option<usize>> {
        match send(self.socket.as_raw_fd(), bytes, MsgFlags::MSG_NOSIGNAL) {
            Ok(sent) => Ok(Some(sent)),
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(None),
            Err(Errno::EMSGSIZE) => Err(Error::os(Errno::EMSGSIZE)
                .saying(format!("a message of {} bytes is too long", bytes.len()))
                .hint("sysctl net.core.wmem_max bounds messages; a stream takes any length")),
            Err(errno) => Err(self.turned_away().unwrap_or_else(|| gone(errno))),
        }
    }

    /// Takes what has come, onto the end of `bytes`: a part of a stream, or one
    /// message. A datagram without bytes is an end; a packet without is a message.
    ///
    /// # Errors
    /// [`ErrorKind::Broken`] when the other side went without reading all,
    /// [`ErrorKind::Denied`] when it turned this one away.
    pub fn try_receive(&mut self, bytes: &mut Vec<u8>) -> Result<Incoming> {
        if !self.may_read()? {
            return Ok(Incoming::Nothing);
        }
        let start = bytes.len();
        let result = match self.kind {
            Type::Stream => self.receive_bytes(bytes),
            _ => self.receive_message(bytes),
        };
        match result {
            Ok(Incoming::Bytes) => {}
            _ => bytes.truncate(start),
        }
        result
    }

    fn receive_bytes(&self, bytes: &mut Vec<u8>) -> Result<Incoming> {
        let start = bytes.len();
        bytes.resize(start + CHUNK, 0);
        let raw = self.socket.as_raw_fd();
        match recv(raw, &mut bytes[start..], MsgFlags::empty()) {
            Ok(0) => Ok(Incoming::End),
            Ok(length) => {
                bytes.truncate(start + length);
                Ok(Incoming::Bytes)
            }
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(Incoming::Nothing),
            Err(errno) => Err(gone(errno)),
        }
    }

    fn receive_message(&mut self, bytes: &mut Vec<u8>) -> Result<Incoming> {
        let start = bytes.len();
        loop {
            let flags = MsgFlags::MSG_PEEK | MsgFlags::MSG_TRUNC;
            // Its length first: what does not fit into the buffer would be lost.
            let length = match recv(self.socket.as_raw_fd(), &mut [], flags) {
                Ok(length) => length,
                Err(Errno::EAGAIN | Errno::EINTR) => return Ok(Incoming::Nothing),
                Err(errno) if self.comes_before_messages(errno) => continue,
                Err(errno) => return Err(gone(errno)),
            };
            bytes.resize(start + length, 0);
            let received = match receive(self.socket.as_fd(), &mut bytes[start..]) {
                Ok(received) => received,
                Err(Errno::EAGAIN | Errno::EINTR) => return Ok(Incoming::Nothing),
                Err(errno) if self.comes_before_messages(errno) => continue,
                Err(errno) => return Err(gone(errno)),
            };
            bytes.truncate(start + received.length);
            match (self.kind, received.sender) {
                (Type::Datagram, Some(sender)) if self.allowed.check(sender).is_err() => {}
                (Type::Datagram, sender) => {
                    if let (Some(sender), None, true) = (sender, &self.process, self.has_peer) {
                        self.process = watched(sender.pid);
                    }
                    let is_end = received.length == 0;
                    return Ok(if is_end {
                        Incoming::End
                    } else {
                        Incoming::Bytes
                    });
                }
                // The sender comes with a message, and not with the end.
                (_, None) if received.length == 0 => {
                    return match self.is_reset.get() {
                        true => Err(gone(Errno::ECONNRESET)),
                        false => Ok(Incoming::End),
                    };
                }
                _ => return Ok(Incoming::Bytes),
            }
        }
    }

    /// Whether that is a reset which the kernel tells of before the messages
    /// that lie there: on a stream it does after the bytes. It is told once.
    pub(super) fn comes_before_messages(&self, errno: Errno) -> bool {
        self.kind == Type::Seqpacket && errno == Errno::ECONNRESET && !self.is_reset.replace(true)
    }

    /// Looks at the sender of the datagram that lies there, and answers to it
    /// from now on. False when none lies there.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`] when it is not allowed; its datagram is gone.
    pub(super) fn answer_to_sender(&mut self) -> Result<bool> {
        let mut byte = [0; 1];
        let sender = match peek(self.socket.as_fd(), &mut byte) {
            Ok(found) => found.sender,
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(false),
            Err(errno) => return Err(gone(errno)),
        };
        if let Some(Err(error)) = sender.map(|sender| self.allowed.check(sender)) {
            let _ = receive(self.socket.as_fd(), &mut byte);
            return Err(error);
        }
        self.process = sender.and_then(|sender| watched(sender.pid));
        self.has_peer = true;
        let mut parts = [std::io::IoSliceMut::new(&mut byte)];
        let raw = self.socket.as_raw_fd();
        let found = recvmsg::<UnixAddr>(raw, &mut parts, None, MsgFlags::MSG_PEEK);
        let address = found.map_err(Error::os)?.address;
        // One without a name can be heard and not answered.
        if let Some(address) = address.filter(|address| address.path_len() > 0) {
            self.answers = Some(address);
            let _ = connect(raw, &address);
        }
        Ok(true)
    }

    /// Ends this direction; the other one goes on.
    pub fn shut_down_writing(&self) {
        let _ = match self.kind {
            // Datagrams have no end of their own, so an empty one is it.
            Type::Datagram => send(self.socket.as_raw_fd(), &[], MsgFlags::MSG_NOSIGNAL).map(drop),
            _ => shutdown(self.socket.as_raw_fd(), Shutdown::Write),
        };
    }

    /// Moves to a descriptor number of at least `least`.
    pub(super) fn move_above(&mut self, least: RawFd) -> nix::Result<()> {
        self.socket = duplicate_above(self.socket.as_raw_fd(), least)?;
        Ok(())
    }

    /// The socket as a command takes it: it blocks.
    ///
    /// # Errors
    /// None in practice, fcntl(2).
    pub fn into_blocking(self) -> std::io::Result<OwnedFd> {
        fcntl(&self.socket, FcntlArg::F_SETFL(OFlag::empty()))?;
        Ok(self.socket)
    }

    /// The process of a datagram peer: readable when it has ended.
    pub(super) fn process(&self) -> Option<BorrowedFd<'_>> {
        self.process.as_ref().map(AsFd::as_fd)
    }

    /// Whether the process of a datagram peer has ended, and nobody else has
    /// its socket.
    pub(super) fn is_abandoned(&mut self) -> bool {
        let Some(process) = &self.process else {
            return false;
        };
        let mut entry = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
        if !poll(&mut entry, PollTimeout::ZERO).is_ok_and(|ended| ended > 0) {
            return false;
        }
        let raw = self.socket.as_raw_fd();
        let is_there = self
            .answers
            .is_some_and(|address| connect(raw, &address).is_ok());
        if is_there {
            self.process = None;
        }
        !is_there
    }

    /// Waits for room or for bytes.
    ///
    /// # Errors
    /// What [`Wait::next`] says.
    pub fn wait_for(&self, events: PollFlags, wait: &mut Wait) -> Result<usize> {
        let mut entries = vec![PollFd::new(self.as_fd(), events)];
        let process = self.process();
        entries.extend(process.map(|process| PollFd::new(process, PollFlags::POLLIN)));
        sleep(&mut entries, wait)
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A descriptor that is readable once a process has ended; nothing where that
/// cannot be known.
fn watched(pid: i32) -> Option<OwnedFd> {
    match pidfd::open(pid) {
        // It has ended before its message was taken: readable from the start,
        // as the end of a connection is.
        Err(Errno::ESRCH) => UnixStream::pair().ok().map(|(end, _)| end.into()),
        held => held.ok(),
    }
}

/// A refusal on a connection: the other side is gone, or something else is.
pub(super) fn gone(errno: Errno) -> Error {
    let error = Error::os(errno);
    match errno {
        Errno::EPIPE | Errno::ECONNRESET | Errno::ECONNREFUSED | Errno::ENOTCONN => error
            .meaning(ErrorKind::Broken)
            .saying("the other side is gone before it read everything"),
        _ => error,
    }
}
