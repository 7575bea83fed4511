//! What processes leave behind when they end: locks that become free, objects
//! that nobody has open any more, children that get another parent.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::holdings::{Holding, Holdings};
use super::scan;
use crate::error::Result;
use crate::facts::{Described, Label};
use crate::name::Scope;
use crate::process::identity::{CommandLine, Table};
use crate::shared::lock::LockInfo;

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
        // Those of a lock that cannot be read are not known, and elsewhere a
        // number is that of another process.
        let held = lock.holders.iter().flatten();
        let held: Vec<_> = held.filter(|holder| !holder.foreign).collect();
        let holders: Vec<i32> = held.iter().map(|one| one.pid.cast_signed()).collect();
        let waits = |pid: &i32| !holders.contains(pid) && !ending.contains(pid);
        for holder in held {
            let pid = holder.pid.cast_signed();
            if ending.contains(&pid) {
                freed.push(Freed {
                    label: lock.label.clone(),
                    pid,
                    mode: holder.mode,
                    waiters: used.of_lock(&lock).filter(waits).collect(),
                });
            }
        }
    }
    Ok(freed)
}

fn orphaned(ending: &BTreeSet<i32>, used: &Used) -> Vec<Orphan> {
    let left = used.0.values().filter(|object| {
        object.users.is_subset(ending)
            && (object.holding.removed || may_be_orphaned(&object.holding))
    });
    let orphan = |object: &Object| Orphan {
        kind: object.holding.kind,
        label: object.holding.label.clone(),
        removed: object.holding.removed,
        users: object.users.iter().copied().collect(),
    };
    let mut orphaned: Vec<Orphan> = left.map(orphan).collect();
    let key = |one: &Orphan| (one.kind, one.label.name.clone());
    orphaned.sort_by_key(key);
    orphaned
}

/// Whether something is left when the last process that has it ends, and
/// misses that process.
fn may_be_orphaned(object: &Holding) -> bool {
    // Those are waited for and taken by whoever comes: as good without anybody.
    !matches!(object.kind, "lock" | "event" | "barrier")
}

/// Who has what, from one pass over all processes: by kind and identity.
struct Used(BTreeMap<(&'static str, (u64, u64)), Object>);

struct Object {
    holding: Holding,
    users: BTreeSet<i32>,
}

impl Used {
    fn read(table: &Table) -> Used {
        let objects = Holdings::look(&Scope::default());
        let mut used = BTreeMap::new();
        let this = std::process::id().cast_signed();
        for row in table.rows().iter().filter(|row| row.pid != this) {
            let (found, _) = objects.of(row.pid);
            for holding in found {
                let key = (holding.kind, holding.identity);
                let object = used.entry(key).or_insert_with(|| Object {
                    holding,
                    users: BTreeSet::new(),
                });
                object.users.insert(row.pid);
            }
        }
        Used(used)
    }

    fn of_lock(&self, lock: &LockInfo) -> impl Iterator<Item = i32> {
        let facts = lock.facts();
        let of_it = self.0.get(&("lock", (facts.device, facts.inode)));
        of_it
            .into_iter()
            .flat_map(|object| object.users.iter().copied())
    }
}
