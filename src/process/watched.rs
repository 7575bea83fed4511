//! Signals that are read instead of delivered, while commands run.

use std::os::fd::{AsFd, BorrowedFd};

use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::error::{Error, Result};
use crate::sys::signal::{ENDING, see_children_end};

/// Blocks these signals, to be read instead of delivered; reading never waits.
///
/// They stay blocked when the descriptor is closed. Where there is no
/// descriptor the mask stays as it was.
///
/// # Errors
/// When the system is out of descriptors.
pub(super) fn read_instead(set: &SigSet) -> Result<SignalFd> {
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    let signals = SignalFd::with_flags(set, flags).map_err(Error::os)?;
    set.thread_block().map_err(Error::os)?;
    Ok(signals)
}

/// The ending signals and SIGCHLD, read instead of delivered while this lives.
#[derive(Debug)]
pub(super) struct Watched {
    signals: SignalFd,
    former: SigSet,
}

/// An ending signal that came for this process.
#[derive(Debug, Clone, Copy)]
pub(super) struct Passed {
    pub(super) signal: Signal,
    /// What the terminal sends, it sends to the whole group already.
    pub(super) is_from_terminal: bool,
}

impl Watched {
    /// To be made before the start of what is watched, so that no end is missed.
    ///
    /// # Errors
    /// When the system is out of descriptors.
    pub(super) fn new() -> Result<Watched> {
        let mut set = SigSet::from_iter(ENDING);
        set.add(Signal::SIGCHLD);
        let former = SigSet::thread_get_mask().map_err(Error::os)?;
        let signals = read_instead(&set)?;
        see_children_end();
        Ok(Watched { signals, former })
    }

    /// Sleeps until a signal has come, or the time is over.
    pub(super) fn wait(&self, most: PollTimeout) {
        let mut watched = [PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        // Only a descriptor that is none is refused, and this is one.
        let _ = poll(&mut watched, most);
    }

    /// Takes the next ending signal that came, and what says that a child has
    /// ended before it; never waits.
    pub(super) fn passed(&self) -> Option<Passed> {
        loop {
            let info = self.signals.read_signal().ok().flatten()?;
            let signal = Signal::try_from(info.ssi_signo.cast_signed()).ok();
            if let Some(signal) = signal.filter(|signal| *signal != Signal::SIGCHLD) {
                let is_from_terminal = info.ssi_code == libc::SI_KERNEL;
                return Some(Passed {
                    signal,
                    is_from_terminal,
                });
            }
        }
    }
}

/// Readable when one has come.
impl AsFd for Watched {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.signals.as_fd()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // Puts back the mask that was in force.
        let _ = self.former.thread_set_mask();
    }
}
