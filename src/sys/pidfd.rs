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

/// A copy of a descriptor of the process that was opened, pidfd_getfd(2). It is
/// the same open file, so nobody notices.
///
/// # Errors
/// EBADF when the process has no such descriptor, EPERM without the right to
/// trace it, ESRCH when it is gone.
pub fn copy_of(process: BorrowedFd<'_>, number: RawFd) -> Result<OwnedFd, Errno> {
    // SAFETY: takes three integers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), number, 0) };
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

/// How the process ended, as wait(2) has it, whoever reaped it: known from the
/// reap on, to everybody who had the descriptor before. PIDFD_GET_INFO, Linux 6.15.
pub fn status(process: BorrowedFd<'_>) -> Option<i32> {
    // SAFETY: all zeros is a valid value of this plain C struct.
    let mut found: libc::pidfd_info = unsafe { std::mem::zeroed() };
    let asked = u64::from(libc::PIDFD_INFO_EXIT);
    found.mask = asked;
    // SAFETY: the request has the size of the struct in it, which is writable
    // and outlives the call.
    let result = unsafe { libc::ioctl(process.as_raw_fd(), libc::PIDFD_GET_INFO, &raw mut found) };
    (result == 0 && found.mask & asked != 0).then_some(found.exit_code)
}

/// The head of a siginfo_t that carries a value, padded to its full size.
#[repr(C)]
struct Queued {
    signal: i32,
    errno: i32,
    code: i32,
    // The kernel aligns what follows for pointers.
    gap: i32,
    pid: i32,
    uid: u32,
    // A union of an int and a pointer: on 64 bits the int is its first half
    // where numbers are little-endian.
    value: libc::sigval,
    rest: [u8; 96],
}

const _: () = assert!(size_of::<Queued>() == size_of::<libc::siginfo_t>());

/// Sends a signal with a value, as sigqueue(3) does, to exactly the process
/// that was opened.
///
/// # Errors
/// ESRCH when it is gone, EPERM, EAGAIN when too many are queued.
pub fn queue(process: BorrowedFd<'_>, signal: i32, value: i32) -> Result<(), Errno> {
    let value = libc::sigval {
        // A pointer as wide as the union, so that no byte of it is undefined.
        sival_ptr: std::ptr::without_provenance_mut(value.cast_unsigned() as usize),
    };
    let information = Queued {
        signal,
        errno: 0,
        code: libc::SI_QUEUE,
        gap: 0,
        pid: std::process::id().cast_signed(),
        uid: nix::unistd::getuid().as_raw(),
        value,
        rest: [0; 96],
    };
    // SAFETY: the structure has the size and the layout of a siginfo_t with a
    // value, every byte of it is set, and it outlives the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            process.as_raw_fd(),
            signal,
            &raw const information,
            0,
        )
    };
    Errno::result(result).map(drop)
}
