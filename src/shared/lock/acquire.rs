//! Taking a lock: every step is one compare-and-swap, so a process killed at
//! any instruction leaves nothing to repair.

use std::sync::atomic::{Ordering, fence};

use super::watch;
use super::{GATE, Geometry, Lock, READERS, SEQUENCE, described, now, owner_at, side_at};
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

/// A word that is in the way, and the process to wait for.
pub(super) struct Obstacle {
    pub(super) index: usize,
    pub(super) word: OwnerWord,
    pub(super) process: Option<Process>,
}

/// What one look at a word came to.
enum Attempt {
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
        match (self.geometry, request.want) {
            (Geometry::Slots(count), Want::Shared) => Err(Error::new(
                ErrorKind::Exists,
                format!("the lock has {count} slots, and so no readers"),
            )),
            (Geometry::Slots(count), Want::Exclusive) => {
                self.take_any(0..count as usize, request, wait)
            }
            (Geometry::Plain, Want::Exclusive) => self.take_gate(request, wait),
            (Geometry::Plain, Want::Shared) => self.take_as_reader(request, wait),
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
        let deeper = |now: u64| match Side(now) {
            side if side.stamp() != word.stamp() => Ok(Side::new(word.stamp(), 2).0),
            side if side.depth() == MAX_PID => Err(Error::new(
                ErrorKind::Limit,
                format!("it was taken {MAX_PID} times over"),
            )),
            side => Ok(side.with_depth(side.depth().max(1) + 1).0),
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
    fn take_any(
        &self,
        indices: std::ops::Range<usize>,
        request: &Request<'_>,
        wait: &mut Wait,
    ) -> Result<Acquired> {
        let mut dead = None;
        loop {
            // Read before the words: what becomes free after the look moves it.
            let sequence = self.page.word(SEQUENCE).load() as u32;
            let mut obstacles = Vec::new();
            for index in indices.clone() {
                match self.attempt(index, request.owner, request.recover, None, &mut dead)? {
                    Attempt::Won(word) => return self.won(index, word, request.owner, dead),
                    Attempt::Busy(obstacle) => obstacles.push(obstacle),
                }
            }
            self.sleep(SEQUENCE, sequence, obstacles, request.owner, wait)?;
        }
    }

    /// The gate, once its holder and all readers are gone.
    ///
    /// First as pending, in the name of this process, so that its death opens
    /// the gate again; in the name of the owner when the readers have left.
    fn take_gate(&self, request: &Request<'_>, wait: &mut Wait) -> Result<Acquired> {
        let this = Process::open(std::process::id().cast_signed())?;
        let mut dead = None;
        let pending = loop {
            match self.attempt(GATE, &this, request.recover, Some(pending_side), &mut dead)? {
                Attempt::Won(word) => break word,
                Attempt::Busy(obstacle) => {
                    let seen = obstacle.word.futex();
                    self.sleep(owner_at(GATE), seen, vec![obstacle], request.owner, wait)?;
                }
            }
        };
        if let Err(error) = self.wait_for_readers(request.owner, wait) {
            self.change(GATE, pending, self.given_up(pending));
            return Err(error);
        }
        let held = pending.acquired(now(), request.owner.pid().cast_unsigned());
        self.note_unique(GATE, held, request.owner);
        if !self.change(GATE, pending, held) {
            return Err(Error::new(
                ErrorKind::Broken,
                "the lock was broken while it was taken",
            ));
        }
        self.won(GATE, held, request.owner, dead)
    }

    /// What a pending gate becomes when it is given up: an abandonment that
    /// was met stays for the next one.
    fn given_up(&self, pending: OwnerWord) -> OwnerWord {
        if pending.is_abandoned() {
            pending.abandoned()
        } else {
            pending.released()
        }
    }

    fn wait_for_readers(&self, owner: &Process, wait: &mut Wait) -> Result<()> {
        loop {
            let sequence = self.page.word(SEQUENCE).load() as u32;
            let mut obstacles = Vec::new();
            for index in 1..=READERS {
                let word = self.owner_word(index);
                let Some(reader) = word.owner() else { continue };
                match self.judged(index, word, reader)? {
                    Verdict::Dead => drop(self.free_dead(index, word)),
                    Verdict::Alive(process) => obstacles.push(Obstacle {
                        index,
                        word,
                        process,
                    }),
                }
            }
            if obstacles.is_empty() {
                return Ok(());
            }
            self.sleep(SEQUENCE, sequence, obstacles, owner, wait)?;
        }
    }

    /// A place among the readers, unless a writer is at the gate.
    fn take_as_reader(&self, request: &Request<'_>, wait: &mut Wait) -> Result<Acquired> {
        let mut dead = None;
        loop {
            self.wait_for_gate(request, &mut dead, wait)?;
            let acquired = self.take_any(1..READERS + 1, request, wait)?;
            // The slot is taken before the gate is looked at, as a writer takes
            // the gate before it looks at the slots: one of both sees the other.
            fence(Ordering::SeqCst);
            let gate = self.owner_word(GATE);
            let recovered = gate.is_abandoned();
            if gate.owner().is_none() {
                return Ok(Acquired {
                    recovered,
                    dead_owner: dead,
                    ..acquired
                });
            }
            self.change(acquired.index, acquired.word, acquired.word.released());
        }
    }

    fn wait_for_gate(
        &self,
        request: &Request<'_>,
        dead: &mut Option<u32>,
        wait: &mut Wait,
    ) -> Result<()> {
        loop {
            let word = self.owner_word(GATE);
            let Some(owner) = word.owner() else {
                if word.is_abandoned() && !request.recover {
                    return Err(not_recovered());
                }
                *dead = self.died_with(GATE, word).or(*dead);
                return Ok(());
            };
            match self.judged(GATE, word, owner)? {
                Verdict::Dead => *dead = self.free_dead(GATE, word).or(*dead),
                Verdict::Alive(process) => {
                    let obstacle = Obstacle {
                        index: GATE,
                        word,
                        process,
                    };
                    self.sleep(
                        owner_at(GATE),
                        word.futex(),
                        vec![obstacle],
                        request.owner,
                        wait,
                    )?;
                }
            }
        }
    }

    /// One attempt at one word; frees it first when its owner is dead.
    fn attempt(
        &self,
        index: usize,
        owner: &Process,
        recover: bool,
        side: Option<fn(Stamp) -> Side>,
        dead: &mut Option<u32>,
    ) -> Result<Attempt> {
        loop {
            // Read before the owner word: it is written only on what was seen.
            let former = self.side(index);
            let word = self.owner_word(index);
            if let Some(holder) = word.owner() {
                match self.judged(index, word, holder)? {
                    Verdict::Dead => *dead = self.free_dead(index, word).or(*dead),
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
            if word.is_abandoned() && !recover {
                return Err(not_recovered());
            }
            *dead = self.died_with(index, word).or(*dead);
            let mine = word.acquired(now(), owner.pid().cast_unsigned());
            if let Some(side) = side
                && !self.exchange(side_at(index), former.0, side(mine.stamp()).0)
            {
                // Another contender is a step ahead.
                continue;
            }
            self.note_unique(index, mine, owner);
            if self.change(index, word, mine) {
                if let Some(side) = side {
                    // One that was overtaken here may still have written its own.
                    self.set_side(index, side(mine.stamp()));
                }
                return Ok(Attempt::Won(mine));
            }
        }
    }

    fn set_side(&self, index: usize, side: Side) {
        let Ok(_) = self
            .page
            .word(side_at(index))
            .update(|_| Ok::<u64, std::convert::Infallible>(side.0));
    }

    /// The last step: an owner that has died meanwhile holds nothing.
    fn won(
        &self,
        index: usize,
        word: OwnerWord,
        owner: &Process,
        dead: Option<u32>,
    ) -> Result<Acquired> {
        if owner.is_dead() {
            self.change(index, word, word.abandoned());
            return Err(has_ended(owner));
        }
        // Looked at after the word was won, as rm looks at the words after it
        // has marked the lock: one of both sees the other.
        fence(Ordering::SeqCst);
        if let Err(removed) = self.page.require_present() {
            self.change(index, word, self.given_up(word));
            return Err(removed);
        }
        Ok(Acquired {
            index,
            word,
            recovered: word.is_abandoned(),
            dead_owner: dead,
        })
    }

    /// Sleeps on a word until it is another, an owner in the way dies, or it
    /// is time to look again.
    fn sleep(
        &self,
        offset: usize,
        seen: u32,
        obstacles: Vec<Obstacle>,
        owner: &Process,
        wait: &mut Wait,
    ) -> Result<()> {
        self.page.require_present()?;
        // Who waits for a process that has ended waits for nobody.
        require_alive(owner)?;
        let until = wait.next(Some(RECHECK))?;
        let _watch = watch::start(self, obstacles, owner);
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

fn not_recovered() -> Error {
    Error::new(ErrorKind::Broken, "its owner died while it held")
        .hint("without --no-recover it is taken over")
}

fn pending_side(stamp: Stamp) -> Side {
    Side::new(stamp, 0)
}
