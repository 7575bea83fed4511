//! What can be seen of a lock without taking part.

use std::time::Duration;

use serde::Serialize;

use super::{GATE, Geometry, Lock};
use crate::error::{ErrorKind, Result};
use crate::facts::{Described, Facts, Label, wall_clock};
use crate::name::Name;
use crate::process::identity::{CommandLine, since_boot};
use crate::shared::judge::Verdict;
use crate::shared::owner::{OwnerWord, Side};
use crate::shared::page::{Page, PageKind};

/// A process that holds a lock. A writer that waits for readers is none yet.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Holder {
    /// The owner, in the pid namespace of the lock.
    pub pid: u32,
    /// Its command line, where it can be read.
    #[serde(flatten)]
    pub command: CommandLine,
    /// `exclusive`, `shared` or `slot`.
    pub mode: &'static str,
    /// Whether the hold ends with a command that ipc ran.
    pub run: bool,
    /// The fencing token.
    pub token: u64,
    /// When it was taken, in seconds since 1970.
    pub since: f64,
    /// How often the owner has taken it.
    pub depth: u32,
    /// Whether it belongs to another pid or time namespace than this, where
    /// the number can be that of somebody else.
    pub foreign: bool,
}

/// What a listing or `stat` shows of a lock.
#[derive(Debug, Clone, Serialize)]
pub struct LockInfo {
    /// Always `lock`.
    pub kind: &'static str,
    #[serde(flatten)]
    /// Its name.
    pub label: Label,
    /// `ok`, or what lies there instead of a lock.
    pub status: String,
    /// How many may hold it at once; nothing for a plain lock.
    pub slots: Option<u32>,
    /// `free`, `held`, or `abandoned` when its last owner died.
    pub state: Option<&'static str>,
    /// Who holds it; nothing when that cannot be read.
    pub holders: Option<Vec<Holder>>,
    #[serde(flatten)]
    /// Owner, mode, place and time.
    pub facts: Facts,
}

impl Lock {
    /// Who holds the lock now; dead owners hold nothing.
    ///
    /// # Errors
    /// When the system has no descriptor to spare.
    pub fn holders(&self) -> Result<Vec<Holder>> {
        let mut holders = Vec::new();
        for index in 0..self.words() {
            let word = self.owner_word(index);
            if self.lives(index, word)? {
                holders.extend(self.holder(index, word));
            }
        }
        Ok(holders)
    }

    /// What is known of the hold in a word.
    pub(super) fn holder(&self, index: usize, word: OwnerWord) -> Option<Holder> {
        let pid = word.owner()?;
        let side = Some(self.side(index)).filter(|side| side.stamp() == word.stamp());
        let mode = match self.geometry {
            Geometry::Slots(_) => "slot",
            Geometry::Plain if index == GATE => "exclusive",
            Geometry::Plain => "shared",
        };
        // In another namespace the number is that of somebody else.
        let known = self.require_this_namespace().is_ok();
        Some(Holder {
            pid,
            command: match known {
                true => CommandLine::of(pid.cast_signed()),
                false => CommandLine::default(),
            },
            mode,
            run: side.is_some_and(Side::is_run),
            token: word.stamp().0,
            since: time_of_day(word.stamp().since_boot()),
            depth: side.map_or(1, |side| side.depth().max(1)),
            foreign: !known,
        })
    }

    /// Whether a former owner died while it held, and nobody has put that in order.
    pub fn is_abandoned(&self) -> bool {
        (0..self.words()).any(|index| {
            let word = self.owner_word(index);
            let dead = |pid| matches!(self.judged(index, word, pid), Ok(Verdict::Dead));
            let Some(pid) = word.owner() else {
                return word.is_abandoned();
            };
            // A command that took over and has ended has left it in order.
            let left = !self.ends_in_order(index, word) || word.is_pending() && word.is_abandoned();
            left && dead(pid)
        })
    }
}

impl LockInfo {
    /// Looks at a lock, whatever its state.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Missing`].
    pub fn look(name: &Name) -> Result<LockInfo> {
        let (facts, mut status) = Page::inspect(PageKind::Lock, name)?;
        let opened = (status == "ok").then(|| Lock::look(name));
        if let Some(Err(error)) = &opened
            && error.kind() == ErrorKind::Broken
        {
            "corrupt".clone_into(&mut status);
        }
        let lock = opened.and_then(Result::ok);
        let holders = lock.as_ref().map(Lock::holders).transpose()?;
        let state = lock.as_ref().map(|lock| match () {
            () if holders.as_ref().is_some_and(|all| !all.is_empty()) => "held",
            () if lock.is_abandoned() => "abandoned",
            () => "free",
        });
        let slots = match lock.as_ref().map(Lock::geometry) {
            Some(Geometry::Slots(count)) => Some(count),
            _ => None,
        };
        let label = Label::new(name.as_bytes());
        Ok(LockInfo {
            kind: PageKind::Lock.word(),
            label,
            status,
            slots,
            state,
            holders,
            facts,
        })
    }
}

impl Described for LockInfo {
    fn label(&self) -> &Label {
        &self.label
    }

    fn label_mut(&mut self) -> &mut Label {
        &mut self.label
    }

    fn facts(&self) -> &Facts {
        &self.facts
    }
}

/// The time of day of a moment since boot.
fn time_of_day(moment: Duration) -> f64 {
    let ago = since_boot().saturating_sub(moment);
    // To the second: the two clocks are read one after the other.
    (wall_clock() - ago.as_secs_f64()).max(0.0).round()
}
