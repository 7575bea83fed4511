//! What the queue crate leaves out: the descriptor, and kernel notification.

use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::sys::signal::Signal;
use posixmq::PosixMq;

/// The descriptor of an open queue; on Linux a queue is one.
pub fn descriptor(queue: &PosixMq) -> BorrowedFd<'_> {
    // SAFETY: the queue owns the descriptor and is borrowed for as long.
    unsafe { BorrowedFd::borrow_raw(queue.as_raw_fd()) }
}

/// Registers this process for one notification by `signal`, mq_notify(2).
///
/// The registration ends with its first notification, and with the last
/// descriptor of the queue in this process.
///
/// # Errors
/// EBUSY when a process is registered already.
pub fn notify(queue: BorrowedFd<'_>, signal: Signal) -> Result<(), Errno> {
    // SAFETY: all zeros is a valid value of this plain C struct.
    let mut event: libc::sigevent = unsafe { std::mem::zeroed() };
    event.sigev_notify = libc::SIGEV_SIGNAL;
    event.sigev_signo = signal as libc::c_int;
    // SAFETY: the descriptor is open and the event outlives the call, which copies it.
    let result = unsafe { libc::syscall(libc::SYS_mq_notify, queue.as_raw_fd(), &raw const event) };
    Errno::result(result).map(drop)
}
