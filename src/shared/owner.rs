//! The owner word: who holds something, as one 64-bit number.
//!
//! `{stamp:41 | abandoned:1 | pid:22}`; pid 0 is free. Every change is one
//! compare-and-swap from the value that was read, so a process that is killed
//! at any instruction leaves the old state or the new one. The stamp only
//! rises: it is the fencing token, it makes a word that comes back to the same
//! owner another word, and it unmasks a reused pid, since the true owner
//! started before its stamp was taken.
//!
//! The stamp of a hold is odd. An even one is pending: a process has put its
//! own number there while it still finds out whether the hold may be. That is
//! told by the word itself, for what stands beside it can be overtaken.
//!
//! This module is pure: it knows no clock, no process and no memory, so that
//! the model checker sees the same transitions as the program.

use std::time::Duration;

/// Highest pid of the kernel, PID_MAX_LIMIT; it fits 22 bits.
pub const MAX_PID: u32 = (1 << 22) - 1;
/// Highest stamp that fits.
pub const MAX_STAMP: u64 = (1 << 41) - 1;
/// The unit of a stamp: 41 bits of it are almost nine years of uptime.
const UNIT_MICROS: u128 = 128;

/// The state of a lock or slot, at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OwnerWord(pub u64);

/// A fencing token: larger for every later holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp(pub u64);

impl Stamp {
    /// The stamp of a moment since boot; the highest for all that are later.
    pub fn at(since_boot: Duration) -> Stamp {
        let units = since_boot.as_micros() / UNIT_MICROS;
        Stamp(units.min(MAX_STAMP.into()) as u64)
    }

    /// The moment since boot that it stands for.
    pub fn since_boot(self) -> Duration {
        Duration::from_micros(self.0 * UNIT_MICROS as u64)
    }
}

impl OwnerWord {
    /// Never held.
    pub const FREE: OwnerWord = OwnerWord(0);

    fn new(stamp: Stamp, abandoned: bool, pid: u32) -> OwnerWord {
        OwnerWord(
            stamp.0.min(MAX_STAMP) << 23 | u64::from(abandoned) << 22 | u64::from(pid & MAX_PID),
        )
    }

    /// The stamp of the last hold.
    pub fn stamp(self) -> Stamp {
        Stamp(self.0 >> 23)
    }

    /// The owner; nobody when free.
    pub fn owner(self) -> Option<u32> {
        let pid = (self.0 & u64::from(MAX_PID)) as u32;
        (pid != 0).then_some(pid)
    }

    /// Whether a former owner died while it held.
    pub fn is_abandoned(self) -> bool {
        self.0 & 1 << 22 != 0
    }

    /// The low half: what a waiter sleeps on. It holds the pid and the low bits
    /// of the stamp, so that every change is seen.
    pub fn futex(self) -> u32 {
        self.0 as u32
    }

    /// Whether stamps are left for one more hold from `now` on. The next ones
    /// would not rise, so nothing may be taken without.
    pub fn has_next(self, now: Stamp) -> bool {
        // The hold itself may take two: pending and held.
        now.max(Stamp(self.stamp().0 + 1)) <= Stamp(MAX_STAMP - 3)
    }

    /// Held by `pid` from now on; the stamp rises even if the clock does not.
    #[must_use]
    pub fn acquired(self, now: Stamp, pid: u32) -> OwnerWord {
        let stamp = now.max(Stamp(self.stamp().0 + 1));
        OwnerWord::new(Stamp(stamp.0 | 1), self.is_abandoned(), pid)
    }

    /// Kept from others by `pid`, which does not hold it yet.
    #[must_use]
    pub fn pending(self, now: Stamp, pid: u32) -> OwnerWord {
        let stamp = now.max(Stamp(self.stamp().0 + 1));
        OwnerWord::new(Stamp((stamp.0 + 1) & !1), self.is_abandoned(), pid)
    }

    /// Whether it is kept from others by a process that does not hold it yet.
    pub fn is_pending(self) -> bool {
        self.owner().is_some() && self.0 & 1 << 23 == 0
    }

    /// Given back by its owner: nothing is left in disorder.
    #[must_use]
    pub fn released(self) -> OwnerWord {
        OwnerWord::new(self.stamp(), false, 0)
    }

    /// No longer pending: an abandonment that was met stays for the next one.
    #[must_use]
    pub fn given_up(self) -> OwnerWord {
        OwnerWord::new(self.stamp(), self.is_abandoned(), 0)
    }

    /// Taken from a dead owner, or by force: the next one is told.
    #[must_use]
    pub fn abandoned(self) -> OwnerWord {
        OwnerWord::new(self.stamp(), true, 0)
    }

    /// Whether a live process of this number and start time is the owner.
    ///
    /// One that started after the stamp was taken only has the same number.
    pub fn is_of(self, pid: u32, start: Stamp) -> bool {
        self.owner() == Some(pid) && start <= self.stamp()
    }
}

/// What stands beside an owner word: `{stamp:41 | run:1 | depth:22}`. It counts
/// only while its stamp is that of the owner word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Side(pub u64);

impl Side {
    /// A side word for a hold of this stamp.
    pub fn new(stamp: Stamp, depth: u32) -> Side {
        Side(stamp.0 << 23 | u64::from(depth & MAX_PID))
    }

    /// The stamp of the hold that it is about.
    pub fn stamp(self) -> Stamp {
        Stamp(self.0 >> 23)
    }

    /// How often the owner has taken it.
    pub fn depth(self) -> u32 {
        (self.0 & u64::from(MAX_PID)) as u32
    }

    /// The same hold, so often taken.
    #[must_use]
    pub fn with_depth(self, depth: u32) -> Side {
        Side(self.0 & !u64::from(MAX_PID) | u64::from(depth & MAX_PID))
    }

    /// The hold of a command, which ends with its process in good order.
    #[must_use]
    pub fn as_run(self) -> Side {
        Side(self.0 | 1 << 22)
    }

    /// Whether it is the hold of a command.
    pub fn is_run(self) -> bool {
        self.0 & 1 << 22 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_goes_round() {
        let held = OwnerWord::FREE.acquired(Stamp(100), 42);
        assert_eq!(
            (held.stamp(), held.owner(), held.is_abandoned()),
            (Stamp(101), Some(42), false)
        );
        let free = held.released();
        assert_eq!(
            (free.stamp(), free.owner(), free.is_abandoned()),
            (Stamp(101), None, false)
        );
        let again = free.acquired(Stamp(100), 42);
        assert_eq!(again.stamp(), Stamp(103));
        let lost = again.abandoned().acquired(Stamp(50), 43);
        assert_eq!((lost.stamp(), lost.is_abandoned()), (Stamp(105), true));
        assert!(!lost.released().is_abandoned());
    }

    #[test]
    fn pending_is_no_hold_and_keeps_an_abandonment() {
        let left = OwnerWord::FREE.acquired(Stamp(7), 42).abandoned();
        let pending = left.pending(Stamp(0), 43);
        assert_eq!((pending.stamp(), pending.owner()), (Stamp(8), Some(43)));
        assert!(pending.is_pending() && !left.is_pending());
        assert!(pending.given_up().is_abandoned());
        assert!(!pending.given_up().is_pending());
        let held = pending.acquired(Stamp(0), 44);
        assert_eq!((held.stamp(), held.is_abandoned()), (Stamp(9), true));
        assert!(!held.is_pending());
    }

    #[test]
    fn stamps_end_and_never_start_again() {
        let last = Stamp(MAX_STAMP - 3);
        assert!(OwnerWord::FREE.has_next(last));
        let pending = OwnerWord::FREE.pending(last, 42);
        let held = pending.acquired(last, 42);
        assert!(pending.is_pending() && !held.is_pending());
        assert!(pending.stamp() < held.stamp() && held.stamp() < Stamp(MAX_STAMP));
        assert!(!held.released().has_next(Stamp(0)));
        assert!(!OwnerWord::FREE.has_next(Stamp(MAX_STAMP - 2)));
        // Without a look at that they stay where they are, and touch no other bits.
        let end = OwnerWord(u64::MAX << 23);
        for next in [
            end.acquired(Stamp(0), 42),
            end.pending(Stamp(u64::MAX - 1), 42),
        ] {
            assert!(next.stamp() >= Stamp(MAX_STAMP - 1));
            assert_eq!((next.owner(), next.is_abandoned()), (Some(42), false));
        }
        let nine_years = Duration::from_secs(9 * 366 * 24 * 3600);
        assert_eq!(Stamp::at(nine_years), Stamp(MAX_STAMP));
        assert_eq!(Stamp::at(Duration::MAX), Stamp(MAX_STAMP));
        assert!(Stamp::at(nine_years - Duration::from_secs(366 * 24 * 3600)).0 < MAX_STAMP);
    }

    #[test]
    fn every_change_is_a_change_of_the_futex_word() {
        let word = OwnerWord::FREE.acquired(Stamp(7), 42);
        for next in [
            word.released(),
            word.abandoned(),
            word.released().acquired(Stamp(7), 42),
        ] {
            assert_ne!(next.futex(), word.futex());
        }
    }

    #[test]
    fn a_reused_number_is_not_the_owner() {
        let word = OwnerWord::FREE.acquired(Stamp(100), MAX_PID);
        assert!(word.is_of(MAX_PID, Stamp(101)));
        assert!(!word.is_of(MAX_PID, Stamp(102)));
        assert!(!word.is_of(MAX_PID - 1, Stamp(0)));
    }
}
