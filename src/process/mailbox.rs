//! Signals that are blocked and taken one by one: none that is queued is lost.

use nix::errno::Errno;
use nix::libc;

use super::signal::Signal;
use crate::deadline::monotonic_now;
use crate::error::{Error, ErrorKind, Result};
use crate::sys::queue;
use crate::wait::Wait;

/// A signal that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Letter {
    /// Which one.
    pub signal: Signal,
    /// Who sent it; 0 for the kernel, and for a sender of another pid namespace.
    pub pid: i32,
    /// The sender's user.
    pub uid: u32,
    /// The value, where it was sent with one.
    pub value: Option<i32>,
    /// `kill`, `queue`, `thread`, `timer`, `kernel` or `other`.
    pub how: &'static str,
}

/// Signals of this process that wait to be taken.
///
/// They stay blocked: one that comes late does nothing, and ends with the process.
#[derive(Debug)]
pub struct Mailbox {
    signals: Vec<i32>,
}

impl Mailbox {
    /// Blocks the signals. What comes from here on is kept.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] for KILL and STOP, which nobody can block, and for
    /// those that the C library keeps for itself.
    pub fn of(signals: &[Signal]) -> Result<Mailbox> {
        for signal in signals {
            let is_kept = !Signal::all().any(|one| one == *signal);
            if is_kept || [Signal::KILL, Signal::STOP].contains(signal) {
                let message = format!("{signal} cannot be waited for");
                return Err(Error::new(ErrorKind::Usage, message));
            }
        }
        let signals: Vec<i32> = signals.iter().map(|signal| signal.number()).collect();
        queue::block(&signals).map_err(Error::os)?;
        Ok(Mailbox { signals })
    }

    /// Takes one that is there already.
    ///
    /// # Errors
    /// None in practice, sigtimedwait(2).
    pub fn take_now(&self) -> Result<Option<Letter>> {
        match queue::take(&self.signals, Some(std::time::Duration::ZERO)) {
            Ok(taken) => Ok(Some(letter(&taken))),
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(None),
            Err(errno) => Err(Error::os(errno)),
        }
    }

    /// Takes one, and waits for it.
    ///
    /// # Errors
    /// [`ErrorKind::TimedOut`], [`ErrorKind::WouldBlock`].
    pub fn take(&self, wait: &mut Wait) -> Result<Letter> {
        loop {
            let until = wait.next(None)?;
            let left = until.map(|moment| moment.saturating_sub(monotonic_now()));
            match queue::take(&self.signals, left) {
                Ok(taken) => return Ok(letter(&taken)),
                Err(Errno::EAGAIN | Errno::EINTR) => {}
                Err(errno) => return Err(Error::os(errno)),
            }
        }
    }
}

fn letter(taken: &queue::Taken) -> Letter {
    let how = match taken.code {
        libc::SI_USER => "kill",
        libc::SI_QUEUE => "queue",
        libc::SI_TKILL => "thread",
        libc::SI_TIMER => "timer",
        libc::SI_KERNEL => "kernel",
        _ => "other",
    };
    let is_sent = matches!(how, "kill" | "queue" | "thread");
    // The kernel tells of children with their number; of others it tells nothing.
    let has_sender = is_sent || taken.signal == libc::SIGCHLD;
    Letter {
        // The kernel hands out only what was asked for.
        signal: Signal::from_number(taken.signal).unwrap_or(Signal::TERM),
        pid: if has_sender { taken.pid } else { 0 },
        uid: if has_sender { taken.uid } else { 0 },
        value: (how == "queue").then_some(taken.value),
        how,
    }
}
