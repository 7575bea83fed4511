//! Who is at the other end, by the word of the kernel, and who may be.

use std::os::fd::AsFd;

use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;
use nix::unistd::geteuid;

use crate::error::{Error, ErrorKind, Result};

pub use crate::sys::ancillary::Sender as Peer;

/// Asks who is connected: the credentials of the moment of connect(2) or listen(2).
///
/// # Errors
/// None on a connected socket, SO_PEERCRED in unix(7).
pub fn peer_of(socket: &impl AsFd) -> Result<Peer> {
    let found = getsockopt(&socket.as_fd(), PeerCredentials).map_err(Error::os)?;
    Ok(Peer {
        pid: found.pid(),
        uid: found.uid(),
        gid: found.gid(),
    })
}

/// The users that may be at the other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowed {
    /// Whoever gets there.
    Anybody,
    /// These.
    Users(Vec<u32>),
    /// This user alone, and no option lets others in.
    Oneself,
}

impl Allowed {
    /// This user, and root.
    pub fn own() -> Allowed {
        Allowed::Users(vec![geteuid().as_raw(), 0])
    }

    /// Checks one who is there.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`] with the user's number.
    pub fn check(&self, peer: Peer) -> Result<()> {
        match self {
            Allowed::Users(users) if !users.contains(&peer.uid) => {
                let error = refusal(peer, "it is not an allowed user");
                Err(error.hint(format!("--allow-uid {} lets that user in", peer.uid)))
            }
            Allowed::Oneself if peer.uid != geteuid().as_raw() => {
                let error = refusal(peer, "this is for one user alone");
                Err(error.hint("give another NAME: this one is taken while that process lives"))
            }
            _ => Ok(()),
        }
    }
}

fn refusal(peer: Peer, why: &str) -> Error {
    let Peer { pid, uid, .. } = peer;
    let message = format!("process {pid} of user {uid} is refused: {why}");
    Error::new(ErrorKind::Denied, message)
}
