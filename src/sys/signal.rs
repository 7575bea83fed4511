//! Signals: a flag for waits that have something to undo, and dying of one.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use super::startup;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

/// Signals by which people and service managers end a process.
pub const ENDING: [Signal; 11] = [
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    // Less common, and they end a process all the same.
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGALRM,
    Signal::SIGVTALRM,
    Signal::SIGPROF,
    Signal::SIGXCPU,
    // Blocked, a file that gets too large is an error of write(2) first.
    Signal::SIGXFSZ,
];

/// Whether SIGXFSZ is ignored by our own doing, and not by the caller's.
static SIZE_LIMIT_IGNORED: AtomicBool = AtomicBool::new(false);

static RAISED: AtomicI32 = AtomicI32::new(0);

extern "C" fn note(signal: libc::c_int) {
    RAISED.store(signal, Ordering::Relaxed);
}

/// Tells whether a signal asked this process to end.
///
/// While it is installed such a signal interrupts a sleep (no SA_RESTART)
/// instead of killing. A signal ignored at start stays ignored.
#[derive(Debug)]
pub struct StopFlag {
    former: Vec<(Signal, SigAction)>,
}

impl StopFlag {
    /// Installs the handlers; dropping the flag removes them.
    ///
    /// # Errors
    /// When the kernel refuses one (sigaction(2)).
    pub fn install() -> io::Result<StopFlag> {
        let handler = SigHandler::Handler(note);
        let action = SigAction::new(handler, SaFlags::empty(), SigSet::empty());
        let mut former = Vec::with_capacity(ENDING.len());
        for signal in ENDING {
            // Asked first: a handler that is there for a moment would note a
            // signal that the caller, nohup(1) say, wants ignored.
            if is_ignored(signal) {
                continue;
            }
            // SAFETY: the handler only stores into an atomic, which is async-signal-safe.
            let old = unsafe { sigaction(signal, &action) }?;
            former.push((signal, old));
        }
        Ok(StopFlag { former })
    }

    /// The signal that came, if one did.
    pub fn raised(&self) -> Option<i32> {
        Some(RAISED.load(Ordering::Relaxed)).filter(|signal| *signal != 0)
    }
}

impl Drop for StopFlag {
    fn drop(&mut self) {
        for (signal, old) in &self.former {
            // SAFETY: this puts back the action that was there before.
            let _ = unsafe { sigaction(*signal, old) };
        }
    }
}

/// The signals that came while they were blocked, sigpending(2).
pub fn pending() -> SigSet {
    // SAFETY: all zeros is a valid value of this plain C struct.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set is writable and outlives the call, which fills it.
    unsafe { libc::sigpending(&raw mut set) };
    // SAFETY: zeroed and then filled by the kernel, so it is initialised.
    unsafe { SigSet::from_sigset_t_unchecked(set) }
}

/// Whether a signal is ignored in this process.
pub fn is_ignored(signal: Signal) -> bool {
    startup::is_ignored(signal as libc::c_int)
}

/// Lets a process learn how its children end, where the caller ignores
/// SIGCHLD: ignored, the kernel reaps them unseen and sends nothing.
pub fn see_children_end() {
    if is_ignored(Signal::SIGCHLD) {
        // SAFETY: sets a disposition that is no handler.
        unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
    }
}

/// From here on a file that would get too large for this process is an error
/// (EFBIG), no longer a death by SIGXFSZ. Commands that are started get the
/// disposition of the caller all the same.
pub fn ignore_size_limit() {
    let ignore = SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty());
    // SAFETY: ignoring a signal runs no code of ours.
    let former = unsafe { sigaction(Signal::SIGXFSZ, &ignore) };
    if former.is_ok_and(|former| !matches!(former.handler(), SigHandler::SigIgn)) {
        SIZE_LIMIT_IGNORED.store(true, Ordering::Relaxed);
    }
}

/// Whether [`ignore_size_limit`] has changed anything.
pub(super) fn has_ignored_size_limit() -> bool {
    SIZE_LIMIT_IGNORED.load(Ordering::Relaxed)
}

/// Sends a signal to a process group, by number: nix has no names for
/// real-time signals.
///
/// # Errors
/// ESRCH when it is gone, EPERM.
pub fn send_to_group(group: i32, signal: i32) -> Result<(), nix::errno::Errno> {
    // SAFETY: takes two integers.
    let sent = unsafe { libc::killpg(group, signal) };
    nix::errno::Errno::result(sent).map(drop)
}

/// Ends this process by `signal`, so that the caller sees the real thing.
///
/// Returns only where the signal is one that does not end a process.
pub fn die_by(signal: i32) {
    // By number: nix has no names for real-time signals.
    // SAFETY: the default action runs no code of ours.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
    // SAFETY: all zeros is a valid value of this plain C struct.
    let mut only: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set is writable and outlives the call, which makes it empty.
    unsafe { libc::sigemptyset(&raw mut only) };
    // SAFETY: the set was just made; a number that is no signal is refused.
    unsafe { libc::sigaddset(&raw mut only, signal) };
    // SAFETY: the set outlives the call, and the former mask is not asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const only, std::ptr::null_mut()) };
    // SAFETY: sends a signal whose action is the default one.
    unsafe { libc::raise(signal) };
}
