//! Taking a lock: every step is one compare-and-swap, so a process killed at
//! any instruction leaves nothing to repair.
//!
//! Each word is first taken as pending, in the name of this process, so that
//! its death gives it back; it becomes the owner's by the last step, when
//! readers and writers have seen each other.

use std::sync::atomic::{Ordering, fence};

use super::obstacle::{Obstacle, Obstacles};
use super::watch;
use super::{Geometry, Lock, SEQUENCE, described, side_at};
use crate::error::{Error, ErrorKind, Result};
use crate::process::identity::Process;
use crate::shared::judge::Verdict;
use crate::shared::owner::{MAX_PID, OwnerWord, Side, Stamp};
use crate::sys::futex;
use crate::wait::{RECHECK, Wait};

/// In which way to hold the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// Alone; of a lock with slots, one of them.
    Exclusive,
    /// Together with other readers.
    Shared,
}

/// For whom to take the lock, and how.
#[derive(Debug)]
pub struct Request<'a> {
    /// The process that will hold it.
    pub owner: &'a Process,
    /// In which way.
    pub want: Want,
    /// Whether it may be taken again by whoever holds it.
    pub reentrant: bool,
    /// Whether to take over from an owner that died.
    pub recover: bool,
}

/// A hold that was won.
#[derive(Debug)]
pub struct Acquired {
    /// Which word.
    pub index: usize,
    /// What stands there.
    pub word: OwnerWord,
    /// Whether a former owner died while it held: what it worked on may be half done.
    pub recovered: bool,
    /// That owner, where it is known.
    pub dead_owner: Option<u32>,
}

impl Acquired {
    /// The fencing token: later holders have larger ones.
    pub fn token(&self) -> Stamp {
        self.word.stamp()
    }
}

/// Who takes, and whose death was met on the way.
pub(super) struct Taker<'a> {
    this: u32,
    pub(super) request: &'a Request<'a>,
    pub(super) dead: Option<u32>,
}

impl Taker<'_> {
    /// Whether it does not want what a dead owner has left in this word.
    pub(super) fn refuses(&self, word: OwnerWord) -> bool {
        word.owner().is_none() && word.is_abandoned() && !self.request.recover
    }
}

/// What one look at a word came to.
pub(super) enum Attempt {
    Won(OwnerWord),
    Busy(Obstacle),
}

impl Lock {
    /// Takes the lock for an owner, waiting for it.
    ///
    /// # Errors
    /// [`ErrorKind::Exists`] when the owner holds it already and it is not
    /// re-entrant, or holds it shared and wants it alone, or the lock has slots
    /// and is wanted shared; [`ErrorKind::Missing`] when the owner has ended, or
    /// ends while this waits for it; [`ErrorKind::WouldBlock`], [`ErrorKind::TimedOut`];
    /// [`ErrorKind::Broken`] when it was removed, or abandoned and not to be
    /// recovered; [`ErrorKind::Limit`] in another pid namespace than its own.
    pub fn acquire(&self, request: &Request<'_>, wait: &mut Wait) -> Result<Acquired> {
        self.page.require_this_namespace()?;
        require_alive(request.owner)?;
        if let Some((index, word)) = self.hold_of(request.owner) {
            return self.again(index, word, request);
        }
        let mut taker = Taker {
            this: std::process::id(),
            request,
            dead: None,
        };
        match (self.geometry, request.want) {
            (Geometry::Slots(count), Want::Shared) => Err(Error::new(
                ErrorKind::Exists,
                format!("the lock has {count} slots, and so no readers"),
            )),
            (Geometry::Slots(count), Want::Exclusive) => {
                let (index, pending) = self.take_any(0..count as usize, &mut taker, wait)?;
                self.settle(index, pending, taker)
            }
            (Geometry::Plain, Want::Exclusive) => self.take_gate(taker, wait),
            (Geometry::Plain, Want::Shared) => self.take_as_reader(taker, wait),
        }
    }

    /// A hold of an owner that has it already: one level deeper, or an error.
    fn again(&self, index: usize, word: OwnerWord, request: &Request<'_>) -> Result<Acquired> {
        if !request.reentrant {
            let message = format!(
                "{} holds it already",
                described(request.owner.pid().cast_unsigned())
            );
            return Err(
                Error::new(ErrorKind::Exists, message).hint("--reentrant takes it once more")
            );
        }
        if self.is_reader(index) && request.want == Want::Exclusive {
            return Err(
                Error::new(ErrorKind::Exists, "its owner holds it shared, not alone")
                    .hint("release it first; others may write before it is taken again"),
            );
        }
        let deeper = |bits| match Side(bits) {
            side if side.stamp() == word.stamp() && side.depth() == MAX_PID => Err(Error::new(
                ErrorKind::Limit,
                format!("it was taken {MAX_PID} times over"),
            )),
            side if side.stamp() == word.stamp() => Ok(side.with_depth(side.depth().max(1) + 1).0),
            // One of a later hold: this one is over.
            side if side.stamp() > word.stamp() => Err(broken_meanwhile()),
            _ => Ok(Side::new(word.stamp(), 2).0),
        };
        self.page.word(side_at(index)).update(deeper)?;
        Ok(Acquired {
            index,
            word,
            recovered: false,
            dead_owner: None,
        })
    }

    /// One of these words, whichever is free first.
    pub(super) fn take_any(
        &self,
        indices: std::ops::Range<usize>,
        taker: &mut Taker<'_>,
        wait: &mut Wait,
    ) -> Result<(usize, OwnerWord)> {
        loop {
            // Read before the words: what becomes free after the look moves it.
            let sequence = self.page.word(SEQUENCE).load() as u32;
            let mut obstacles = Obstacles::default();
            for index in indices.clone() {
                match obstacles.with_room(|| self.attempt(index, taker))? {
                    Attempt::Won(pending) => return Ok((index, pending)),
                    Attempt::Busy(obstacle) => obstacles.push(obstacle),
                }
            }
            self.sleep(SEQUENCE, sequence, obstacles, taker.request.owner, wait)?;
        }
    }

    /// One attempt at one word; frees it first when its owner is dead.
    ///
    /// What is won is pending, in the name of this process: killed from here
    /// on, it leaves nothing that its owner could take for a hold.
    pub(super) fn attempt(&self, index: usize, taker: &mut Taker<'_>) -> Result<Attempt> {
        loop {
            let word = self.owner_word(index);
            if let Some(holder) = word.owner() {
                match self.judged_by_waiter(index, word, holder)? {
                    Verdict::Dead => taker.dead = self.free_dead(index, word).or(taker.dead),
                    Verdict::Alive(process) => {
                        return Ok(Attempt::Busy(Obstacle {
                            index,
                            word,
                            process,
                        }));
                    }
                }
                continue;
            }
            if taker.refuses(word) {
                return Err(left_behind());
            }
            taker.dead = self.died_with(index, word).or(taker.dead);
            let pending = self.stamped(word, OwnerWord::pending, taker.this)?;
            if self.change(index, word, pending) {
                return Ok(Attempt::Won(pending));
            }
        }
    }

    /// The last step: what this process has pending becomes the owner's, unless
    /// that has died meanwhile.
    pub(super) fn settle(
        &self,
        index: usize,
        pending: OwnerWord,
        taker: Taker<'_>,
    ) -> Result<Acquired> {
        let owner = taker.request.owner;
        let stamped = self.stamped(pending, OwnerWord::acquired, owner.pid().cast_unsigned());
        let word = stamped.inspect_err(|_| {
            self.change(index, pending, pending.given_up());
        })?;
        self.note_unique(index, word, owner);
        if !self.change(index, pending, word) {
            return Err(broken_meanwhile());
        }
        if owner.is_dead() {
            self.free_dead(index, word);
            return Err(has_ended(owner));
        }
        // Looked at after the word was won, as rm looks at the words after it
        // has marked the lock: one of both sees the other.
        fence(Ordering::SeqCst);
        if let Err(removed) = self.page.require_present() {
            self.change(index, word, word.given_up());
            return Err(removed);
        }
        Ok(Acquired {
            index,
            word,
            recovered: word.is_abandoned(),
            dead_owner: taker.dead,
        })
    }

    /// Sleeps on a word until it is another, an owner in the way dies, or it
    /// is time to look again.
    pub(super) fn sleep(
        &self,
        offset: usize,
        seen: u32,
        obstacles: Obstacles,
        owner: &Process,
        wait: &mut Wait,
    ) -> Result<()> {
        // Who waits for a process that has ended waits for nobody.
        require_alive(owner)?;
        let until = wait.next(Some(RECHECK))?;
        let seen_words: Vec<_> = obstacles.iter().map(|one| (one.index, one.word)).collect();
        let _watch = watch::start(self, obstacles, owner);
        // What came before the watch stood was not seen by it.
        self.page.require_present()?;
        if seen_words
            .into_iter()
            .any(|(index, word)| self.owner_word(index) != word)
        {
            return Ok(());
        }
        // Woken, or too late to sleep, or time to look again.
        let _ = futex::wait(self.page.sleeper(offset), seen, until);
        Ok(())
    }
}

fn require_alive(owner: &Process) -> Result<()> {
    if owner.is_dead() {
        return Err(has_ended(owner));
    }
    Ok(())
}

fn has_ended(owner: &Process) -> Error {
    let message = format!("its owner, process {}, has ended", owner.pid());
    Error::new(ErrorKind::Missing, message)
}

fn broken_meanwhile() -> Error {
    Error::new(ErrorKind::Broken, "the lock was broken while it was taken")
}

pub(super) fn left_behind() -> Error {
    Error::new(ErrorKind::Broken, "its owner died while it held")
        .hint("without --no-recover it is taken over")
}
