//! Writing as much as fits at once, without touching the file's flags.

use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;

/// Writes what can be written without sleeping, pwritev2(2) with RWF_NOWAIT.
///
/// O_NONBLOCK would do the same, but it belongs to the open file, which the
/// caller shares with other processes.
///
/// # Errors
/// EAGAIN when nothing fits, EOPNOTSUPP where a file does not know how.
pub fn write_now(fd: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize, Errno> {
    let part = libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    // SAFETY: the one part lies within `bytes`, which outlives the call and is
    // only read; -1 stands for the position of the file, both halves of it.
    let written = unsafe {
        libc::syscall(
            libc::SYS_pwritev2,
            fd.as_raw_fd(),
            &raw const part,
            1,
            -1_isize,
            -1_isize,
            libc::RWF_NOWAIT,
        )
    };
    Errno::result(written).map(|count| count as usize)
}
