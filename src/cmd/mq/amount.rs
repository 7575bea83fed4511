//! How many messages one invocation takes.

/// How many messages to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Amount {
    Count(u64),
    Drain,
    Follow,
}

impl Amount {
    pub(super) fn is_reached(self, taken: u64) -> bool {
        matches!(self, Amount::Count(count) if taken >= count)
    }
}
