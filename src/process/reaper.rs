//! The heir of all that is started below this process.
//!
//! A subreaper becomes the parent of every descendant whose own parent ends,
//! so that none gets away: not by a double fork, not by a session of its own.
//! Its children are its own until it reaps them, so their numbers cannot have
//! been given to others.

use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::sys::prctl::set_child_subreaper;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::SignalFd;
use nix::unistd::Pid;

use super::identity::{self, all, lineage};
use super::watched::read_instead;
use crate::error::{Error, Result};
use crate::sys::signal::see_children_end;
use crate::sys::wait::{Ending, Which, reap};

/// What a look for ended children found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// This one had ended, and is gone now.
    Reaped(i32, Ending),
    /// All that there are still run.
    Running,
    /// There is none.
    Nobody,
}

/// Inherits orphans and hears of ends. SIGCHLD is blocked while it lives.
#[derive(Debug)]
pub struct Reaper {
    ends: SignalFd,
    former: SigSet,
}

impl Reaper {
    /// Makes this process the heir of its descendants, for those that are
    /// orphaned from now on. It stays so until it ends.
    ///
    /// # Errors
    /// When the system is out of descriptors.
    pub fn new() -> Result<Reaper> {
        set_child_subreaper(true).map_err(Error::os)?;
        let former = SigSet::thread_get_mask().map_err(Error::os)?;
        let ends = read_instead(&SigSet::from(Signal::SIGCHLD))?;
        see_children_end();
        Ok(Reaper { ends, former })
    }

    /// Leaves the mask as it is until the process ends: what comes now comes
    /// too late, and the exit code has to say how it went.
    pub fn for_good(self) {
        std::mem::forget(self);
    }

    /// Takes one end, if there is one. Never waits.
    ///
    /// # Errors
    /// None in practice, waitid(2).
    pub fn next(&self) -> Result<Found> {
        match reap(Which::Any) {
            Ok(Some((pid, ending))) => Ok(Found::Reaped(pid, ending)),
            Ok(None) => {
                self.forget();
                // One may have ended before its signal was taken away.
                Ok(match reap(Which::Any) {
                    Ok(Some((pid, ending))) => Found::Reaped(pid, ending),
                    _ => Found::Running,
                })
            }
            Err(Errno::ECHILD) => Ok(Found::Nobody),
            Err(errno) => Err(Error::os(errno)),
        }
    }

    /// Takes the signals that said so; ends that they stood for are reaped.
    fn forget(&self) {
        while let Ok(Some(_)) = self.ends.read_signal() {}
    }

    /// Kills everything below this process and returns when nothing is left.
    ///
    /// Whatever a killed process had started comes here and is killed in its
    /// turn. Processes that change their user, or that the kernel cannot end
    /// at once, are waited for.
    ///
    /// # Errors
    /// None in practice, waitid(2).
    pub fn end_all(&self, mut ended: impl FnMut(i32, Ending)) -> Result<()> {
        loop {
            for pid in children() {
                // Not reaped by anybody but us, so it is still the same one.
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
            let mut has_reaped = false;
            loop {
                match self.next()? {
                    Found::Reaped(pid, ending) => {
                        has_reaped = true;
                        ended(pid, ending);
                    }
                    Found::Running => break,
                    Found::Nobody => return Ok(()),
                }
            }
            if !has_reaped {
                self.sleep();
            }
        }
    }

    /// Sleeps until a child ends, for a moment at most: one that comes by
    /// inheritance while it is alive makes no signal.
    fn sleep(&self) {
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
        let mut watched = [PollFd::new(self.ends.as_fd(), PollFlags::POLLIN)];
        let _ = poll(&mut watched, PollTimeout::from(10u8));
    }
}

/// Readable when a child has ended.
impl AsFd for Reaper {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ends.as_fd()
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        // Puts back the mask that was in force.
        let _ = self.former.thread_set_mask();
    }
}

/// The children of this process, zombies included.
pub fn children() -> Vec<i32> {
    let this = std::process::id().cast_signed();
    // A kernel without lists of children.
    let by_parent = || {
        let is_child = |pid: &i32| lineage(*pid).is_some_and(|found| found.parent == this);
        all().into_iter().filter(is_child).collect()
    };
    identity::children(this).unwrap_or_else(by_parent)
}
