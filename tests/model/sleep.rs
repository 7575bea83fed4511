//! The sleep of an invocation, and the thread that watches beside it: follows
//! `src/shared/lock/watch.rs`.

use crate::change::{Cause, wake_sleepers};
use crate::state::{Helper, Mutant, NOTHING_SEEN, Outcome, Pc, Phase, State, WORDS};
use crate::step::{Mover, Violation};

impl Mover<'_> {
    pub(crate) fn sleep(&mut self) -> bool {
        let on_gate = matches!(self.cli.phase, Phase::Gate | Phase::GateOfReader);
        let retry = if on_gate { Pc::Look(0) } else { Pc::Sequence };
        // A helper is waited for, and one at work finishes first.
        let rests = !matches!(
            self.cli.helper,
            Helper::Free(_) | Helper::Bump | Helper::Wake
        );
        self.cli.pc = match self.cli.pc {
            Pc::Watch => {
                self.cli.helper = Helper::Polling { event: false };
                Pc::StillThere
            }
            Pc::StillThere if self.state.removal > 0 => {
                self.cli.helper = Helper::None;
                match self.cli.phase {
                    Phase::Readers => Pc::GiveUp(0),
                    _ => Pc::Exit(Outcome::Removed),
                }
            }
            Pc::StillThere if self.is(Mutant::NoLookBeforeSleep) => Pc::Wait,
            Pc::StillThere => Pc::Reread(0),
            Pc::Reread(index) if usize::from(index) == WORDS => Pc::Wait,
            Pc::Reread(index) => {
                let (word, process) = self.cli.seen[usize::from(index)];
                match process != 0 && self.state.words[usize::from(index)] != word {
                    true => Pc::Woken,
                    false => Pc::Reread(index + 1),
                }
            }
            Pc::Wait => {
                let same = match on_gate {
                    true => self.state.words[0].futex() == self.cli.seen[0].0.futex(),
                    false => self.state.sequence == self.cli.sequence,
                };
                if same { Pc::Asleep } else { Pc::Woken }
            }
            Pc::Woken if rests => {
                self.cli.helper = Helper::None;
                self.forget();
                retry
            }
            _ => return false,
        };
        true
    }

    pub(crate) fn forget(&mut self) {
        self.cli.seen = NOTHING_SEEN;
    }

    /// The step of the thread that watches; false when it has none.
    pub(crate) fn help(&mut self) -> Result<bool, Violation> {
        let seen = self.cli.seen;
        let dead =
            |state: &State| (0..WORDS).find(|at| seen[*at].1 != 0 && !state.is_alive(seen[*at].1));
        self.cli.helper = match self.cli.helper {
            _ if self.is(Mutant::NoWatch) => return Ok(false),
            Helper::Polling { event } => match dead(self.state) {
                Some(index) => Helper::Free(index as u8),
                None if event => Helper::Wake,
                None => return Ok(false),
            },
            Helper::Free(index) => {
                let word = seen[usize::from(index)].0;
                let same = self.state.words[usize::from(index)] == word;
                if same || self.is(Mutant::HelperStores) {
                    let freed = State::freed(self.config, index.into(), word);
                    self.store(index, freed, Cause::OwnerIsDead)?;
                    Helper::Bump
                } else {
                    Helper::Wake
                }
            }
            Helper::Bump => {
                self.state.sequence = self.state.sequence.wrapping_add(1);
                Helper::Wake
            }
            Helper::Again if self.cli.pc != Pc::Asleep || self.is(Mutant::HelperWakesOnce) => {
                return Ok(false);
            }
            Helper::Wake | Helper::Again => {
                for (index, (_, process)) in seen.iter().enumerate() {
                    if *process != 0 {
                        wake_sleepers(self.state, Some(index as u8));
                    }
                }
                wake_sleepers(self.state, None);
                if self.cli.pc == Pc::Asleep {
                    self.cli.pc = Pc::Woken;
                }
                Helper::Again
            }
            Helper::None => return Ok(false),
        };
        Ok(true)
    }
}
