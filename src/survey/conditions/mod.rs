//! Waiting for things of several kinds in one sleep.
//!
//! Processes and queues have descriptors; named processes have theirs and a
//! watched file; events, locks and values are slept on by threads that ring a
//! bell. Semaphores are looked at by the clock: a sleeper on one of them takes
//! the wake of somebody who would have taken the unit.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};

use crate::deadline::monotonic_now;
use crate::error::{Error, Result};
use crate::shared::bell::Bell;
use crate::shared::scalar::Scalar;
use crate::sys::wait::Ending;
use crate::wait::Wait;

mod condition;

pub use condition::Condition;

/// How often a semaphore is looked at.
pub const SEMAPHORE_PERIOD: Duration = Duration::from_millis(50);

/// What has come about.
#[derive(Debug, Clone, PartialEq)]
pub enum Happened {
    /// A process has ended, and how, where that is known.
    Ended(Option<Ending>),
    /// An event was set or pulsed.
    Set,
    /// A queue has so many messages.
    Messages(usize),
    /// A semaphore has so many units.
    Units(u32),
    /// A lock is free.
    Free,
    /// A value is as wanted.
    Value(Scalar),
}

/// Several conditions, and what they are watched with.
#[derive(Debug)]
pub struct Conditions {
    pending: Vec<(usize, Condition)>,
    bell: Bell,
}

impl Conditions {
    /// Begins to watch all of them. Does not block.
    ///
    /// # Errors
    /// When the system has no room for what watches them.
    pub fn new(conditions: Vec<Condition>) -> Result<Conditions> {
        let bell = Bell::new()?;
        let mut pending: Vec<(usize, Condition)> = conditions.into_iter().enumerate().collect();
        for (_, condition) in &mut pending {
            condition.ring(&bell)?;
        }
        Ok(Conditions { pending, bell })
    }

    /// Waits for the next one that comes about, says which, by its place, and
    /// watches it no more. Nothing when none is left.
    ///
    /// # Errors
    /// What the wait says; [`crate::error::ErrorKind::Broken`] when an object
    /// was removed, with its name.
    pub fn next(&mut self, wait: &mut Wait) -> Result<Option<(usize, Happened)>> {
        while !self.pending.is_empty() {
            // Silenced before the look: what comes after it rings again.
            self.bell.silence();
            for at in 0..self.pending.len() {
                let (_, condition) = &mut self.pending[at];
                if let Some(happened) = condition.look(wait)? {
                    let (place, _) = self.pending.remove(at);
                    return Ok(Some((place, happened)));
                }
            }
            self.sleep(wait)?;
        }
        Ok(None)
    }

    fn sleep(&self, wait: &mut Wait) -> Result<()> {
        let periods = self.pending.iter().filter_map(|(_, one)| one.period());
        let until = wait.next(periods.min())?;
        let left = until.map(|moment| moment.saturating_sub(monotonic_now()).into());
        let bell: (BorrowedFd<'_>, PollFlags) = (self.bell.as_fd(), PollFlags::POLLIN);
        let others = self.pending.iter().flat_map(|(_, one)| one.descriptors());
        let mut watched: Vec<PollFd<'_>> = std::iter::once(bell)
            .chain(others)
            .map(|(descriptor, events)| PollFd::new(descriptor, events))
            .collect();
        match ppoll(&mut watched, left, wait.mask()) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(Error::os(errno)),
        }
    }
}
