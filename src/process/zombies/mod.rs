//! Zombies: who has them, since when, how they ended, and why they are there.
//!
//! Only its parent can take a zombie away, or the heir of a parent that ends.
//! A signal to the zombie itself does nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use nix::unistd::geteuid;

use super::identity::{CommandLine, Row, Table, since_boot, user_of};
use crate::error::Result;
use crate::sys::wait::Ending;

mod cure;
mod inject;
mod reason;

pub use cure::{Cure, end_parent, nudge};
pub use inject::inject;
pub use reason::{Reason, Situation};

/// One process that has ended and was not reaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zombie {
    /// Its number.
    pub pid: i32,
    /// Its short name; its command line went with its memory.
    pub name: Vec<u8>,
    /// When it started, since boot.
    pub start: Duration,
    /// How long ago it started: it has been a zombie for less. The kernel does
    /// not tell when a process ended.
    pub age: Duration,
    /// How it ended; nothing where that is hidden from this user.
    pub ending: Option<Ending>,
}

/// A process and the zombies that it does not reap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    /// Its number.
    pub pid: i32,
    /// Its command line.
    pub command: CommandLine,
    /// What it is at.
    pub situation: Situation,
    /// Its zombies, by number.
    pub zombies: Vec<Zombie>,
}

impl Parent {
    /// Why its zombies are not reaped, the strongest reason first.
    pub fn reasons(&self) -> Vec<Reason> {
        self.situation.reasons()
    }
}

/// The zombies of this pid namespace, by parent; with `only`, those of these
/// parents alone.
///
/// # Errors
/// When `/proc` is not mounted.
pub fn find(only: &[i32]) -> Result<Vec<Parent>> {
    let table = Table::read()?;
    let now = since_boot();
    let mut by_parent: BTreeMap<i32, Vec<Zombie>> = BTreeMap::new();
    for row in table.rows().iter().filter(|row| row.is_zombie()) {
        if only.is_empty() || only.contains(&row.ppid) {
            let zombies = by_parent.entry(row.ppid).or_default();
            zombies.push(Zombie::of(row, now));
        }
    }
    let parents = by_parent.into_iter().map(|(pid, zombies)| {
        let row = table.get(pid);
        Parent {
            pid,
            command: row.map_or_else(CommandLine::default, CommandLine::of_row),
            situation: Situation::of(pid, row, &zombies),
            zombies,
        }
    });
    Ok(parents.collect())
}

impl Zombie {
    fn of(row: &Row, now: Duration) -> Zombie {
        let this = geteuid();
        // To others than its user and root the kernel shows 0.
        let is_told =
            || row.exit_code != 0 || this.is_root() || user_of(row.pid) == Some(this.as_raw());
        Zombie {
            pid: row.pid,
            name: row.comm.clone(),
            start: row.start,
            age: now.saturating_sub(row.start),
            ending: is_told().then(|| Ending::of_status(row.exit_code)),
        }
    }

    /// Whether it is there still, and is the same one.
    pub fn is_there(&self) -> bool {
        let row = Row::of(self.pid);
        row.is_some_and(|row| row.is_zombie() && row.is(self.pid, self.start))
    }
}
