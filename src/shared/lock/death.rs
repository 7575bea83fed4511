//! Whether an owner is dead, and what becomes of its words.

use super::{GATE, Geometry, LAST_DEAD, Lock, MOST_UNIQUES, unique_at};
use crate::error::Result;
use crate::process::identity::Process;
use crate::shared::judge::{Verdict, judge};
use crate::shared::owner::OwnerWord;

impl Lock {
    /// Is the owner of this word alive? A foreign namespace is never judged.
    pub(super) fn judged(&self, index: usize, word: OwnerWord, owner: u32) -> Result<Verdict> {
        if self.page.require_this_namespace().is_err() {
            return Ok(Verdict::Alive(None));
        }
        let verdict = judge(word, owner)?;
        match &verdict {
            Verdict::Alive(Some(process)) if self.is_another(index, word, process) => {
                Ok(Verdict::Dead)
            }
            _ => Ok(verdict),
        }
    }

    /// The same for one who waits and looks again: when the whole system is
    /// short of descriptors, whom nobody can judge counts as alive for now.
    pub(super) fn judged_by_waiter(
        &self,
        index: usize,
        word: OwnerWord,
        owner: u32,
    ) -> Result<Verdict> {
        match self.judged(index, word, owner) {
            Err(error) if error.is_passing_shortage() => Ok(Verdict::Alive(None)),
            result => result,
        }
    }

    /// Whether the unique number proves that only the pid is the owner's.
    pub(super) fn is_another(&self, index: usize, word: OwnerWord, process: &Process) -> bool {
        if self.words() > MOST_UNIQUES {
            return false;
        }
        let noted = self.page.word(unique_at(index)).load();
        // Tagged with the low half of the owner word: another tag says nothing.
        let tagged = (noted >> 32) as u32 == word.futex();
        tagged
            && process
                .unique()
                .is_some_and(|unique| unique as u32 != noted as u32)
    }

    /// Notes the unique number for the word that is about to be stored, while
    /// this process keeps the word pending: nobody else notes any there.
    pub(super) fn note_unique(&self, index: usize, word: OwnerWord, owner: &Process) {
        if self.words() > MOST_UNIQUES {
            return;
        }
        let noted = owner.unique().map_or(0, |unique| {
            u64::from(word.futex()) << 32 | unique & 0xffff_ffff
        });
        self.store(unique_at(index), noted);
    }

    /// Frees a word whose owner is dead. A run hold ended with its command, as
    /// it should; a pending one was no hold yet; others are abandoned.
    pub(super) fn free_dead(&self, index: usize, word: OwnerWord) -> Option<u32> {
        let orderly = self.ends_in_order(index, word);
        if !orderly {
            // For whoever takes it next: that need not be this process.
            let Ok(_) = self
                .page
                .word(LAST_DEAD)
                .update(|_| Ok::<u64, std::convert::Infallible>(word.0));
        }
        let freed = match () {
            () if word.is_pending() => word.given_up(),
            () if orderly => word.released(),
            () => word.abandoned(),
        };
        let changed = self.change(index, word, freed);
        word.owner().filter(|_| changed && !orderly)
    }

    /// The owner whose death left a free word abandoned, where it is known.
    pub(super) fn died_with(&self, index: usize, word: OwnerWord) -> Option<u32> {
        let last = OwnerWord(self.page.word(LAST_DEAD).load());
        // Of several slots the last death need not be the one in this word.
        let this_one = self.geometry == Geometry::Plain && index == GATE;
        last.owner()
            .filter(|_| word.is_abandoned() && (this_one || last.stamp() == word.stamp()))
    }

    pub(super) fn is_reader(&self, index: usize) -> bool {
        self.geometry == Geometry::Plain && index != GATE
    }

    /// Whether the death of the owner leaves nothing half done: it was a
    /// command that ran, a reader, or one that still found out whether it may.
    pub(super) fn ends_in_order(&self, index: usize, word: OwnerWord) -> bool {
        let side = self.side(index);
        let run = side.stamp() == word.stamp() && side.is_run();
        word.is_pending() || run || self.is_reader(index)
    }
}
