//! How a writer and the readers of a plain lock keep out of each other's way.
//!
//! A writer takes the gate and then waits for the readers to leave; a reader
//! takes a place and then looks at the gate. Each does its own first, so one
//! of both sees the other.

use std::sync::atomic::{Ordering, fence};

use super::acquire::{Acquired, Attempt, Obstacle, Taker, left_behind};
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
                        vec![obstacle],
                        taker.request.owner,
                        wait,
                    )?;
                }
            }
        };
        // As in take_as_reader, the other way round.
        fence(Ordering::SeqCst);
        if let Err(error) = self.wait_for_readers(taker.request.owner, wait) {
            self.change(GATE, pending, pending.given_up());
            return Err(error);
        }
        self.settle(GATE, pending, taker)
    }

    fn wait_for_readers(&self, owner: &Process, wait: &mut Wait) -> Result<()> {
        loop {
            let sequence = self.page.word(SEQUENCE).load() as u32;
            let mut obstacles = Vec::new();
            for index in 1..=READERS {
                obstacles.extend(self.reader_at(index)?);
            }
            if obstacles.is_empty() {
                return Ok(());
            }
            self.sleep(SEQUENCE, sequence, obstacles, owner, wait)?;
        }
    }

    /// The live reader in a slot.
    fn reader_at(&self, index: usize) -> Result<Option<Obstacle>> {
        loop {
            let word = self.owner_word(index);
            let Some(owner) = word.owner() else {
                return Ok(None);
            };
            match self.judged(index, word, owner)? {
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
            match self.judged(GATE, word, owner)? {
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
                        vec![obstacle],
                        taker.request.owner,
                        wait,
                    )?;
                }
            }
        }
    }
}
