//! The start of the process: what the caller handed over, and what is changed
//! of it before the first line of Rust.
//!
//! The program has a `main` of C, made by `entry!`, in place of the start-up of
//! the standard library: that reads /proc/self/maps and makes a stack for a
//! handler of stack overflows, which cost more than most verbs do. What we need
//! of it is done here: closed descriptors 0 to 2 become /dev/null, so that
//! nothing that is opened later is taken for one of them, and SIGPIPE is
//! ignored, so that it is an error like any other. What was there before is
//! noted: a closed standard output makes a destructive read refuse, and commands
//! are exec'd as the caller would have exec'd them.

use std::ffi::{CStr, OsStr, OsString};
use std::fs::File;
use std::os::fd::{FromRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use nix::errno::Errno;

/// A bit for each of the descriptors 0 to 2 that was closed.
static CLOSED: AtomicU8 = AtomicU8::new(0);
static SIGPIPE_IGNORED: AtomicBool = AtomicBool::new(false);
static SIGCHLD_IGNORED: AtomicBool = AtomicBool::new(false);

static WORDS: OnceLock<Vec<OsString>> = OnceLock::new();

/// Makes the `main` of a binary from a function that takes the words of the
/// command line, the program's own first, and returns the exit code.
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        // SAFETY: no library has a function of this name, and the C library
        // calls it with this signature.
        #[unsafe(no_mangle)]
        extern "C" fn main(
            count: std::ffi::c_int,
            words: *const *const std::ffi::c_char,
        ) -> std::ffi::c_int {
            // SAFETY: these are the arguments of main, in a process of one thread.
            let words = unsafe { $crate::sys::startup::begin(count, words) };
            std::ffi::c_int::from($main(words))
        }
    };
}

/// Does what comes before the program itself; see the top of this file.
///
/// # Safety
/// To be called once, first of all, with the arguments of `main`.
pub unsafe fn begin(count: libc::c_int, words: *const *const libc::c_char) -> &'static [OsString] {
    note();
    for fd in (0..=2).filter(|fd| was_closed(*fd)) {
        open_nothing(fd);
    }
    // SAFETY: this disposition refers to no function.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    WORDS.get_or_init(|| {
        (0..usize::try_from(count).unwrap_or_default())
            .map(|at| {
                // SAFETY: there are as many pointers as `count` says.
                let word = unsafe { *words.wrapping_add(at) };
                // SAFETY: each is to a C string that stays as long as the process.
                let word = unsafe { CStr::from_ptr(word) };
                OsStr::from_bytes(word.to_bytes()).to_owned()
            })
            .collect()
    })
}

/// The words of the command line.
pub fn words() -> &'static [OsString] {
    WORDS.get_or_init(|| std::env::args_os().collect())
}

/// Puts /dev/null where a standard descriptor was closed; without /dev the
/// process ends, as it would under the start-up of Rust.
fn open_nothing(fd: RawFd) {
    // SAFETY: a C string that outlives the call. The lowest free number is the
    // one that is closed, since they are gone through in order.
    let opened = unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) };
    if opened != fd {
        std::process::abort();
    }
}

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

/// Notes what was there.
fn note() {
    for fd in 0..=2 {
        // SAFETY: asks for the flags of a number, open or not.
        if unsafe { libc::fcntl(fd, libc::F_GETFD) } == -1 {
            CLOSED.fetch_or(1 << fd, Ordering::Relaxed);
        }
    }
    SIGPIPE_IGNORED.store(is_ignored(libc::SIGPIPE), Ordering::Relaxed);
    SIGCHLD_IGNORED.store(is_ignored(libc::SIGCHLD), Ordering::Relaxed);
}
