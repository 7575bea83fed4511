//! Is the owner in an owner word alive?

use crate::error::{Error, ErrorKind, Result};
use crate::process::identity::Process;
use crate::shared::owner::{OwnerWord, Stamp};

/// What is known of the owner of a word.
#[derive(Debug)]
pub enum Verdict {
    /// It lives, or cannot be proven dead; its descriptor tells when it ends.
    Alive(Option<Process>),
    /// It has ended; its number may be another's by now.
    Dead,
}

/// Judges the owner of a held word that was written in this pid namespace.
///
/// Dead is for ever, so whoever acts on it later is still right. Where `/proc`
/// hides the start time the owner counts as alive.
///
/// # Errors
/// When the system has no descriptor to spare.
pub fn judge(word: OwnerWord, owner: u32) -> Result<Verdict> {
    let process = match Process::open(owner.cast_signed()) {
        Ok(process) => process,
        Err(error) if error.kind() == ErrorKind::Missing => return Ok(Verdict::Dead),
        Err(error) => return Err(error),
    };
    // A process that started after the stamp only has the owner's number.
    let reused = process
        .start()
        .is_some_and(|start| Stamp::at(start) > word.stamp());
    if process.is_dead() || reused {
        return Ok(Verdict::Dead);
    }
    Ok(Verdict::Alive(Some(process)))
}

/// Refuses one more hold when the 41 bits of its stamp are used up: after
/// almost nine years of uptime, or in a page that something has written over.
///
/// # Errors
/// [`ErrorKind::Limit`].
pub fn require_stamp(word: OwnerWord, now: Stamp) -> Result<()> {
    if word.has_next(now) {
        return Ok(());
    }
    let message = "its stamps are used up: they count 128 us from boot and last almost nine years";
    Err(Error::new(ErrorKind::Limit, message)
        .hint("remove it and make it again; if the host has run so long, after a reboot"))
}
