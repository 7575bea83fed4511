//! How a writer and the readers of a plain lock keep out of each other's way.
//!
//! A writer takes the gate and then waits for the readers to leave; a reader
//! takes a place and then looks at the gate. Each does its own first, so one
//! of both sees the other.

use std::sync::atomic::{Ordering, fence};

use super::acquire::{Acquired, Attempt, Taker, left_behind};
use super::obstacle::{Obstacle, Obstacles};
use super::{GATE, Lock, READERS, SEQUENCE, owner_at};
use crate::error::Result;
use crate::process::identity::Process;
use crate::shared::judge::Verdict;
use crate::wait::Wait;

impl Lock {
    /// The gate, once its holder and all readers are gone.
    pub(super) fn take_gate(&self, mut taker: Taker<'_>, wait: &mut Wait) -> Result<Acquired> {
        let pending = loop {
            match self.attempt(GATE, &mut taker)? {
                Attempt::Won(pending) => break pending,
                Attempt::Busy(obstacle) => {
                    let seen = obstacle.word.futex();
                    self.sleep(
                        owner_at(GATE),
                        seen,
                        Obstacles::of(obstacle),
                        taker.request.owner,
                        wait,
                    )?;
                }
            }
        };
        // As in take_as_reader, the other way round.
        fence(Ordering::SeqCst);
        let readers = 1..READERS + 1;
        if let Err(error) = self.wait_for_none_of(readers, taker.request.owner, wait) {
            self.change(GATE, pending, pending.given_up());
            return Err(error);
        }
        self.settle(GATE, pending, taker)
    }

    /// Waits until nobody holds it, nor is about to; takes nothing.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::WouldBlock`], [`crate::error::ErrorKind::TimedOut`]; [`crate::error::ErrorKind::Broken`]
    /// when it was removed; [`crate::error::ErrorKind::Limit`] in another pid namespace.
    pub fn wait_until_free(&self, wait: &mut Wait) -> Result<()> {
        self.require_this_namespace()?;
        let this = Process::open(std::process::id().cast_signed())?;
        self.wait_for_none_of(0..self.words(), &this, wait)
    }

    fn wait_for_none_of(
        &self,
        words: std::ops::Range<usize>,
        owner: &Process,
        wait: &mut Wait,
    ) -> Result<()> {
        loop {
            let sequence = self.page.word(SEQUENCE).load() as u32;
            let mut obstacles = Obstacles::default();
            for index in words.clone() {
                if let Some(holder) = obstacles.with_room(|| self.live_holder(index))? {
                    obstacles.push(holder);
                }
            }
            if obstacles.is_empty() {
                return Ok(());
            }
            self.sleep(SEQUENCE, sequence, obstacles, owner, wait)?;
        }
    }

    /// Who holds a word and lives; a dead one's is freed.
    fn live_holder(&self, index: usize) -> Result<Option<Obstacle>> {
        loop {
            let word = self.owner_word(index);
            let Some(owner) = word.owner() else {
                return Ok(None);
            };
            match self.judged_by_waiter(index, word, owner)? {
                // What was pending may have become a hold before its process
                // ended: only another look tells.
                Verdict::Dead => drop(self.free_dead(index, word)),
                Verdict::Alive(process) => {
                    return Ok(Some(Obstacle {
                        index,
                        word,
                        process,
                    }));
                }
            }
        }
    }

    /// A place among the readers, unless a writer is at the gate.
    pub(super) fn take_as_reader(&self, mut taker: Taker<'_>, wait: &mut Wait) -> Result<Acquired> {
        loop {
            self.wait_for_gate(&mut taker, wait)?;
            let (index, pending) = self.take_any(1..READERS + 1, &mut taker, wait)?;
            // The slot is taken before the gate is looked at, as a writer takes
            // the gate before it looks at the slots: with a fence in between,
            // on both sides, one of both sees the other.
            fence(Ordering::SeqCst);
            let gate = self.owner_word(GATE);
            let refused = taker.refuses(gate);
            if gate.owner().is_none() && !refused {
                let acquired = self.settle(index, pending, taker)?;
                return Ok(Acquired {
                    recovered: gate.is_abandoned(),
                    ..acquired
                });
            }
            self.change(index, pending, pending.given_up());
            if refused {
                return Err(left_behind());
            }
        }
    }

    fn wait_for_gate(&self, taker: &mut Taker<'_>, wait: &mut Wait) -> Result<()> {
        loop {
            let word = self.owner_word(GATE);
            let Some(owner) = word.owner() else {
                if taker.refuses(word) {
                    return Err(left_behind());
                }
                taker.dead = self.died_with(GATE, word).or(taker.dead);
                return Ok(());
            };
            match self.judged_by_waiter(GATE, word, owner)? {
                Verdict::Dead => taker.dead = self.free_dead(GATE, word).or(taker.dead),
                Verdict::Alive(process) => {
                    let obstacle = Obstacle {
                        index: GATE,
                        word,
                        process,
                    };
                    self.sleep(
                        owner_at(GATE),
                        word.futex(),
                        Obstacles::of(obstacle),
                        taker.request.owner,
                        wait,
                    )?;
                }
            }
        }
    }
}
