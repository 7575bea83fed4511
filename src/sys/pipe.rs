//! Looking into a pipe.

use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;

/// Bytes that nobody has read yet, FIONREAD of ioctl_pipe(2).
///
/// # Errors
/// ENOTTY where there is no such thing.
pub fn waiting(pipe: impl AsFd) -> Result<u64, Errno> {
    let mut bytes: libc::c_int = 0;
    let fd = pipe.as_fd().as_raw_fd();
    // SAFETY: the kernel writes one int, which is writable and outlives the call.
    let result = unsafe { libc::ioctl(fd, libc::FIONREAD, &raw mut bytes) };
    Errno::result(result)?;
    Ok(u64::try_from(bytes).unwrap_or(0))
}
