//! Unix sockets under names: listening, connecting, who is at the other end.
//!
//! See unix(7). The file of a socket says nothing about who serves it: the
//! kernel is asked, on the connection itself.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags};
use nix::sys::socket::sockopt::{PassCred, SndBuf};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, bind, listen, setsockopt, socket,
};

use self::address::abstract_name;
use self::place::{Identity, Place};
use self::sleep::sleep;
use crate::error::{Error, ErrorKind, Result};
use crate::size::Mode;
use crate::sys::socket::accept;
use crate::wait::Wait;

mod address;
mod connection;
pub mod diag;
pub mod handing;
mod info;
mod name_watch;
mod opening;
mod peer;
pub mod place;
mod refusal;
pub mod relay;
mod sleep;

pub use address::{Address, PREFIX};
pub use connection::{Connection, Incoming};
pub use info::SocketInfo;
pub use name_watch::NameWatch;
pub use peer::{Allowed, Peer, peer_of};

/// Bytes that a socket is asked to hold on their way.
const BUFFER: usize = 1 << 20;

/// How the bytes of a socket are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// One stream of bytes each way.
    Stream,
    /// Messages, kept apart and in order, over a connection.
    Seqpacket,
    /// Messages without a connection.
    Datagram,
}

impl Type {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Type::Stream => "stream",
            Type::Seqpacket => "seqpacket",
            Type::Datagram => "dgram",
        }
    }

    fn raw(self) -> SockType {
        match self {
            Type::Stream => SockType::Stream,
            Type::Seqpacket => SockType::SeqPacket,
            Type::Datagram => SockType::Datagram,
        }
    }
}

/// A socket that does not block, closed on exec.
fn new_socket(kind: Type) -> Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let new = socket(AddressFamily::Unix, kind.raw(), flags, None).map_err(Error::os)?;
    // A smaller limit of the system is fine.
    let _ = setsockopt(&new, SndBuf, &BUFFER);
    Ok(new)
}

/// A socket that others can find. Dropped, it is gone, with its file if that
/// is still its own; killed, it leaves a file that the next one replaces.
#[derive(Debug)]
pub struct Listener {
    socket: OwnedFd,
    kind: Type,
    file: Option<(PathBuf, Identity)>,
}

impl Listener {
    /// Binds a new socket, in the place of one whose server is dead.
    ///
    /// # Errors
    /// [`ErrorKind::Exists`] where somebody serves already, [`ErrorKind::Broken`]
    /// where something lies that is not a socket.
    pub fn bind(address: &Address, kind: Type, mode: Mode) -> Result<Listener> {
        Listener::bind_there(address, kind, mode).map_err(|error| error.or_about(address))
    }

    fn bind_there(address: &Address, kind: Type, mode: Mode) -> Result<Listener> {
        address.check_new()?;
        let socket = new_socket(kind)?;
        if kind == Type::Datagram {
            // Each message says who sent it; there is no connection to ask.
            setsockopt(&socket, PassCred, &true).map_err(Error::os)?;
        }
        let start = |socket: &OwnedFd| match kind {
            Type::Datagram => Ok(()),
            _ => listen(socket, Backlog::MAXCONN).map_err(Error::os),
        };
        let file = match (address, address.file()?) {
            (_, Some(path)) => {
                // Its folder may not be the current one when it ends.
                let path = std::path::absolute(path).map_err(Error::os)?;
                let place = Place::lock(&path)?;
                let dead = place.require_free()?;
                place.bind(socket.as_fd(), mode)?;
                start(&socket)?;
                let identity = place.publish(dead)?;
                Some((path, identity))
            }
            (Address::Abstract(name), None) => {
                let bound = bind(socket.as_raw_fd(), &abstract_name(name)?);
                bound.map_err(|errno| match errno {
                    Errno::EADDRINUSE => {
                        let error = Error::os(errno).meaning(ErrorKind::Exists);
                        error.saying("somebody has this name already")
                    }
                    errno => Error::os(errno),
                })?;
                start(&socket)?;
                None
            }
            (_, None) => None,
        };
        Ok(Listener { socket, kind, file })
    }

    /// How its bytes are kept.
    pub fn kind(&self) -> Type {
        self.kind
    }

    /// Takes a connection that waits, if one does.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`] when the table of descriptors is full: the
    /// connection waits on.
    pub fn try_accept(&self) -> Result<Option<Connection>> {
        loop {
            match accept(self.socket.as_fd()) {
                Ok(taken) => return Ok(Some(Connection::new(taken, self.kind))),
                Err(Errno::EAGAIN) => return Ok(None),
                // Gone before it was taken.
                Err(Errno::ECONNABORTED | Errno::EINTR) => {}
                Err(errno) => return Err(full(errno)),
            }
        }
    }

    /// Waits for a connection of an allowed user; tells of those refused. A
    /// datagram socket waits for a first message and is connected to its sender.
    ///
    /// # Errors
    /// [`ErrorKind::TimedOut`], [`ErrorKind::WouldBlock`].
    pub fn accept(
        &self,
        wait: &mut Wait,
        allowed: &Allowed,
        refused: &mut dyn FnMut(Error),
    ) -> Result<Connection> {
        loop {
            let taken = match self.kind {
                Type::Datagram => self.first_sender(allowed, refused)?,
                _ => self.try_accept()?,
            };
            match taken.map(|taken| (taken.admit(allowed), taken)) {
                Some((Ok(()), taken)) => return Ok(taken),
                Some((Err(error), _)) => refused(error),
                None => {
                    let mut entries = [PollFd::new(self.as_fd(), PollFlags::POLLIN)];
                    sleep(&mut entries, wait).map_err(|error| match error.kind() {
                        ErrorKind::TimedOut => error.saying(self.nobody_came()),
                        _ => error,
                    })?;
                }
            }
        }
    }

    fn nobody_came(&self) -> &'static str {
        match self.kind {
            Type::Datagram => "timed out: nobody sent a message",
            Type::Stream | Type::Seqpacket => "timed out: nobody connected",
        }
    }

    /// The socket itself, for messages from anybody: no connection at all.
    ///
    /// # Errors
    /// When the table of descriptors is full.
    pub fn unconnected(&self, allowed: &Allowed) -> Result<Connection> {
        let copy = self.socket.try_clone().map_err(Error::os)?;
        Ok(Connection::new(copy, self.kind).taking_from(allowed))
    }

    /// Connects a datagram socket to whoever sent the message that lies there.
    fn first_sender(
        &self,
        allowed: &Allowed,
        refused: &mut dyn FnMut(Error),
    ) -> Result<Option<Connection>> {
        let mut connection = self.unconnected(allowed)?;
        loop {
            match connection.answer_to_sender() {
                Ok(true) => return Ok(Some(connection)),
                Ok(false) => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Denied => refused(error),
                Err(error) => return Err(error),
            }
        }
    }

    /// Gives its name up without ending what is connected.
    pub fn leave_name(&mut self) {
        if let Some((path, identity)) = self.file.take() {
            remove_own(&path, identity);
        }
    }

    /// Makes this process the one that those who connect are told of, where
    /// another one has started to listen (SO_PEERCRED in unix(7)).
    ///
    /// # Errors
    /// None on a socket that listens, listen(2).
    pub fn answer_for_it(&self) -> Result<()> {
        listen(&self.socket, Backlog::MAXCONN).map_err(Error::os)
    }

    /// Leaves the file to another process that has the socket too.
    pub fn hand_on(mut self) {
        self.file = None;
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.leave_name();
    }
}

fn remove_own(path: &std::path::Path, identity: Identity) {
    // A folder that cannot be locked any more has lost its sockets as well.
    if let Ok(place) = Place::lock(path) {
        place.remove(identity);
    }
}

/// A refusal for want of descriptors, with the limit.
fn full(errno: Errno) -> Error {
    let error = Error::os(errno);
    match errno {
        Errno::EMFILE => error
            .saying("the table of descriptors of this process is full (RLIMIT_NOFILE)")
            .hint("ulimit -n shows the limit"),
        Errno::ENFILE => error.saying("the system has no file left (fs.file-max)"),
        _ => error,
    }
}
