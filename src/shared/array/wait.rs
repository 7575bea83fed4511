//! Waiting for a value to become what is wanted.

use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use super::Array;
use super::refusal::cut;
use crate::deadline::monotonic_now;
use crate::error::{Error, ErrorKind, Result};
use crate::shared::scalar::Scalar;
use crate::wait::Wait;

impl Array {
    /// Waits until the first element is as `is_so` wants it; the second thing
    /// that is told is whether a writer of ours has been there since the start.
    ///
    /// Writers that are not ours wake nobody: they are noticed by a look every
    /// `recheck`.
    ///
    /// # Errors
    /// What the wait says; [`ErrorKind::Broken`] when the object was removed.
    pub fn wait_until(
        &self,
        recheck: Duration,
        wait: &mut Wait,
        mut is_so: impl FnMut(&Scalar, bool) -> bool,
    ) -> Result<Scalar> {
        let start = self.generation();
        loop {
            // Before the look: a writer that comes after it ends the sleep.
            let seen = self.generation();
            let now = self.get(0, wait)?;
            // A removal moves the generation too, and is no write.
            let written = seen != start && self.require_name().is_ok();
            if is_so(&now, written) {
                return Ok(now);
            }
            self.require_name()?;
            let until = wait.next(Some(recheck))?;
            match (self.trailer(), seen) {
                (Some(trailer), Some(seen)) => trailer.sleep(seen, until)?,
                _ => doze(until),
            }
        }
    }

    /// Refuses to wait for what nobody can change any more.
    ///
    /// # Errors
    /// [`ErrorKind::Broken`] when it was removed or cut.
    pub fn require_name(&self) -> Result<()> {
        let found = self.file.metadata().map_err(Error::os)?;
        if found.nlink() == 0 {
            return Err(Error::new(ErrorKind::Broken, "was removed while waiting"));
        }
        // Within the last page a cut reads as zeros and raises no signal.
        if found.len() < self.header.end() as u64 {
            return Err(cut());
        }
        Ok(())
    }
}

/// Sleeps without anything that could wake.
fn doze(until: Option<Duration>) {
    let left = until.map(|moment| moment.saturating_sub(monotonic_now()).into());
    // Too early is as good as too late: the caller looks again.
    let _ = nix::poll::ppoll(&mut [], left, None);
}
