//! Which objects a process has: held, open, or in its memory.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use serde::Serialize;

use super::sockets::{self, Bound};
use super::{pipes, scan};
use crate::backing;
use crate::facts::Label;
use crate::name::{Name, Scope};
use crate::object::shm::is_of_another_kind;
use crate::process::identity::{Use, UsedFile, files_of, shares_files};
use crate::runtime;
use crate::shared::array::{ArrayInfo, Family};
use crate::shared::page::PageKind;

/// One object that a process has.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Holding {
    /// `shm`, `value`, `array`, `sem`, `lock`, `event`, `barrier`, `mq`, `pipe`,
    /// `sock` or `sysv-shm`.
    pub kind: &'static str,
    /// Its name; the path of a FIFO or socket outside of the runtime folder.
    #[serde(flatten)]
    pub label: Label,
    /// `held` (a lock), `open` (by a descriptor), or `mapped`.
    pub how: &'static str,
    /// Whether its name is gone, or another object's by now.
    pub removed: bool,
    /// Device and inode, or the number of what has no file: with the kind they
    /// say which object it is, whatever it is called.
    #[serde(skip)]
    pub identity: (u64, u64),
}

/// As it is written across kinds, `shm:jobs` or `sock:/run/server`; safe to show.
impl fmt::Display for Holding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.label.to_string();
        // Only a path has more than the one slash.
        let bare = name.strip_prefix('/').filter(|rest| !rest.contains('/'));
        write!(f, "{}:{}", self.kind, bare.unwrap_or(&name))
    }
}

/// The objects of this host, ready to be found in processes.
#[derive(Debug)]
pub struct Holdings {
    scope: Scope,
    /// Names in `/dev/shm`, by device and inode.
    files: HashMap<(u64, u64), Vec<u8>>,
    /// FIFOs of the runtime folder, likewise.
    fifos: HashMap<(u64, u64), Vec<u8>>,
    /// Bound sockets within the scope, by their own inode.
    sockets: HashMap<u64, Bound>,
    /// Locks by the processes that hold them.
    locks: HashMap<i32, Vec<Holding>>,
}

impl Holdings {
    /// Looks at the objects within a scope.
    pub fn look(scope: &Scope) -> Holdings {
        let mut locks: HashMap<i32, Vec<Holding>> = HashMap::new();
        for lock in scan::locks(scope).unwrap_or_default() {
            // Elsewhere the number is that of another process.
            let holders = lock.holders.iter().flatten();
            for holder in holders.filter(|holder| !holder.foreign) {
                let held = Holding {
                    kind: "lock",
                    label: lock.label.clone(),
                    how: "held",
                    removed: false,
                    identity: (lock.facts.device, lock.facts.inode),
                };
                let of_it = locks.entry(holder.pid.cast_signed()).or_default();
                of_it.push(held);
            }
        }
        Holdings {
            scope: scope.clone(),
            files: backing::entries(Path::new(backing::DIRECTORY), ""),
            fifos: runtime::named(pipes::PREFIX),
            sockets: sockets::bound(scope),
            locks,
        }
    }

    /// What a process has; nothing where that is hidden. Locks are known all
    /// the same.
    pub fn of(&self, pid: i32) -> (Vec<Holding>, bool) {
        let mut found = self.locks.get(&pid).cloned().unwrap_or_default();
        let Some(files) = files_of(pid) else {
            return (found, false);
        };
        let shared = files.shared.iter().filter_map(|file| self.shared(file));
        let queues = files.queues.iter().filter_map(|queue| self.queue(queue));
        let fifos = files.fifos.iter().filter_map(|fifo| self.fifo(fifo));
        let sockets = files
            .sockets
            .iter()
            .filter_map(|inode| self.socket(pid, *inode));
        let system_v = files.system_v.iter().map(|id| system_v(*id));
        let all = shared.chain(queues).chain(fifos).chain(sockets);
        for one in all.chain(system_v) {
            // Held says more than mapped.
            let is_known =
                |known: &Holding| (known.kind, known.identity) == (one.kind, one.identity);
            if !found.iter().any(is_known) {
                found.push(one);
            }
        }
        (found, true)
    }

    fn shared(&self, file: &UsedFile) -> Option<Holding> {
        let present = self.files.get(&(file.device, file.inode));
        let (kind, bare) = match present {
            Some(name) => kind_of(name),
            // What has that name now is another one.
            None => kind_by_name(&file.name).unwrap_or(("shm", &file.name)),
        };
        Some(Holding {
            kind,
            label: Label::new(self.scope.strip(bare)?),
            how: match file.how {
                Use::Open => "open",
                Use::Mapped => "mapped",
            },
            removed: present.is_none() && file.removed,
            identity: (file.device, file.inode),
        })
    }

    fn queue(&self, queue: &UsedFile) -> Option<Holding> {
        let label = Label::new(self.scope.strip(&queue.name)?);
        Some(open("mq", label, queue))
    }

    fn fifo(&self, fifo: &UsedFile) -> Option<Holding> {
        let label = match self.fifos.get(&(fifo.device, fifo.inode)) {
            Some(name) => Label::new(self.scope.strip(name)?),
            // A path has no scope.
            None => Label::of_path(&fifo.name),
        };
        Some(open("pipe", label, fifo))
    }

    fn socket(&self, pid: i32, inode: u64) -> Option<Holding> {
        let bound = self.sockets.get(&inode)?;
        Some(Holding {
            kind: "sock",
            label: bound.label.clone(),
            how: "open",
            // Where it sees other files than we do, nothing can be said.
            removed: !bound.is_found && shares_files(pid),
            identity: (0, inode),
        })
    }
}

fn open(kind: &'static str, label: Label, file: &UsedFile) -> Holding {
    Holding {
        kind,
        label,
        how: "open",
        removed: file.removed,
        identity: (file.device, file.inode),
    }
}

/// Those have numbers, and no scope.
fn system_v(id: u64) -> Holding {
    Holding {
        kind: "sysv-shm",
        label: Label {
            name: id.to_string(),
            name_bytes: None,
        },
        how: "mapped",
        removed: false,
        identity: (0, id),
    }
}

/// The kind of a file of `/dev/shm` that its name alone tells, and the name of
/// the object.
fn kind_by_name(file: &[u8]) -> Option<(&'static str, &[u8])> {
    if let Some(name) = file.strip_prefix(b"sem.") {
        return Some(("sem", name));
    }
    for kind in [PageKind::Lock, PageKind::Event, PageKind::Barrier] {
        if let Some(name) = file.strip_prefix(kind.prefix().as_bytes()) {
            return Some((kind.word(), name));
        }
    }
    is_of_another_kind(file).then_some(("shm", file))
}

/// The kind of a file of `/dev/shm`, and the name of the object.
fn kind_of(file: &[u8]) -> (&'static str, &[u8]) {
    if let Some(known) = kind_by_name(file) {
        return known;
    }
    let name = Name::listed(file);
    let is = |family| {
        ArrayInfo::find(&name, family).is_ok_and(|found| found.is_some_and(|one| one.is_certain()))
    };
    match () {
        () if is(Family::Value) => ("value", file),
        () if is(Family::Array) => ("array", file),
        () => ("shm", file),
    }
}
