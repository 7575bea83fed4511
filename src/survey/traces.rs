//! What processes leave behind when they end: locks that become free, objects
//! that nobody has open any more, children that get another parent.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;

use super::scan;
use crate::error::Result;
use crate::facts::Described;
use crate::name::Scope;
use crate::process::identity::{self, CommandLine, Table};

/// A lock, or a slot of one, that would become free.
#[derive(Debug, Clone, Serialize)]
pub struct Freed {
    /// The lock.
    pub name: String,
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
    /// `shm`, `sem`, `mq` or `socket`.
    pub kind: &'static str,
    /// Its name, for a socket its path.
    pub name: String,
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
    /// Objects that stay without a user; sockets are stale then.
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
        let users = Users::read(&table);
        let left = table.rows().iter().filter(|row| {
            ending.contains(&row.ppid) && !ending.contains(&row.pid) && !row.is_zombie()
        });
        Ok(Traces {
            freed: freed(ending, &users)?,
            orphaned: orphaned(ending, &users),
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

fn freed(ending: &BTreeSet<i32>, users: &Users) -> Result<Vec<Freed>> {
    let mut freed = Vec::new();
    for lock in scan::locks(&Scope::default())? {
        // Those of a lock that cannot be read are not known.
        let held = lock.holders.as_deref().unwrap_or_default();
        let holders: Vec<i32> = held.iter().map(|one| one.pid.cast_signed()).collect();
        let facts = lock.facts();
        let others = users.of(facts.device, facts.inode);
        let waits = |pid: &&i32| !holders.contains(pid) && !ending.contains(pid);
        for holder in held {
            let pid = holder.pid.cast_signed();
            if ending.contains(&pid) {
                freed.push(Freed {
                    name: lock.label().name.clone(),
                    pid,
                    mode: holder.mode,
                    waiters: others.iter().filter(waits).copied().collect(),
                });
            }
        }
    }
    Ok(freed)
}

fn orphaned(ending: &BTreeSet<i32>, users: &Users) -> Vec<Orphan> {
    let scope = Scope::default();
    let mut orphaned = Vec::new();
    let mut look = |kind, name: String, used: &BTreeSet<i32>| {
        if !used.is_empty() && used.is_subset(ending) {
            let users = used.iter().copied().collect();
            orphaned.push(Orphan { kind, name, users });
        }
    };
    // A kind that this host does not have orphans nothing.
    for one in scan::segments(&scope).unwrap_or_default() {
        let facts = one.facts();
        look(
            "shm",
            one.label().name.clone(),
            users.of(facts.device, facts.inode),
        );
    }
    for one in scan::semaphores(&scope).unwrap_or_default() {
        let facts = one.facts();
        look(
            "sem",
            one.label().name.clone(),
            users.of(facts.device, facts.inode),
        );
    }
    for one in scan::queues(&scope).unwrap_or_default() {
        let name = one.label().name.clone();
        if let Some(used) = users.queues.get(name.as_bytes()) {
            look("mq", name, used);
        }
    }
    for (number, path) in listening() {
        if let Some(used) = users.sockets.get(&number) {
            look("socket", path, used);
        }
    }
    orphaned
}

/// Who has what open, from one pass over all processes.
#[derive(Default)]
struct Users {
    files: HashMap<(u64, u64), BTreeSet<i32>>,
    queues: HashMap<Vec<u8>, BTreeSet<i32>>,
    sockets: HashMap<u64, BTreeSet<i32>>,
}

impl Users {
    fn read(table: &Table) -> Users {
        let mut users = Users::default();
        let this = std::process::id().cast_signed();
        for row in table.rows().iter().filter(|row| row.pid != this) {
            let Some(found) = identity::files_of(row.pid) else {
                continue;
            };
            for file in found.shared {
                let of_it = users.files.entry((file.device, file.inode));
                of_it.or_default().insert(row.pid);
            }
            for queue in found.queues {
                users.queues.entry(queue).or_default().insert(row.pid);
            }
            for socket in found.sockets {
                users.sockets.entry(socket).or_default().insert(row.pid);
            }
        }
        users
    }

    fn of(&self, device: u64, inode: u64) -> &BTreeSet<i32> {
        static NOBODY: BTreeSet<i32> = BTreeSet::new();
        self.files.get(&(device, inode)).unwrap_or(&NOBODY)
    }
}

/// The sockets with a path that somebody listens on, by number.
fn listening() -> Vec<(u64, String)> {
    let table = std::fs::read("/proc/net/unix").unwrap_or_default();
    String::from_utf8_lossy(&table)
        .lines()
        .filter_map(listener)
        .collect()
}

/// A line: address, count, protocol, flags, type, state, number, path.
fn listener(line: &str) -> Option<(u64, String)> {
    /// __SO_ACCEPTCON of the kernel.
    const LISTENS: u64 = 0x1_0000;
    let mut fields = line.split_ascii_whitespace();
    let flags = u64::from_str_radix(fields.nth(3)?, 16).ok()?;
    let number = fields.nth(2)?.parse().ok()?;
    let path = fields.next()?;
    (flags & LISTENS != 0 && path.starts_with('/')).then(|| (number, path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sockets_that_are_listened_on_leave_a_file() {
        let line = "0000000000000000: 00000002 00000000 00010000 0001 01 4711 /run/x";
        assert_eq!(listener(line), Some((4711, "/run/x".to_owned())));
        let connected = "0000000000000000: 00000003 00000000 00000000 0001 03 4712 /run/x";
        assert_eq!(listener(connected), None);
        assert_eq!(
            listener("Num RefCount Protocol Flags Type St Inode Path"),
            None
        );
    }
}
