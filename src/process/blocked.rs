//! Holding back the signals that end a process while something is half-done.

use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::error::{Error, ErrorKind, Result};
use crate::sys::signal::{self, ENDING};

/// The ending signals (INT, TERM, HUP, QUIT) are blocked while this lives.
///
/// No handler is installed: one that came strikes with its default action
/// when the mask is lifted, by a sleep that lets it in or by the drop.
#[derive(Debug)]
pub struct Blocked {
    former: SigSet,
}

impl Blocked {
    /// Blocks them.
    ///
    /// # Errors
    /// None in practice, sigprocmask(2).
    pub fn new() -> Result<Blocked> {
        let mut former = SigSet::empty();
        let ending = SigSet::from_iter(ENDING);
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&ending), Some(&mut former)).map_err(Error::os)?;
        Ok(Blocked { former })
    }

    /// The mask from before: to sleep with, and to give to commands.
    pub fn former(&self) -> SigSet {
        self.former
    }

    /// The signal that came meanwhile and ends this process once it is let in.
    ///
    /// For loops that may never sleep: a queue that is filled as fast as it is
    /// emptied would else keep an ending signal out for ever.
    pub fn came(&self) -> Option<Signal> {
        let pending = signal::pending();
        // The kernel keeps a blocked signal even where it is ignored.
        ENDING.into_iter().find(|signal| {
            pending.contains(*signal)
                && !self.former.contains(*signal)
                && !signal::is_ignored(*signal)
        })
    }

    /// Becomes readable when an ending signal has come; it is not to be read,
    /// so that the signal stays pending.
    ///
    /// # Errors
    /// When the system is out of descriptors.
    pub fn bell(&self) -> Result<SignalFd> {
        let heard =
            |signal: &Signal| !self.former.contains(*signal) && !signal::is_ignored(*signal);
        let set = SigSet::from_iter(ENDING.into_iter().filter(heard));
        SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC).map_err(Error::os)
    }

    /// Stops a loop between two messages.
    ///
    /// # Errors
    /// [`ErrorKind::Interrupted`] when an ending signal came.
    pub fn check(&self) -> Result<()> {
        match self.came() {
            Some(signal) => Err(Error::new(
                ErrorKind::Interrupted(signal as i32),
                "interrupted",
            )),
            None => Ok(()),
        }
    }

    /// Leaves them blocked until the process ends: what is done is done, and
    /// the exit code has to say so.
    pub fn for_good(self) {
        std::mem::forget(self);
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        // Putting back a mask that was in force cannot fail.
        let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&self.former), None);
    }
}
