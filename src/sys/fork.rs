//! Copies of this process.

use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use nix::errno::Errno;
use nix::unistd::{ForkResult, fork};

/// The code of a copy that panicked, as that of any program in Rust.
const PANICKED: u8 = 101;

/// Forks; the copy does `work` and ends with the code that it gives.
///
/// The copy never comes back from here: it runs no destructors of the caller
/// and flushes nothing, so that what is buffered is written once.
///
/// # Errors
/// EAGAIN and ENOMEM of fork(2); EBUSY when this process has more than one
/// thread, ENOENT when `/proc` is not there to tell.
pub fn child(work: impl FnOnce() -> u8) -> Result<i32, Errno> {
    if threads()? != 1 {
        return Err(Errno::EBUSY);
    }
    // SAFETY: with one thread no lock is held by a thread that the copy lacks,
    // so that it may do whatever this process may.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => Ok(child.as_raw()),
        ForkResult::Child => {
            let code = catch_unwind(AssertUnwindSafe(work)).unwrap_or(PANICKED);
            // SAFETY: ends this process and has no precondition.
            unsafe { libc::_exit(i32::from(code)) }
        }
    }
}

/// A folder has a link for each folder in it, and two of its own.
fn threads() -> Result<u64, Errno> {
    let tasks = std::fs::metadata("/proc/self/task").map_err(|_| Errno::ENOENT)?;
    Ok(tasks.nlink().saturating_sub(2))
}
