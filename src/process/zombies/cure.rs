//! What gets rid of zombies without touching their parent's memory.

use std::time::Duration;

use nix::poll::{PollTimeout, poll};

use super::{Parent, Zombie};
use crate::deadline::monotonic_now;
use crate::error::Result;
use crate::process::identity::Process;
use crate::process::signal::Signal;

/// How often to look for what the kernel tells nobody but the parent.
const RECHECK: u16 = 10;

/// What came of a cure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cure {
    /// How many zombies there were.
    pub before: usize,
    /// How many of them are gone.
    pub reaped: usize,
    /// Whether the parent has ended.
    pub has_parent_ended: bool,
}

/// Sends SIGCHLD to the parent and waits until its zombies are gone, for
/// `patience` at most. It helps where there is a handler that waits; elsewhere
/// it does no harm.
///
/// # Errors
/// When the parent is gone, or belongs to another user.
pub fn nudge(parent: &Parent, patience: Duration) -> Result<Cure> {
    let process = Process::open(parent.pid)?;
    process.send(Signal::CHLD)?;
    Ok(watch(parent, &process, patience))
}

/// Asks the parent to end, by SIGTERM, and waits for that and for its zombies
/// to be gone: whoever inherits them may reap them or not.
///
/// # Errors
/// As [`nudge`].
pub fn end_parent(parent: &Parent, patience: Duration) -> Result<Cure> {
    let process = Process::open(parent.pid)?;
    process.send(Signal::TERM)?;
    Ok(watch(parent, &process, patience))
}

fn watch(parent: &Parent, process: &Process, patience: Duration) -> Cure {
    let until = monotonic_now().saturating_add(patience);
    loop {
        let left = parent.zombies.iter().filter(|one| Zombie::is_there(one));
        let left = left.count();
        if left == 0 || monotonic_now() >= until {
            return Cure {
                before: parent.zombies.len(),
                reaped: parent.zombies.len() - left,
                has_parent_ended: process.is_dead(),
            };
        }
        let _ = poll(&mut [], PollTimeout::from(RECHECK));
    }
}
