//! A clear end for a process whose mapped file was cut by another.
//!
//! Touching a page that is no longer in the file raises SIGBUS. Instead of a
//! core dump there is one line on standard error and an exit code.

use std::fmt::Display;
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

struct Ending {
    line: String,
    code: i32,
}

/// One pointer, so that a handler in another thread never sees the line of
/// one file with the length of another.
static ENDING: AtomicPtr<Ending> = AtomicPtr::new(std::ptr::null_mut());

static COMMAND: OnceLock<&str> = OnceLock::new();

extern "C" fn end(_: libc::c_int) {
    // SAFETY: `arm` set the pointer before it installed this handler, to a
    // value that was leaked and never changes.
    let ending = unsafe { &*ENDING.load(Ordering::Acquire) };
    // SAFETY: the line lives for ever; write(2) is async-signal-safe.
    unsafe { libc::write(2, ending.line.as_ptr().cast(), ending.line.len()) };
    // SAFETY: _exit(2) is async-signal-safe and does not return.
    unsafe { libc::_exit(ending.code) };
}

/// Names the command that runs, as the line shows it; the first name counts.
pub fn speak_as(command: &'static str) {
    let _ = COMMAND.set(command);
}

/// From here on a fault on mapped memory says that the file of `object` was
/// cut, and ends with `code`.
///
/// # Errors
/// When the handler cannot be installed.
pub fn arm(object: impl Display, code: u8) -> io::Result<()> {
    let command = COMMAND.get().map(|command| format!("{command}: "));
    let line = format!(
        "ipc: {}{object}: the file was cut while in use (SIGBUS)\n",
        command.unwrap_or_default()
    );
    let code = code.into();
    let ending = Box::leak(Box::new(Ending { line, code }));
    // Release pairs with the handler's load, which may run in another thread.
    ENDING.store(ending, Ordering::Release);
    let action = SigAction::new(SigHandler::Handler(end), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler makes only async-signal-safe calls.
    unsafe { sigaction(Signal::SIGBUS, &action) }?;
    Ok(())
}
