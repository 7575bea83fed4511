//! What the caller handed over, noted before Rust's own start-up changes it.
//!
//! The standard library opens /dev/null on closed descriptors 0 to 2 and
//! ignores SIGPIPE before `main` runs, and we have to follow our children. All
//! of that must be known: a closed standard output makes a destructive read
//! refuse, and commands are exec'd as the caller would have exec'd them.

use std::fs::File;
use std::os::fd::{FromRawFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use nix::errno::Errno;

/// A bit for each of the descriptors 0 to 2 that was closed.
static CLOSED: AtomicU8 = AtomicU8::new(0);
static SIGPIPE_IGNORED: AtomicBool = AtomicBool::new(false);
static SIGCHLD_IGNORED: AtomicBool = AtomicBool::new(false);

/// Whether descriptor 0, 1 or 2 was closed when the process started.
pub fn was_closed(fd: RawFd) -> bool {
    (0..=2).contains(&fd) && CLOSED.load(Ordering::Relaxed) & (1 << fd) != 0
}

/// Whether SIGPIPE was ignored when the process started.
pub fn was_sigpipe_ignored() -> bool {
    SIGPIPE_IGNORED.load(Ordering::Relaxed)
}

/// Whether SIGCHLD was ignored when the process started.
pub fn was_sigchld_ignored() -> bool {
    SIGCHLD_IGNORED.load(Ordering::Relaxed)
}

/// Whether this process has privileges that its caller has not: the file is
/// set-user-ID or set-group-ID, or has capabilities. AT_SECURE of getauxval(3).
pub fn has_more_than_its_caller() -> bool {
    // SAFETY: takes an integer and looks it up.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// Whether a signal is ignored in this process now.
pub(super) fn is_ignored(signal: libc::c_int) -> bool {
    // SAFETY: all zeros is a valid value of this plain C struct.
    let mut old: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: a null action only asks; `old` is writable and of the right type.
    unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut old) };
    old.sa_sigaction == libc::SIG_IGN
}

/// Takes over a descriptor that the caller of this program has left open.
///
/// To be called before this program opens anything itself.
///
/// # Errors
/// EBADF when it is not open.
pub fn inherited(fd: RawFd) -> Result<File, Errno> {
    // SAFETY: asks for the flags of a number, open or not.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFD) };
    Errno::result(flags)?;
    // SAFETY: it is open, and nothing here has opened it: it is the caller's.
    Ok(unsafe { File::from_raw_fd(fd) })
}

extern "C" fn note() {
    let mut standard = [0, 1, 2].map(|fd| libc::pollfd {
        fd,
        events: 0,
        revents: 0,
    });
    // SAFETY: the array outlives the call and its length is the one given.
    unsafe { libc::poll(standard.as_mut_ptr(), 3, 0) };
    for entry in standard {
        if entry.revents & libc::POLLNVAL != 0 {
            CLOSED.fetch_or(1 << entry.fd, Ordering::Relaxed);
        }
    }
    SIGPIPE_IGNORED.store(is_ignored(libc::SIGPIPE), Ordering::Relaxed);
    SIGCHLD_IGNORED.store(is_ignored(libc::SIGCHLD), Ordering::Relaxed);
}

#[used]
// SAFETY: the linker section holds pointers to functions of this very type,
// which the C library calls once, before main, in a process of one thread.
#[unsafe(link_section = ".init_array")]
static AT_START: extern "C" fn() = note;
