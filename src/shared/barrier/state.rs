//! The words of a barrier, apart from where they lie.

/// The state word: `{history:32 | generation:24 | arrived:8}`. Sleepers sleep
/// on its low half, which every change changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State(pub(super) u64);

/// How a generation ended, or that it has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Open,
    Complete,
    Broken,
}

const GENERATIONS: u64 = 1 << 24;

impl State {
    fn new(history: u64, generation: u64, arrived: u64) -> State {
        State(history << 32 | (generation % GENERATIONS) << 8 | arrived)
    }

    pub(super) fn arrived(self) -> u32 {
        (self.0 & 0xff) as u32
    }

    pub(super) fn generation(self) -> u64 {
        self.0 >> 8 & (GENERATIONS - 1)
    }

    fn history(self) -> u64 {
        self.0 >> 32
    }

    pub(super) fn one_more(self) -> State {
        State(self.0 + 1)
    }

    /// The next generation, with how this one ended as the newest history.
    pub(super) fn ended(self, broken: bool) -> State {
        let history = (self.history() << 1 | u64::from(broken)) & 0xffff_ffff;
        State::new(history, self.generation() + 1, 0)
    }

    /// How a generation ended; one that is too long ago counts as broken.
    pub(super) fn fate_of(self, generation: u64) -> Fate {
        let since = (self.generation() + GENERATIONS - generation) % GENERATIONS;
        match since {
            0 => Fate::Open,
            1..=32 if self.history() >> (since - 1) & 1 == 0 => Fate::Complete,
            _ => Fate::Broken,
        }
    }
}

/// What stands beside a member: `{generation:32 | parent:32}`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Side {
    pub(super) generation: u64,
    pub(super) parent: u32,
}

impl Side {
    /// Of no generation that there is.
    pub(super) const NOBODY: Side = Side {
        generation: GENERATIONS,
        parent: 0,
    };

    pub(super) fn of(bits: u64) -> Side {
        Side {
            generation: bits >> 32,
            parent: bits as u32,
        }
    }

    pub(super) fn bits(self) -> u64 {
        self.generation << 32 | u64::from(self.parent)
    }

    pub(super) fn parent(self) -> Option<u32> {
        Some(self.parent).filter(|pid| *pid != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_sleeper_learns_how_its_generation_ended() {
        let first = State::new(0, 7, 2);
        let broken = first.ended(true);
        let complete = broken.one_more().ended(false);
        assert_eq!(first.fate_of(7), Fate::Open);
        assert_eq!(broken.fate_of(7), Fate::Broken);
        assert_eq!(complete.fate_of(7), Fate::Broken);
        assert_eq!(complete.fate_of(8), Fate::Complete);
        let much_later = (0..40).fold(complete, |state, _| state.ended(false));
        assert_eq!(much_later.fate_of(8), Fate::Broken);
        assert_eq!(
            much_later.fate_of(much_later.generation() - 32),
            Fate::Complete
        );
    }

    #[test]
    fn generations_go_round() {
        let last = State::new(0, GENERATIONS - 1, 239);
        assert_eq!(last.arrived(), 239);
        assert_eq!(last.ended(false).generation(), 0);
        assert_eq!(last.ended(false).fate_of(GENERATIONS - 1), Fate::Complete);
    }
}
