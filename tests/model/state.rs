//! What the model knows at one moment, and the parameters of an instance.

use ipc::shared::owner::{OwnerWord, Stamp};

/// Owner words of the largest instance.
pub(crate) const WORDS: usize = 3;
/// Shells of the largest instance, the one that gets a used number included.
pub(crate) const SHELLS: usize = 4;
/// Numbers from here on are those of invocations.
pub(crate) const FIRST_CLI: u8 = 16;

/// What is broken on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutant {
    NoWake,
    SequenceStands,
    StampStands,
    StampPerWord,
    NoStartTime,
    NoUniqueNumber,
    MineByNumber,
    StoreInsteadOfSwap,
    HelperStores,
    HelperWakesOnce,
    NoWatch,
    NoRecheck,
    LiveIsDead,
    ReleaseKeepsNumber,
    ReaderSkipsGate,
    ReaderInOwnersName,
    WriterSkipsReaders,
    WriterLooksOnce,
    PendingUnmarked,
    PendingForgetsAbandonment,
    NoLookBeforeSleep,
}

/// What a shell takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    Writer,
    Reader,
    Slot,
}

/// One instance of the model.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) roles: &'static [Role],
    pub(crate) words: usize,
    /// How often each shell takes the lock.
    pub(crate) rounds: u8,
    /// How often the one that gets a used number does.
    pub(crate) rounds_of_heir: u8,
    pub(crate) cli_kills: u8,
    pub(crate) owner_kills: u8,
    pub(crate) reuses: u8,
    pub(crate) removal: bool,
    /// Whether the first shell also releases what it does not hold.
    pub(crate) meddles: bool,
    /// Whether the kernel tells waiters that a process has closed the object.
    pub(crate) inotify: bool,
    /// Whether the kernel has unique numbers. A reused pid then starts in the
    /// same tick as its predecessor, and beside orphans of it; else later.
    pub(crate) uniques: bool,
    pub(crate) mutant: Option<Mutant>,
}

impl Config {
    pub(crate) fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }
}

/// Where an invocation stands: the next step to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Pc {
    Hold(u8),
    Sequence,
    Look(u8),
    Judge(u8),
    Free(u8),
    Bump(u8),
    WakeWord(u8),
    WakeSequence,
    Reserve(u8),
    Take(u8),
    CheckGate(u8),
    GiveUp(u8),
    Stamp(u8),
    Note(u8),
    Settle(u8),
    OwnerAlive(u8),
    Present(u8),
    Watch,
    StillThere,
    Reread(u8),
    Wait,
    Asleep,
    Woken,
    Release(u8),
    Exit(Outcome),
}

/// How an invocation ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Outcome {
    Holds(u8, OwnerWord),
    HoldsNot,
    Released,
    OwnerDead,
    Removed,
}

/// What an acquire is about at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    Gate,
    GateOfReader,
    AnyWord,
    Readers,
}

/// The thread beside a sleeper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Helper {
    None,
    Polling { event: bool },
    Free(u8),
    Bump,
    Wake,
    Again,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Job {
    Acquire,
    Release,
    Query,
}

pub(crate) type Seen = [(OwnerWord, u8); WORDS];
pub(crate) const NOTHING_SEEN: Seen = [(OwnerWord::FREE, 0); WORDS];

/// An invocation of `ipc`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Cli {
    pub(crate) pid: u8,
    pub(crate) job: Job,
    pub(crate) pc: Pc,
    /// Where to go on after a change and its wake.
    pub(crate) back: Pc,
    pub(crate) phase: Phase,
    /// The word that was read.
    pub(crate) word: OwnerWord,
    /// The word to be stored.
    pub(crate) next: OwnerWord,
    /// The word that was won.
    pub(crate) won: OwnerWord,
    pub(crate) sequence: u8,
    /// The words in the way and the processes behind them; 0 is none.
    pub(crate) seen: Seen,
    pub(crate) helper: Helper,
}

/// What a shell is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum At {
    Unborn,
    Meddling,
    Idle,
    Acquiring,
    Inside(u8, OwnerWord),
    Releasing,
    /// An invocation was killed: is the lock held? Whether it was a release.
    Asking(bool),
    Done,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Shell {
    pub(crate) alive: bool,
    pub(crate) pid: u8,
    pub(crate) start: Stamp,
    pub(crate) todo: u8,
    pub(crate) at: At,
    pub(crate) cli: Option<Cli>,
}

/// Everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) words: [OwnerWord; WORDS],
    pub(crate) notes: [(OwnerWord, u8); WORDS],
    pub(crate) last: Stamp,
    pub(crate) clock: Stamp,
    pub(crate) sequence: u8,
    pub(crate) removal: u8,
    pub(crate) shells: [Shell; SHELLS],
    pub(crate) cli_kills: u8,
    pub(crate) owner_kills: u8,
    pub(crate) reuses: u8,
    /// The truth, for the checks alone: which process each word is of.
    pub(crate) truth: [u8; WORDS],
    /// Words whose last holder died, and nobody has been told yet.
    pub(crate) untold: [bool; WORDS],
}

impl State {
    pub(crate) fn first(config: &Config) -> State {
        let shell = |index: usize| Shell {
            alive: index < config.roles.len(),
            pid: index as u8 + 1,
            start: Stamp(0),
            todo: match index {
                _ if index >= config.roles.len() => config.rounds_of_heir,
                _ => config.rounds,
            },
            at: match index {
                _ if index >= config.roles.len() => At::Unborn,
                0 if config.meddles => At::Meddling,
                _ => At::Idle,
            },
            cli: None,
        };
        State {
            words: [OwnerWord::FREE; WORDS],
            notes: [(OwnerWord::FREE, 0); WORDS],
            last: Stamp(0),
            clock: Stamp(1),
            sequence: 1,
            removal: 0,
            shells: std::array::from_fn(shell),
            cli_kills: config.cli_kills,
            owner_kills: config.owner_kills,
            reuses: config.reuses,
            truth: [0; WORDS],
            untold: [false; WORDS],
        }
    }

    /// What makes a process itself: of a shell, its place; of an invocation, its number.
    pub(crate) fn unique_of_shell(shell: usize) -> u8 {
        shell as u8 + 1
    }

    pub(crate) fn is_alive(&self, unique: u8) -> bool {
        if unique >= FIRST_CLI {
            let mut clis = self.shells.iter().filter_map(|shell| shell.cli);
            return clis.any(|cli| cli.pid == unique);
        }
        unique > 0 && self.shells[usize::from(unique) - 1].alive
    }

    /// The process that has this number now, and its start.
    fn process(&self, pid: u8) -> Option<(u8, Stamp)> {
        if pid >= FIRST_CLI {
            return self.is_alive(pid).then_some((pid, Stamp(0)));
        }
        let mut shells = self.shells.iter().enumerate();
        let (index, shell) = shells.find(|(_, shell)| shell.alive && shell.pid == pid)?;
        Some((State::unique_of_shell(index), shell.start))
    }

    /// The live process behind a held word; none when it is judged dead.
    pub(crate) fn judge(&self, config: &Config, index: usize, word: OwnerWord) -> Option<u8> {
        let (unique, start) = self.process(word.owner()? as u8)?;
        let reused = start > word.stamp() && !config.is(Mutant::NoStartTime);
        let robbed = config.is(Mutant::LiveIsDead) && !word.is_pending();
        let another = self.is_another(config, index, word, unique);
        (!reused && !another && !robbed).then_some(unique)
    }

    pub(crate) fn is_another(
        &self,
        config: &Config,
        index: usize,
        word: OwnerWord,
        unique: u8,
    ) -> bool {
        let (tag, noted) = self.notes[index];
        config.uniques && !config.is(Mutant::NoUniqueNumber) && tag == word && noted != unique
    }

    /// Whether a shell would be told that this word is its hold.
    pub(crate) fn is_hold_of(
        &self,
        config: &Config,
        index: usize,
        word: OwnerWord,
        shell: usize,
    ) -> bool {
        let pid = u32::from(self.shells[shell].pid);
        if config.is(Mutant::MineByNumber) {
            return word.owner() == Some(pid) && !word.is_pending();
        }
        let start = match config.is(Mutant::NoStartTime) {
            true => Stamp(0),
            false => self.shells[shell].start,
        };
        let unique = State::unique_of_shell(shell);
        word.is_of(pid, start)
            && !word.is_pending()
            && !self.is_another(config, index, word, unique)
    }

    /// What a word of a dead owner becomes.
    pub(crate) fn freed(config: &Config, index: usize, word: OwnerWord) -> OwnerWord {
        let reader = config.roles[0] != Role::Slot && index != 0;
        match () {
            () if word.is_pending() && config.is(Mutant::PendingForgetsAbandonment) => {
                word.released()
            }
            () if word.is_pending() => word.given_up(),
            () if reader => word.released(),
            () => word.abandoned(),
        }
    }

    pub(crate) fn released(config: &Config, word: OwnerWord) -> OwnerWord {
        if config.is(Mutant::ReleaseKeepsNumber) {
            return word;
        }
        word.released()
    }

    /// The next word in the name of a process, and its stamp kept as the last.
    pub(crate) fn stamped(
        &mut self,
        config: &Config,
        word: OwnerWord,
        pid: u8,
        pending: bool,
    ) -> OwnerWord {
        let per_word = config.is(Mutant::StampPerWord);
        let least = if per_word { 0 } else { self.last.0 + 1 };
        let now = self.clock.max(Stamp(least));
        let step = match pending {
            true => OwnerWord::pending,
            false => OwnerWord::acquired,
        };
        let next = match config.is(Mutant::StampStands) {
            true => step(OwnerWord(word.0 & 1 << 22), self.clock, u32::from(pid)),
            false => step(word, now, u32::from(pid)),
        };
        self.last = self.last.max(next.stamp());
        next
    }

    /// An invocation of a shell starts.
    pub(crate) fn launch(&mut self, shell: usize, job: Job) {
        // The first number of its shell that no trace is left of.
        let first = FIRST_CLI + 16 * shell as u8;
        let free = (first..first + 16).find(|pid| !self.is_known(*pid));
        let pid = free.expect("fewer invocations than numbers");
        self.shells[shell].cli = Some(Cli {
            pid,
            job,
            pc: Pc::Hold(0),
            back: Pc::Hold(0),
            phase: Phase::Gate,
            word: OwnerWord::FREE,
            next: OwnerWord::FREE,
            won: OwnerWord::FREE,
            sequence: 0,
            seen: NOTHING_SEEN,
            helper: Helper::None,
        });
    }

    fn is_known(&self, pid: u8) -> bool {
        let clis = self.shells.iter().filter_map(|shell| shell.cli.as_ref());
        let mut seen = clis.flat_map(|cli| {
            let known = [cli.word, cli.next, cli.won];
            known
                .into_iter()
                .chain(cli.seen.iter().map(|(word, _)| *word))
        });
        let is = |word: OwnerWord| word.owner() == Some(pid.into());
        self.words.into_iter().any(is) || seen.any(is)
    }
}
