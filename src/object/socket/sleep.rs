//! Sleeping until a descriptor is ready, a deadline passes or a signal comes.

use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, ppoll};

use crate::deadline::monotonic_now;
use crate::error::{Error, Result};
use crate::wait::Wait;

/// Sleeps until one of them is ready; tells how many are, none after a signal.
///
/// # Errors
/// What [`Wait::next`] says: the deadline has passed, or a signal asks to stop.
pub(super) fn sleep(entries: &mut [PollFd<'_>], wait: &mut Wait) -> Result<usize> {
    sleep_at_most(entries, wait, None)
}

/// As [`sleep`], and at most so long.
///
/// # Errors
/// As [`sleep`].
pub(super) fn sleep_at_most(
    entries: &mut [PollFd<'_>],
    wait: &mut Wait,
    most: Option<Duration>,
) -> Result<usize> {
    let until = match wait.next(most) {
        // Nothing is waited for, but what is ready counts.
        Err(error) => {
            return match ppoll(entries, Some(Duration::ZERO.into()), None) {
                Ok(found) if found > 0 => Ok(found.unsigned_abs() as usize),
                _ => Err(error),
            };
        }
        Ok(until) => until,
    };
    let left = until.map(|moment| moment.saturating_sub(monotonic_now()).into());
    match ppoll(entries, left, wait.mask()) {
        Ok(found) => {
            if let Some(mask) = wait.mask().filter(|_| found > 0) {
                // Who always finds something ready would keep signals out for ever.
                let _ = ppoll(&mut [], Some(Duration::ZERO.into()), Some(mask));
                wait.interrupted()?;
            }
            Ok(found.unsigned_abs() as usize)
        }
        Err(Errno::EINTR) => wait.interrupted().map(|()| 0),
        Err(errno) => Err(Error::os(errno)),
    }
}
