//! Waiting for a signal that says that something arrived.

use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::SignalFd;

use super::watched::read_instead;
use crate::deadline::monotonic_now;
use crate::error::{Error, Result};
use crate::wait::{RECHECK, Wait};

/// One signal, blocked and read instead of delivered.
#[derive(Debug)]
pub struct Arrival {
    signals: SignalFd,
    signal: Signal,
}

impl Arrival {
    /// Blocks the signal; it stays blocked, so that one that comes late cannot kill.
    ///
    /// # Errors
    /// When the system is out of descriptors.
    pub fn by(signal: Signal) -> Result<Arrival> {
        let signals = read_instead(&SigSet::from(signal))?;
        Ok(Arrival { signals, signal })
    }

    /// The mask to sleep with: `former`, and the signal stays blocked.
    pub fn mask(&self, former: SigSet) -> SigSet {
        let mut mask = former;
        mask.add(self.signal);
        mask
    }

    /// Waits until the signal has come; asks `still_there` once a second,
    /// since the kernel does not tell when the sender-to-be is gone.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::TimedOut`], and what `still_there` says.
    pub fn wait(&self, wait: &mut Wait, still_there: impl Fn() -> Result<()>) -> Result<()> {
        loop {
            still_there()?;
            let until = wait.next(Some(RECHECK))?;
            let left = until.map(|moment| moment.saturating_sub(monotonic_now()).into());
            let mut watched = [PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
            match ppoll(&mut watched, left, wait.mask()) {
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) => return self.signals.read_signal().map(drop).map_err(Error::os),
                Err(errno) => return Err(Error::os(errno)),
            }
        }
    }
}
