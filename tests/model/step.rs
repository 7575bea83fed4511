//! One step of one invocation: one load, one swap, one system call. Follows
//! `src/shared/lock/acquire.rs`, `mod.rs` and `watch.rs` line by line.

use ipc::shared::owner::OwnerWord;

use crate::change::Cause;
use crate::state::{Cli, Config, Job, Mutant, NOTHING_SEEN, Outcome, Pc, Phase, Role, State};

/// A promise that was broken.
pub(crate) type Violation = &'static str;

/// One process in a state, while it steps.
pub(crate) struct Mover<'a> {
    pub(crate) config: &'a Config,
    pub(crate) state: &'a mut State,
    pub(crate) shell: usize,
    pub(crate) cli: Cli,
}

impl Mover<'_> {
    pub(crate) fn is(&self, mutant: Mutant) -> bool {
        self.config.is(mutant)
    }

    fn role(&self) -> Role {
        self.config.roles[self.shell.min(self.config.roles.len() - 1)]
    }

    fn first_word(&self) -> u8 {
        u8::from(self.role() != Role::Slot)
    }

    /// The step of the main thread; false when it has none.
    pub(crate) fn step(&mut self) -> Result<bool, Violation> {
        let moved = self.main_step()?;
        while self.is_idle_step() {
            self.main_step()?;
        }
        self.tidy();
        Ok(moved)
    }

    /// Whether the next step neither sees nor changes anything in this instance.
    fn is_idle_step(&self) -> bool {
        let alone = self.config.words == 1 && self.role() == Role::Writer;
        match self.cli.pc {
            Pc::Bump(_) | Pc::WakeSequence => alone,
            Pc::WakeWord(index) => index != 0 || self.role() == Role::Slot,
            // Nobody reads a note before the word that it is about.
            Pc::Note(_) => true,
            // What is its own changes by nobody else, so one look is as good.
            Pc::Hold(index) => index > 0,
            Pc::Present(_) | Pc::StillThere => !self.config.removal,
            Pc::Reread(index) => self
                .cli
                .seen
                .get(usize::from(index))
                .is_none_or(|(_, process)| *process == 0),
            _ => false,
        }
    }

    /// Forgets what no later step reads, so that states are alike.
    fn tidy(&mut self) {
        let cli = &mut self.cli;
        let changing = matches!(cli.pc, Pc::Bump(_) | Pc::WakeWord(_) | Pc::WakeSequence);
        if !changing {
            cli.back = Pc::Hold(0);
        }
        if !matches!(
            cli.pc,
            Pc::Release(_) | Pc::Judge(_) | Pc::Free(_) | Pc::Reserve(_) | Pc::Take(_)
        ) {
            cli.word = OwnerWord::FREE;
        }
        if !matches!(cli.pc, Pc::Take(_) | Pc::Note(_) | Pc::Settle(_)) {
            cli.next = OwnerWord::FREE;
        }
        let ends = matches!(cli.pc, Pc::Exit(_)) || changing && matches!(cli.back, Pc::Exit(_));
        let settles = matches!(
            cli.pc,
            Pc::CheckGate(_)
                | Pc::GiveUp(_)
                | Pc::Stamp(_)
                | Pc::Note(_)
                | Pc::Settle(_)
                | Pc::OwnerAlive(_)
                | Pc::Present(_)
        );
        if ends || !settles && cli.phase != Phase::Readers {
            cli.won = OwnerWord::FREE;
        }
        if ends || settles {
            cli.seen = NOTHING_SEEN;
            cli.sequence = 0;
        }
        if matches!(cli.phase, Phase::Gate | Phase::GateOfReader) {
            cli.sequence = 0;
        }
    }

    fn main_step(&mut self) -> Result<bool, Violation> {
        match self.cli.pc {
            Pc::Hold(index) => self.hold(index)?,
            Pc::Release(index) => {
                let (from, to) = (self.cli.word, State::released(self.config, self.cli.word));
                self.cli.pc = Pc::Exit(Outcome::Released);
                if !self.change(index, from, to, Cause::GivesBack(self.owner()))? {
                    self.cli.pc = Pc::Exit(Outcome::HoldsNot);
                }
            }
            Pc::Bump(_) | Pc::WakeWord(_) | Pc::WakeSequence => self.wake(),
            Pc::Watch | Pc::StillThere | Pc::Reread(_) | Pc::Wait | Pc::Asleep | Pc::Woken => {
                return Ok(self.sleep());
            }
            Pc::Stamp(_) | Pc::Note(_) | Pc::Settle(_) | Pc::OwnerAlive(_) | Pc::Present(_) => {
                self.settle()?;
            }
            Pc::Exit(_) => return Ok(false),
            _ => self.take()?,
        }
        Ok(true)
    }

    fn owner(&self) -> u8 {
        State::unique_of_shell(self.shell)
    }

    fn hold(&mut self, index: u8) -> Result<(), Violation> {
        let at = usize::from(index);
        let word = self.state.words[at];
        let mine = self.state.is_hold_of(self.config, at, word, self.shell);
        let truly = self.state.truth[at] == self.owner() && word.owner().is_some();
        if mine != truly {
            return Err("MINE");
        }
        self.cli.word = word;
        self.cli.pc = match self.cli.job {
            Job::Release if mine => Pc::Release(index),
            _ if mine => Pc::Exit(Outcome::Holds(index, word)),
            _ if at + 1 < self.config.words => Pc::Hold(index + 1),
            Job::Acquire => self.begin(),
            _ => Pc::Exit(Outcome::HoldsNot),
        };
        Ok(())
    }

    fn begin(&mut self) -> Pc {
        (self.cli.phase, self.cli.pc) = match self.role() {
            Role::Writer => (Phase::Gate, Pc::Look(0)),
            Role::Reader => (Phase::GateOfReader, Pc::Look(0)),
            Role::Slot => (Phase::AnyWord, Pc::Sequence),
        };
        self.cli.pc
    }

    /// Looking at words and taking one as pending.
    fn take(&mut self) -> Result<(), Violation> {
        match self.cli.pc {
            Pc::Sequence => {
                self.cli.sequence = self.state.sequence;
                self.forget();
                self.cli.pc = Pc::Look(self.first_word());
            }
            Pc::Look(index) => self.look(index),
            Pc::Judge(index) => {
                let (at, word) = (usize::from(index), self.cli.word);
                match self.state.judge(self.config, at, word) {
                    None => self.cli.pc = Pc::Free(index),
                    Some(process) => {
                        self.cli.seen[at] = (word, process);
                        self.after(index);
                    }
                }
            }
            Pc::Free(index) => {
                let freed = State::freed(self.config, index.into(), self.cli.word);
                self.cli.pc = Pc::Look(index);
                if self.cli.phase == Phase::Readers && self.is(Mutant::WriterLooksOnce) {
                    self.after(index);
                }
                self.change(index, self.cli.word, freed, Cause::OwnerIsDead)?;
            }
            Pc::Reserve(index) => {
                let early = self.is(Mutant::ReaderInOwnersName) && self.role() == Role::Reader;
                let unmarked = self.is(Mutant::PendingUnmarked);
                let pid = match early {
                    true => self.state.shells[self.shell].pid,
                    false => self.cli.pid,
                };
                self.cli.next =
                    self.state
                        .stamped(self.config, self.cli.word, pid, !early && !unmarked);
                self.cli.pc = Pc::Take(index);
            }
            Pc::Take(index) => self.take_word(index)?,
            Pc::CheckGate(index) => {
                let free = self.state.words[0].owner().is_none();
                let owners = self.is(Mutant::ReaderInOwnersName);
                self.cli.pc = match () {
                    () if !free && !self.is(Mutant::ReaderSkipsGate) => Pc::GiveUp(index),
                    () if owners => Pc::Exit(Outcome::Holds(index, self.cli.won)),
                    () => Pc::Stamp(index),
                };
            }
            Pc::GiveUp(index) => {
                self.cli.pc = match self.role() {
                    Role::Writer => Pc::Exit(Outcome::Removed),
                    _ => self.begin(),
                };
                let (won, whose) = (self.cli.won, self.state.truth[usize::from(index)]);
                self.change(index, won, won.given_up(), Cause::GivesBack(whose))?;
            }
            _ => unreachable!("{:?}", self.cli.pc),
        }
        Ok(())
    }

    fn look(&mut self, index: u8) {
        self.cli.word = self.state.words[usize::from(index)];
        if matches!(self.cli.phase, Phase::Gate | Phase::GateOfReader) {
            self.forget();
        }
        if self.cli.word.owner().is_some() {
            self.cli.pc = Pc::Judge(index);
            return;
        }
        match self.cli.phase {
            Phase::Gate | Phase::AnyWord => self.cli.pc = Pc::Reserve(index),
            Phase::GateOfReader => {
                self.cli.phase = Phase::AnyWord;
                self.cli.pc = Pc::Sequence;
            }
            Phase::Readers => self.after(index),
        }
    }

    fn take_word(&mut self, index: u8) -> Result<(), Violation> {
        let stored = self.is(Mutant::StoreInsteadOfSwap);
        if self.state.words[usize::from(index)] != self.cli.word && !stored {
            self.cli.pc = Pc::Look(index);
            return Ok(());
        }
        let early = self.cli.next.owner() == Some(self.state.shells[self.shell].pid.into());
        let whose = if early { self.owner() } else { self.cli.pid };
        if !early && !self.cli.next.is_pending() {
            return Err("PENDING");
        }
        self.store(index, self.cli.next, Cause::Take(whose))?;
        self.cli.won = self.cli.next;
        self.cli.pc = match self.role() {
            Role::Writer if self.is(Mutant::WriterSkipsReaders) => Pc::Stamp(0),
            Role::Writer if self.config.words > 1 => {
                self.cli.phase = Phase::Readers;
                Pc::Sequence
            }
            Role::Reader => Pc::CheckGate(index),
            _ => Pc::Stamp(index),
        };
        Ok(())
    }

    /// Where to go on when a word is done with.
    fn after(&mut self, index: u8) {
        let waits = matches!(self.cli.phase, Phase::Gate | Phase::GateOfReader);
        let more = usize::from(index) + 1 < self.config.words;
        let obstacles = self.cli.seen.iter().any(|(_, process)| *process != 0);
        self.cli.pc = match () {
            () if !waits && more => Pc::Look(index + 1),
            () if obstacles => Pc::Watch,
            () => Pc::Stamp(0),
        };
    }

    /// From pending to the owner's.
    fn settle(&mut self) -> Result<(), Violation> {
        match self.cli.pc {
            Pc::Stamp(index) => {
                let pid = self.state.shells[self.shell].pid;
                self.cli.next = self.state.stamped(self.config, self.cli.won, pid, false);
                self.cli.pc = Pc::Note(index);
            }
            Pc::Note(index) => {
                self.state.notes[usize::from(index)] = (self.cli.next, self.owner());
                self.cli.pc = Pc::Settle(index);
            }
            Pc::Settle(index) => {
                if self.state.words[usize::from(index)] != self.cli.won {
                    return Err("PENDING WAS TAKEN");
                }
                self.store(index, self.cli.next, Cause::Take(self.owner()))?;
                self.cli.won = self.cli.next;
                self.cli.pc = Pc::OwnerAlive(index);
            }
            Pc::OwnerAlive(index) => {
                self.cli.pc = Pc::Present(index);
                if !self.state.shells[self.shell].alive {
                    let won = self.cli.won;
                    let freed = State::freed(self.config, index.into(), won);
                    self.cli.pc = Pc::Exit(Outcome::OwnerDead);
                    self.change(index, won, freed, Cause::OwnerIsDead)?;
                }
            }
            Pc::Present(index) => {
                let won = self.cli.won;
                self.cli.pc = Pc::Exit(Outcome::Holds(index, won));
                if self.state.removal > 0 {
                    self.cli.pc = Pc::Exit(Outcome::Removed);
                    self.change(index, won, won.given_up(), Cause::GivesBack(self.owner()))?;
                }
            }
            _ => unreachable!("{:?}", self.cli.pc),
        }
        Ok(())
    }
}
