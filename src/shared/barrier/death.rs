//! Which members of a barrier have died.

use super::state::State;
use super::{Barrier, Place};
use crate::shared::judge::{Verdict, judge};
use crate::shared::owner::{OwnerWord, Stamp};

/// How many members are judged at a look by the clock: of many who wait, each
/// looks at a few, and all together at all.
const AT_ONCE: usize = 8;

impl Barrier {
    /// A member of the generation that has died, or whose parent has, but for
    /// the one in the place `except`.
    ///
    /// One that cannot be judged for want of descriptors is judged at the next
    /// look: whoever has arrived must not leave with an error of its own, since
    /// the others count on it.
    pub(super) fn dead_member(&self, generation: u64, except: Option<&Place>) -> Option<u32> {
        let mut living = Living::default();
        self.places()
            .filter(|index| except.is_none_or(|place| place.index != *index))
            .find_map(|index| self.dead_at(index, generation, &mut living)?)
    }

    /// Nothing when nobody of the generation has the place; else who has died
    /// there, the member or its parent.
    fn dead_at(&self, index: usize, generation: u64, living: &mut Living) -> Option<Option<u32>> {
        let word = self.member(index);
        let pid = word.owner()?;
        let side = self.side(index);
        if side.generation != generation {
            return None;
        }
        let member_and_parent = [Some(pid), side.parent()].into_iter().flatten();
        Some(
            member_and_parent
                .into_iter()
                .find(|one| living.lacks(*one, word.stamp())),
        )
    }

    /// Whether a dead process has the place, and no open generation counts on it.
    pub(super) fn is_forsaken(
        &self,
        index: usize,
        word: OwnerWord,
        pid: u32,
        state: State,
    ) -> bool {
        let counted = self.side(index).generation == state.generation() && state.arrived() > 0;
        !counted && matches!(judge(word, pid), Ok(Verdict::Dead))
    }
}

/// The members one after the other, from the one behind a place on.
pub(super) struct Round {
    next: usize,
}

impl Round {
    pub(super) fn after(place: &Place) -> Round {
        Round {
            next: place.index + 1,
        }
    }

    /// A dead one among the next few.
    pub(super) fn dead_member(&mut self, barrier: &Barrier, generation: u64) -> Option<u32> {
        let mut living = Living::default();
        let mut judged = 0;
        for _ in barrier.places() {
            let index = self.next % barrier.places().len();
            self.next = index + 1;
            let Some(dead) = barrier.dead_at(index, generation, &mut living) else {
                continue;
            };
            judged += 1;
            if dead.is_some() || judged == AT_ONCE {
                return dead;
            }
        }
        None
    }
}

/// Who was found alive at this look: members of one shell have one parent.
#[derive(Default)]
struct Living(Vec<(u32, Stamp)>);

impl Living {
    /// Whether the process that had this number at that time is dead.
    fn lacks(&mut self, pid: u32, stamp: Stamp) -> bool {
        let is_known = |(known, at): &(u32, Stamp)| *known == pid && *at <= stamp;
        if self.0.iter().any(is_known) {
            return false;
        }
        match judge(OwnerWord::FREE.acquired(stamp, pid), pid) {
            Ok(Verdict::Dead) => true,
            Ok(Verdict::Alive(_)) => {
                self.0.push((pid, stamp));
                false
            }
            Err(_) => false,
        }
    }
}
