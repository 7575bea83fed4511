//! Changes of owner words, what each must keep to, and the wakes behind them.

use ipc::shared::owner::OwnerWord;

use crate::state::{Mutant, Pc, Phase, State};
use crate::step::{Mover, Violation};

/// Why a word is changed, for the checks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// By this process, for this one.
    Take(u8),
    GivesBack(u8),
    OwnerIsDead,
}

impl Mover<'_> {
    /// The swap of a word that was read, and the wake behind it when it is free;
    /// then on to where the program counter already is.
    pub(crate) fn change(
        &mut self,
        index: u8,
        from: OwnerWord,
        to: OwnerWord,
        cause: Cause,
    ) -> Result<bool, Violation> {
        if self.state.words[usize::from(index)] != from {
            return Ok(false);
        }
        self.store(index, to, cause)?;
        self.cli.back = self.cli.pc;
        self.cli.pc = match () {
            () if self.is(Mutant::NoWake) => self.cli.back,
            () if self.is(Mutant::SequenceStands) => Pc::WakeWord(index),
            () => Pc::Bump(index),
        };
        Ok(true)
    }

    /// What every change of an owner word must keep to.
    pub(crate) fn store(
        &mut self,
        index: u8,
        to: OwnerWord,
        cause: Cause,
    ) -> Result<(), Violation> {
        let at = usize::from(index);
        let (from, truth) = (self.state.words[at], self.state.truth[at]);
        let rises = match cause {
            Cause::Take(_) => to.stamp() > from.stamp(),
            _ => to.stamp() == from.stamp(),
        };
        if !rises {
            return Err("STAMP");
        }
        match cause {
            Cause::Take(_) if truth != 0 && truth != self.cli.pid => return Err("ROBBED"),
            Cause::GivesBack(whose) if truth != whose => return Err("NOT YOURS"),
            Cause::OwnerIsDead if self.state.is_alive(truth) => return Err("ROBBED"),
            Cause::Take(whose) => {
                self.state.truth[at] = whose;
                if !to.is_pending() {
                    self.hand_out(at, to)?;
                }
            }
            Cause::OwnerIsDead => {
                self.state.untold[at] |= to.is_abandoned() && !from.is_pending();
                self.state.truth[at] = 0;
            }
            Cause::GivesBack(_) => self.state.truth[at] = 0,
        }
        self.state.words[at] = to;
        Ok(())
    }

    pub(crate) fn hand_out(&mut self, at: usize, to: OwnerWord) -> Result<(), Violation> {
        let mut others = self.state.words.iter().enumerate();
        if others.any(|(other, word)| other != at && word.stamp() == to.stamp()) {
            return Err("TOKEN");
        }
        if self.state.untold[at] && !to.is_abandoned() {
            return Err("UNTOLD");
        }
        self.state.untold[at] = false;
        Ok(())
    }

    pub(crate) fn wake(&mut self) {
        self.cli.pc = match self.cli.pc {
            Pc::Bump(index) => {
                self.state.sequence = self.state.sequence.wrapping_add(1);
                Pc::WakeWord(index)
            }
            Pc::WakeWord(index) => {
                wake_sleepers(self.state, Some(index));
                Pc::WakeSequence
            }
            _ => {
                wake_sleepers(self.state, None);
                self.cli.back
            }
        };
    }
}

/// Wakes who sleeps on this word, or on the sequence.
pub(crate) fn wake_sleepers(state: &mut State, word: Option<u8>) {
    for shell in &mut state.shells {
        let Some(cli) = &mut shell.cli else { continue };
        let on_gate = matches!(cli.phase, Phase::Gate | Phase::GateOfReader);
        if cli.pc == Pc::Asleep && word == on_gate.then_some(0) {
            cli.pc = Pc::Woken;
        }
    }
}
