//! Turning somebody away, so that one who looks can tell it from an answer.
//!
//! No byte of ours goes into a conversation that may be of any kind: whoever is
//! turned away sees the connection close. Beside that goes a sign which read(2)
//! does not show: on a stream an urgent byte (MSG_OOB, since Linux 5.15), between
//! messages an empty one that carries a descriptor.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv, send};
use nix::unistd::geteuid;

use super::connection::gone;
use super::{Allowed, Connection, Type};
use crate::error::{Error, ErrorKind, Result};
use crate::sys::ancillary;

/// The urgent byte that says no.
const NO: u8 = b'R';

impl Connection {
    /// Checks who has connected. Who is not allowed gets a sign of it, and is
    /// to be left alone then.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`].
    pub fn admit(&self, allowed: &Allowed) -> Result<()> {
        self.require(allowed).inspect_err(|_| self.turn_away())
    }

    fn turn_away(&self) {
        // Without it the other side sees the close all the same.
        match self.kind() {
            Type::Stream => {
                let flags = MsgFlags::MSG_OOB | MsgFlags::MSG_NOSIGNAL;
                let _ = send(self.as_fd().as_raw_fd(), &[NO], flags);
            }
            Type::Seqpacket => {
                if let Ok(any) = File::open("/dev/null") {
                    let _ = ancillary::send(self.as_fd(), &[], &[any.as_fd()]);
                }
            }
            Type::Datagram => {}
        }
    }

    /// Why the other side is gone, if that is because it turned this one away.
    pub(super) fn turned_away(&self) -> Option<Error> {
        if self.is_welcome.get() {
            return None;
        }
        let is_sign = match self.kind() {
            Type::Stream => {
                let mut byte = [0];
                let flags = MsgFlags::MSG_OOB | MsgFlags::MSG_DONTWAIT;
                let found = recv(self.as_fd().as_raw_fd(), &mut byte, flags);
                found == Ok(1) && byte == [NO]
            }
            Type::Seqpacket => {
                let look = || ancillary::peek(self.as_fd(), &mut [0]);
                // That something was left unread is said first, and once.
                look()
                    .or_else(|_| look())
                    .is_ok_and(|found| found.length == 0 && !found.descriptors.is_empty())
            }
            Type::Datagram => false,
        };
        is_sign.then(|| {
            let user = geteuid();
            let message = format!("the other side turned user {user} away");
            let error = Error::new(ErrorKind::Denied, message);
            error.hint(format!("--allow-uid {user} there lets this user in"))
        })
    }

    /// Whether there is something to take: asked until the first byte has come,
    /// since to take the end takes the sign with it.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`] when the other side turned this one away, and
    /// [`ErrorKind::Broken`] when it went without reading all.
    pub(super) fn may_read(&self) -> Result<bool> {
        if self.is_welcome.get() {
            return Ok(true);
        }
        let flags = MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT;
        match recv(self.as_fd().as_raw_fd(), &mut [0], flags) {
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(false),
            Ok(length) if length > 0 => {}
            Err(errno) => match self.turned_away() {
                Some(refusal) => return Err(refusal),
                None if self.comes_before_messages(errno) => {}
                None => return Err(gone(errno)),
            },
            Ok(_) => {
                if let Some(refusal) = self.turned_away() {
                    return Err(refusal);
                }
            }
        }
        self.is_welcome.set(true);
        Ok(true)
    }
}
