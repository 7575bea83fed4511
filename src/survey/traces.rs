//! What processes leave behind when they end: locks that become free, objects
//! that nobody has open any more, children that get another parent.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::holdings::{Holding, Holdings};
use super::scan;
use crate::error::Result;
use crate::facts::Label;
use crate::name::Scope;
use crate::process::identity::{CommandLine, Table};

/// A lock, or a slot of one, that would become free.
#[derive(Debug, Clone, Serialize)]
pub struct Freed {
    /// The lock.
    #[serde(flatten)]
    pub label: Label,
    /// Its holder.
    pub pid: i32,
    /// `exclusive`, `shared` or `slot`.
    pub mode: &'static str,
    /// Others that have the lock open: those that wait for it.
    pub waiters: Vec<i32>,
}

/// An object that nobody else has open or mapped.
#[derive(Debug, Clone, Serialize)]
pub struct Orphan {
    /// `shm`, `value`, `array`, `sem`, `mq`, `pipe`, `sock` or `sysv-shm`.
    pub kind: &'static str,
    /// Its name; the path of a FIFO or socket outside of the runtime folder.
    #[serde(flatten)]
    pub label: Label,
    /// Whether it has no name any more, so that it goes with its last user.
    pub removed: bool,
    /// Those of the processes that use it.
    pub users: Vec<i32>,
}

/// A child that would get another parent.
#[derive(Debug, Clone, Serialize)]
pub struct Child {
    /// The child.
    pub pid: i32,
    /// Its parent, which ends.
    pub parent: i32,
    /// What it runs.
    #[serde(flatten)]
    pub command: CommandLine,
}

/// What comes of the end of some processes.
#[derive(Debug, Clone, Serialize)]
pub struct Traces {
    /// Locks and slots that become free.
    pub freed: Vec<Freed>,
    /// Objects that are left without a user; the file of a socket is stale then,
    /// and an abstract name is free.
    pub orphaned: Vec<Orphan>,
    /// Children that are left.
    pub children: Vec<Child>,
}

impl Traces {
    /// Looks for them, in all scopes. Processes of other users show what they
    /// have open to root only.
    ///
    /// # Errors
    /// When `/proc` or /dev/shm cannot be read.
    pub fn of(ending: &BTreeSet<i32>) -> Result<Traces> {
        let table = Table::read()?;
        let used = Used::read(&table);
        let left = table.rows().iter().filter(|row| {
            ending.contains(&row.ppid) && !ending.contains(&row.pid) && !row.is_zombie()
        });
        Ok(Traces {
            freed: freed(ending, &used)?,
            orphaned: orphaned(ending, &used),
            children: left
                .map(|row| Child {
                    pid: row.pid,
                    parent: row.ppid,
                    command: CommandLine::of_row(row),
                })
                .collect(),
        })
    }
}

fn freed(ending: &BTreeSet<i32>, used: &Used) -> Result<Vec<Freed>> {
    let mut freed = Vec::new();
    for lock in scan::locks(&Scope::default())? {
        // Those of a lock that cannot be read are not known.
        let held = lock.holders.as_deref().unwrap_or_default();
        let holders: Vec<i32> = held.iter().map(|one| one.pid.cast_signed()).collect();
        let waits = |pid: &i32| !holders.contains(pid) && !ending.contains(pid);
        for holder in held {
            let pid = holder.pid.cast_signed();
            if ending.contains(&pid) {
                freed.push(Freed {
                    label: lock.label.clone(),
                    pid,
                    mode: holder.mode,
                    waiters: used.of_lock(&lock.label).filter(waits).collect(),
                });
            }
        }
    }
    Ok(freed)
}

fn orphaned(ending: &BTreeSet<i32>, used: &Used) -> Vec<Orphan> {
    /// These are as good without anybody who has them open.
    const WAITED_FOR: [&str; 3] = ["lock", "event", "barrier"];
    let left = used
        .0
        .iter()
        .filter(|((kind, ..), (_, users))| !WAITED_FOR.contains(kind) && users.is_subset(ending));
    left.map(|((kind, _, removed), (label, users))| Orphan {
        kind,
        label: label.clone(),
        removed: *removed,
        users: users.iter().copied().collect(),
    })
    .collect()
}

/// Who has what, from one pass over all processes: by kind and name, those
/// that have lost theirs apart.
struct Used(BTreeMap<(&'static str, String, bool), (Label, BTreeSet<i32>)>);

impl Used {
    fn read(table: &Table) -> Used {
        let objects = Holdings::look(&Scope::default());
        let mut used = BTreeMap::new();
        let this = std::process::id().cast_signed();
        for row in table.rows().iter().filter(|row| row.pid != this) {
            let (found, _) = objects.of(row.pid);
            for Holding {
                kind,
                label,
                removed,
                ..
            } in found
            {
                let key = (kind, label.name.clone(), removed);
                let (_, users) = used.entry(key).or_insert_with(|| (label, BTreeSet::new()));
                users.insert(row.pid);
            }
        }
        Used(used)
    }

    fn of_lock(&self, label: &Label) -> impl Iterator<Item = i32> {
        let of_it = self.0.get(&("lock", label.name.clone(), false));
        of_it
            .into_iter()
            .flat_map(|(_, users)| users.iter().copied())
    }
}
