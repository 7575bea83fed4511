//! What can be seen of a lock without taking part.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::{GATE, Geometry, Lock};
use crate::error::Result;
use crate::facts::{Described, Facts, Label};
use crate::name::Name;
use crate::process::identity::{command_of, since_boot};
use crate::shared::judge::Verdict;
use crate::shared::owner::OwnerWord;
use crate::shared::page::{Page, PageKind};

/// A process that holds a lock, or is about to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Holder {
    /// The owner.
    pub pid: u32,
    /// Its command line, where it can be read.
    pub command: Option<String>,
    /// `exclusive`, `shared`, `slot`, or `pending` for one that may not hold it yet,
    /// such as a writer that waits for readers.
    pub mode: &'static str,
    /// Whether the hold ends with a command that ipc ran.
    pub run: bool,
    /// The fencing token.
    pub token: u64,
    /// When it was taken, in seconds since 1970.
    pub since: f64,
    /// How often the owner has taken it.
    pub depth: u32,
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
    /// Who holds it.
    pub holders: Vec<Holder>,
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
            let Some((pid, word)) = self.live_owner(index)? else {
                continue;
            };
            let side = self.side(index);
            let counts = side.stamp() == word.stamp();
            let mode = match self.geometry {
                _ if word.is_pending() => "pending",
                Geometry::Slots(_) => "slot",
                Geometry::Plain if index == GATE => "exclusive",
                Geometry::Plain => "shared",
            };
            holders.push(Holder {
                pid,
                command: command_of(pid.cast_signed()),
                mode,
                run: counts && side.is_run(),
                token: word.stamp().0,
                since: wall_clock(word.stamp().since_boot()),
                depth: if counts { side.depth().max(1) } else { 1 },
            });
        }
        Ok(holders)
    }

    fn live_owner(&self, index: usize) -> Result<Option<(u32, OwnerWord)>> {
        loop {
            let word = self.owner_word(index);
            let Some(pid) = word.owner() else {
                return Ok(None);
            };
            match self.judged(index, word, pid)? {
                Verdict::Alive(_) => return Ok(Some((pid, word))),
                // It may have become another's before that process ended.
                Verdict::Dead if self.owner_word(index) != word => {}
                Verdict::Dead => return Ok(None),
            }
        }
    }

    /// Whether a former owner died while it held, and nobody has put that in order.
    pub fn is_abandoned(&self) -> bool {
        (0..self.words()).any(|index| {
            let word = self.owner_word(index);
            let dead = |pid| matches!(self.judged(index, word, pid), Ok(Verdict::Dead));
            let orderly = self.ends_in_order(index, word);
            word.is_abandoned() || word.owner().is_some_and(|pid| !orderly && dead(pid))
        })
    }
}

impl LockInfo {
    /// Looks at a lock, whatever its state.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Missing`].
    pub fn look(name: &Name) -> Result<LockInfo> {
        let (facts, status) = Page::inspect(PageKind::Lock, name)?;
        let lock = if status == "ok" {
            Lock::look(name).ok()
        } else {
            None
        };
        let holders = lock
            .as_ref()
            .map(Lock::holders)
            .transpose()?
            .unwrap_or_default();
        let state = lock.as_ref().map(|lock| match () {
            () if holders.iter().any(|holder| holder.mode != "pending") => "held",
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
fn wall_clock(moment: Duration) -> f64 {
    let ago = since_boot().saturating_sub(moment);
    let today = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    // To the second: the two clocks are read one after the other.
    today.saturating_sub(ago).as_secs_f64().round()
}
