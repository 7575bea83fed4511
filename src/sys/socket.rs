//! Taking connections, accept4(2): nix gives a number that nobody owns.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::errno::Errno;

/// Takes a connection that waits, closed on exec and not blocking.
///
/// # Errors
/// Those of accept4(2); EAGAIN when none waits on a socket that does not block.
pub fn accept(listener: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    let nobody = std::ptr::null_mut();
    // SAFETY: null pointers say that nobody asks for the address of the peer.
    let taken = unsafe { libc::accept4(listener.as_raw_fd(), nobody, nobody.cast(), flags) };
    let taken = Errno::result(taken)?;
    // SAFETY: the system call just made this descriptor; nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(taken) })
}
