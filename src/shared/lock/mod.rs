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
//! | 128 + 8 i | the owner word i; of a plain lock, 0 is the gate |
//! | 2048 + 8 i | side word i: depth, run hold; counts while its stamp is that of the owner word |
//! | 3024 + 8 i | unique number of the owner's descriptor, where there is room for it |

use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::name::Name;
use crate::process::identity::{Process, command_of, since_boot};
use crate::shared::owner::{MAX_STAMP, OwnerWord, Side, Stamp};
use crate::shared::page::{Page, PageKind};
use crate::size::Mode;
use crate::sys::futex;

mod acquire;
mod death;
mod info;
#[cfg(test)]
mod tests;
mod watch;

pub use acquire::{Acquired, Request, Want};
pub use info::{Holder, LockInfo};

/// Most slots of one lock.
pub const MAX_SLOTS: u32 = 240;
/// Readers that a plain lock can have at once.
pub const READERS: usize = 120;

const SEQUENCE: usize = 64;
const LAST_STAMP: usize = 72;
const OWNERS: usize = 128;
const SIDES: usize = 2048;
const UNIQUES: usize = 3024;
const MOST_UNIQUES: usize = 121;
const GATE: usize = 0;

/// How many may hold a lock, fixed when it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Geometry {
    /// One holder, or many readers.
    Plain,
    /// This many holders.
    Slots(u32),
}

impl Geometry {
    /// The geometry of that many slots; nothing else asked for is plain.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] outside of 1 to [`MAX_SLOTS`].
    pub fn of_slots(slots: Option<u32>) -> Result<Geometry> {
        match slots {
            None => Ok(Geometry::Plain),
            Some(count) if (1..=MAX_SLOTS).contains(&count) => Ok(Geometry::Slots(count)),
            Some(_) => Err(Error::new(
                ErrorKind::Usage,
                format!("a lock has 1 to {MAX_SLOTS} slots"),
            )),
        }
    }

    fn number(self) -> u32 {
        match self {
            Geometry::Plain => 0,
            Geometry::Slots(count) => count,
        }
    }
}

impl std::fmt::Display for Geometry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Geometry::Plain => write!(f, "no slots"),
            Geometry::Slots(count) => write!(f, "{count} slots"),
        }
    }
}

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

    /// Removes the name; waiters end with [`ErrorKind::Broken`].
    ///
    /// # Errors
    /// [`ErrorKind::Missing`], [`ErrorKind::Denied`].
    pub fn unlink(name: &Name) -> Result<()> {
        let words: Vec<usize> = (0..MAX_SLOTS as usize)
            .map(owner_at)
            .chain([SEQUENCE])
            .collect();
        Page::unlink(PageKind::Lock, name, &words)
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
    /// [`ErrorKind::WouldBlock`] when the owner does not hold it.
    pub fn release(&self, owner: &Process) -> Result<()> {
        let not_held = || {
            Error::new(
                ErrorKind::WouldBlock,
                format!("process {} does not hold it", owner.pid()),
            )
        };
        let (index, word) = self.hold_of(owner).ok_or_else(not_held)?;
        let less = |bits| match Side(bits) {
            side if side.stamp() == word.stamp() && side.depth() > 1 => {
                Ok(side.with_depth(side.depth() - 1).0)
            }
            _ => Err(()),
        };
        if self.page.word(side_at(index)).update(less).is_ok() {
            return Ok(());
        }
        if !self.change(index, word, word.released()) {
            return Err(not_held());
        }
        Ok(())
    }

    /// Whether the holder with this token still holds the lock.
    pub fn verify(&self, token: Stamp) -> bool {
        (0..self.words()).any(|index| {
            let word = self.owner_word(index);
            word.owner().is_some() && word.stamp() == token && !word.is_pending()
        })
    }

    /// Takes the lock from whoever holds it, all slots and readers too; says
    /// from how many. Their tokens are refused from now on.
    pub fn break_holds(&self) -> usize {
        (0..self.words())
            .filter(|index| self.break_word(*index))
            .count()
    }

    fn break_word(&self, index: usize) -> bool {
        loop {
            let word = self.owner_word(index);
            if word.owner().is_none() {
                return false;
            }
            let broken = if word.is_pending() {
                word.given_up()
            } else {
                word.abandoned()
            };
            if self.change(index, word, broken) {
                return true;
            }
        }
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
    fn stamped(
        &self,
        word: OwnerWord,
        step: fn(OwnerWord, Stamp, u32) -> OwnerWord,
        pid: u32,
    ) -> OwnerWord {
        let now = now();
        let mut next = word;
        let Ok(_) = self.page.word(LAST_STAMP).update(|last| {
            next = step(word, now.max(Stamp(last % MAX_STAMP + 1)), pid);
            Ok::<u64, std::convert::Infallible>(next.stamp().0)
        });
        next
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
    match command_of(pid.cast_signed()) {
        Some(command) => format!(
            "process {pid} ({})",
            crate::escape::escaped(command.as_bytes())
        ),
        None => format!("process {pid}"),
    }
}
