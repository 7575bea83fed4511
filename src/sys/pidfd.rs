//! Descriptors of processes: the only thing that tells a dead one from a
//! reused number.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;

/// Opens a process by number, pidfd_open(2).
///
/// # Errors
/// ESRCH when there is none; ENOENT or EINVAL when the number is a mere thread's.
pub fn open(pid: i32) -> Result<OwnedFd, Errno> {
    // SAFETY: takes two integers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let fd = Errno::result(fd)? as RawFd;
    // SAFETY: the system call just made this descriptor; nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Sends a signal to exactly the process that was opened.
///
/// # Errors
/// ESRCH when it is gone, EPERM.
pub fn signal(process: BorrowedFd<'_>, signal: i32) -> Result<(), Errno> {
    let information = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: a null siginfo stands for that of kill(2).
    let result = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            process.as_raw_fd(),
            signal,
            information,
            0,
        )
    };
    Errno::result(result).map(drop)
}
