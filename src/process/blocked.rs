//! Holding back the signals that end a process while something is half-done.

use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};

use crate::error::{Error, Result};
use crate::sys::signal::ENDING;

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
