//! Descriptors that a copy of this process has no use for.

use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;

/// Closes every descriptor from 3 on but these, close_range(2).
///
/// For copies of this process that go on alone: whatever the caller had open
/// would stay open with them, and a reader of a pipe would never see its end.
///
/// # Errors
/// ENOSYS before Linux 5.9.
pub fn close_others(keep: &[BorrowedFd<'_>]) -> Result<(), Errno> {
    let mut kept: Vec<u32> = keep
        .iter()
        .map(|one| one.as_raw_fd().cast_unsigned())
        .collect();
    kept.sort_unstable();
    let mut from = 3;
    for number in kept {
        if number > from {
            close_range(from, number - 1)?;
        }
        from = from.max(number + 1);
    }
    close_range(from, u32::MAX)
}

fn close_range(first: u32, last: u32) -> Result<(), Errno> {
    // SAFETY: the caller is a copy that uses none of these numbers again.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    Errno::result(result).map(drop)
}
