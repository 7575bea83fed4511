//! A clear end for a process whose mapped file was cut by another.
//!
//! Touching a page that is no longer in the file raises SIGBUS. Instead of a
//! core dump there is one line on standard error and an exit code.

use std::io;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicUsize, Ordering};

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

static LINE: AtomicPtr<u8> = AtomicPtr::new(std::ptr::null_mut());
static LENGTH: AtomicUsize = AtomicUsize::new(0);
static CODE: AtomicI32 = AtomicI32::new(0);

extern "C" fn end(_: libc::c_int) {
    let (line, length) = (LINE.load(Ordering::Acquire), LENGTH.load(Ordering::Acquire));
    if !line.is_null() {
        // SAFETY: the line was leaked by `arm` and is never freed; write(2) is
        // async-signal-safe.
        unsafe { libc::write(2, line.cast(), length) };
    }
    // SAFETY: _exit(2) is async-signal-safe and does not return.
    unsafe { libc::_exit(CODE.load(Ordering::Acquire)) };
}

/// From here on a fault on mapped memory prints `line` and ends with `code`.
///
/// # Errors
/// When the handler cannot be installed.
pub fn arm(line: String, code: u8) -> io::Result<()> {
    let line: &'static str = line.leak();
    // Until the line is complete the handler prints nothing: the pointer comes last.
    CODE.store(code.into(), Ordering::Release);
    LENGTH.store(line.len(), Ordering::Release);
    LINE.store(line.as_ptr().cast_mut(), Ordering::Release);
    let action = SigAction::new(SigHandler::Handler(end), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler makes only async-signal-safe calls.
    unsafe { sigaction(Signal::SIGBUS, &action) }?;
    Ok(())
}
