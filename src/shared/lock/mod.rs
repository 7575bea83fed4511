//! Locks and counting slots that free themselves when their owner dies.
//!
//! A lock is taken in the name of an owner, a shell as a rule, by one process
//! and released by another; no process stays behind in between. Who owns it is
//! an [`OwnerWord`]; its stamp is the fencing token. A plain lock has one word,
//! the gate, and 120 more for readers; a lock with slots has a word for each.
//!
//! | offset | word |
//! | --- | --- |
//! | 64 | sequence: moves whenever a word becomes free |
//! | 72 | the last stamp that was given out, so that no two holds have one token |
//! | 80 | the owner word of the last owner that died while it held |
//! | 128 + 8 i | the owner word i; of a plain lock, 0 is the gate |
//! | 2048 + 8 i | side word i: depth, run hold; counts while its stamp is that of the owner word |
//! | 3024 + 8 i | unique number of the owner's descriptor, where there is room for it |

use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::name::Name;
use crate::process::identity::{CommandLine, Process, since_boot};
use crate::shared::judge::{Verdict, require_stamp};
use crate::shared::owner::{OwnerWord, Side, Stamp};
use crate::shared::page::{Page, PageKind};
use crate::size::Mode;
use crate::sys::futex;

mod acquire;
mod death;
mod gate;
mod geometry;
mod info;
#[cfg(test)]
mod noise;
mod observe;
mod obstacle;
mod removal;
#[cfg(test)]
mod tests;
mod watch;

pub use acquire::{Acquired, Request, Want};
pub use geometry::{Geometry, MAX_SLOTS};
pub use info::{Holder, LockInfo};

/// Readers that a plain lock can have at once.
pub const READERS: usize = 120;

const SEQUENCE: usize = 64;
const LAST_STAMP: usize = 72;
const LAST_DEAD: usize = 80;
const OWNERS: usize = 128;
const SIDES: usize = 2048;
const UNIQUES: usize = 3024;
const MOST_UNIQUES: usize = 121;
const GATE: usize = 0;

/// An open lock.
///
/// Dropping it releases nothing: a hold lasts until it is released or its
/// owner dies.
#[derive(Debug, Clone)]
pub struct Lock {
    page: Arc<Page>,
    geometry: Geometry,
}

impl Lock {
    /// Makes a lock that nobody holds. Does not block.
    ///
    /// # Errors
    /// [`ErrorKind::Exists`].
    pub fn create(name: &Name, geometry: Geometry, mode: Mode) -> Result<()> {
        Page::create(PageKind::Lock, name, geometry.number(), mode)
    }

    /// Opens an existing lock.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`], [`ErrorKind::Denied`], [`ErrorKind::Broken`].
    pub fn open(name: &Name) -> Result<Lock> {
        Page::open(PageKind::Lock, name).and_then(|page| Lock::of(page).map_err(|e| e.about(name)))
    }

    /// Opens an existing lock to look at it: needs read permission alone.
    ///
    /// # Errors
    /// As [`Lock::open`].
    pub fn look(name: &Name) -> Result<Lock> {
        Page::look(PageKind::Lock, name).and_then(|page| Lock::of(page).map_err(|e| e.about(name)))
    }

    fn of(page: Page) -> Result<Lock> {
        let geometry = match page.geometry() {
            0 => Geometry::Plain,
            count if count <= MAX_SLOTS => Geometry::Slots(count),
            count => {
                let message =
                    format!("says that it has {count} slots, and {MAX_SLOTS} is the most");
                return Err(Error::new(ErrorKind::Broken, message));
            }
        };
        Ok(Lock {
            page: Arc::new(page),
            geometry,
        })
    }

    /// How many may hold it.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Refuses another geometry than this.
    ///
    /// # Errors
    /// [`ErrorKind::Exists`], naming both.
    pub fn require(&self, asked: Geometry) -> Result<()> {
        if self.geometry == asked {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Exists,
            format!("the lock has {}, not {asked}", self.geometry),
        ))
    }

    /// Gives back what the owner holds, or one level of it.
    ///
    /// # Errors
    /// [`ErrorKind::WouldBlock`] when the owner does not hold it;
    /// [`ErrorKind::Limit`] in another pid namespace than its own.
    pub fn release(&self, owner: &Process) -> Result<()> {
        // Elsewhere the number of the owner is that of another process.
        self.require_this_namespace()?;
        let not_held = || {
            let pid = owner.pid();
            let message = if self.was_broken() {
                format!("process {pid} does not hold it: it was broken")
            } else {
                format!("process {pid} does not hold it")
            };
            Error::new(ErrorKind::WouldBlock, message)
        };
        let (index, word) = self.hold_of(owner).ok_or_else(not_held)?;
        let less = |now: u64| {
            let side = Side(now);
            let again = side.stamp() == word.stamp() && side.depth() > 1;
            again.then(|| side.with_depth(side.depth() - 1).0).ok_or(())
        };
        if self.page.word(side_at(index)).update(less).is_ok() {
            return Ok(());
        }
        if !self.change(index, word, word.released()) {
            return Err(not_held());
        }
        Ok(())
    }

    /// Whether the holder with this token still holds the lock, and lives.
    ///
    /// # Errors
    /// When the system has no descriptor to spare.
    pub fn verify(&self, token: Stamp) -> Result<bool> {
        for index in 0..self.words() {
            let word = self.owner_word(index);
            if word.stamp() == token && self.lives(index, word)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Takes the lock from whoever holds it, all slots and readers too; says
    /// from whom. Their tokens are refused from now on. A writer that only
    /// waits is left alone.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`] in another pid namespace than its own, where it could
    /// not be acquired afterwards either; when the system has no descriptor to spare.
    pub fn break_holds(&self) -> Result<Vec<Holder>> {
        self.require_this_namespace()?;
        let mut broken = Vec::new();
        for index in 0..self.words() {
            let word = self.owner_word(index);
            if !self.lives(index, word)? {
                continue;
            }
            let holder = self.holder(index, word);
            // A reader leaves nothing half done.
            let next = if self.is_reader(index) {
                word.released()
            } else {
                self.page.word(LAST_DEAD).update(|_| Ok::<u64, Error>(0))?;
                word.abandoned()
            };
            if self.change(index, word, next) {
                broken.extend(holder);
            }
        }
        Ok(broken)
    }

    /// Whether a hold was taken away by [`Lock::break_holds`], and nobody has
    /// taken the word since.
    fn was_broken(&self) -> bool {
        (0..self.words()).any(|index| {
            let word = self.owner_word(index);
            // Who dies leaves its number behind, and a break takes that away.
            word.owner().is_none() && word.is_abandoned() && self.page.word(LAST_DEAD).load() == 0
        })
    }

    /// Whether this is a hold of somebody who lives.
    fn lives(&self, index: usize, word: OwnerWord) -> Result<bool> {
        let Some(owner) = word.owner().filter(|_| !word.is_pending()) else {
            return Ok(false);
        };
        Ok(matches!(
            self.judged(index, word, owner)?,
            Verdict::Alive(_)
        ))
    }

    /// Refuses to speak of owners by number where numbers are others.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`], naming both namespaces.
    pub fn require_this_namespace(&self) -> Result<()> {
        self.page.require_this_namespace()
    }

    /// The word that the owner holds, if it holds one.
    pub fn hold_of(&self, owner: &Process) -> Option<(usize, OwnerWord)> {
        // Where the start time is hidden, the number has to do.
        let start = owner.start().map_or(Stamp(0), Stamp::at);
        let pid = owner.pid().cast_unsigned();
        (0..self.words())
            .map(|index| (index, self.owner_word(index)))
            .filter(|(_, word)| word.is_of(pid, start) && !word.is_pending())
            .find(|(index, word)| !self.is_another(*index, *word, owner))
    }

    /// Marks the hold as one of a command that ends with its owner.
    pub fn mark_as_run(&self, acquired: &Acquired) {
        let side = Side::new(acquired.word.stamp(), 1).as_run();
        // Nobody but its owner writes beside a hold.
        self.store(side_at(acquired.index), side.0);
    }

    fn words(&self) -> usize {
        match self.geometry {
            Geometry::Plain => 1 + READERS,
            Geometry::Slots(count) => count as usize,
        }
    }

    fn owner_word(&self, index: usize) -> OwnerWord {
        OwnerWord(self.page.word(owner_at(index)).load())
    }

    fn side(&self, index: usize) -> Side {
        Side(self.page.word(side_at(index)).load())
    }

    /// One compare-and-swap of an owner word; wakes when it becomes free.
    fn change(&self, index: usize, from: OwnerWord, to: OwnerWord) -> bool {
        let changed = self.exchange(owner_at(index), from.0, to.0);
        if changed && to.owner().is_none() {
            self.wake(index);
        }
        changed
    }

    fn exchange(&self, offset: usize, from: u64, to: u64) -> bool {
        self.page
            .word(offset)
            .update(|now| if now == from { Ok(to) } else { Err(()) })
            .is_ok()
    }

    fn store(&self, offset: usize, bits: u64) {
        let all = |_| Ok::<u64, std::convert::Infallible>(bits);
        let Ok(_) = self.page.word(offset).update(all);
    }

    /// The next step of a word, with a stamp that no word of this lock has had.
    ///
    /// The word was read before, so the stamp is larger than the one in it.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`] when there is none left.
    fn stamped(
        &self,
        word: OwnerWord,
        step: fn(OwnerWord, Stamp, u32) -> OwnerWord,
        pid: u32,
    ) -> Result<OwnerWord> {
        let now = now();
        let mut next = word;
        self.page.word(LAST_STAMP).update(|last| {
            let from = now.max(Stamp(last.saturating_add(1)));
            require_stamp(word, from)?;
            next = step(word, from, pid);
            Ok::<u64, Error>(next.stamp().0)
        })?;
        Ok(next)
    }

    fn wake(&self, index: usize) {
        let next = |now: u64| Ok::<u64, std::convert::Infallible>(now.wrapping_add(1));
        let Ok(_) = self.page.word(SEQUENCE).update(next);
        futex::wake(self.page.sleeper(owner_at(index)), u32::MAX);
        futex::wake(self.page.sleeper(SEQUENCE), u32::MAX);
    }
}

const fn owner_at(index: usize) -> usize {
    OWNERS + 8 * index
}

const fn side_at(index: usize) -> usize {
    SIDES + 8 * index
}

const fn unique_at(index: usize) -> usize {
    UNIQUES + 8 * index
}

/// The stamp of this moment.
fn now() -> Stamp {
    Stamp::at(since_boot())
}

/// A process in words: number and command.
pub(crate) fn described(pid: u32) -> String {
    let command = CommandLine::of(pid.cast_signed());
    match command.is_unknown() {
        true => format!("process {pid}"),
        false => format!("process {pid} ({command})"),
    }
}
