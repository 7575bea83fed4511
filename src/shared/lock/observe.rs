//! Looking whether a lock is free, without taking part.

use super::{Lock, SEQUENCE};
use crate::error::Result;
use crate::process::identity::Process;
use crate::shared::bell::Bell;
use crate::shared::judge::Verdict;
use crate::sys::futex;

impl Lock {
    /// Who is in the way of one who would take it, alone or in a slot: nothing
    /// when it is free. An owner that has died is in nobody's way.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Broken`] when it was removed; when the
    /// system has no descriptor to spare.
    pub fn in_the_way(&self) -> Result<Option<Vec<Process>>> {
        self.page.require_present()?;
        let has_slots = !self.is_reader(1);
        let mut processes = Vec::new();
        let mut is_free = true;
        for index in 0..self.words() {
            let word = self.owner_word(index);
            let verdict = match word.owner() {
                Some(owner) => self.judged(index, word, owner)?,
                None => Verdict::Dead,
            };
            match verdict {
                Verdict::Alive(process) => {
                    is_free = false;
                    processes.extend(process);
                }
                // One slot is enough.
                Verdict::Dead if has_slots => return Ok(None),
                Verdict::Dead => {}
            }
        }
        Ok((!is_free).then_some(processes))
    }

    /// Has a bell ring when something is released.
    ///
    /// # Errors
    /// When the system has no room for a thread.
    pub fn ring(&self, bell: &Bell) -> Result<()> {
        let lock = self.clone();
        let mut seen = lock.page.word(SEQUENCE).load();
        bell.hang(move |until| {
            let _ = futex::wait(lock.page.sleeper(SEQUENCE), seen as u32, Some(until));
            seen = lock.page.word(SEQUENCE).load();
            true
        })
    }
}
