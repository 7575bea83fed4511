//! Which objects a process has: held, open, or in its memory.

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;

use serde::Serialize;

use super::scan;
use crate::backing;
use crate::facts::Label;
use crate::name::{Name, Scope};
use crate::object::shm::is_of_another_kind;
use crate::process::identity::{Use, files_of};
use crate::shared::array::{ArrayInfo, Family};
use crate::shared::page::PageKind;

/// One object that a process has.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Holding {
    /// `shm`, `value`, `array`, `sem`, `lock`, `event`, `barrier`, `mq`, or `sysv-shm`.
    pub kind: &'static str,
    /// Its name.
    #[serde(flatten)]
    pub label: Label,
    /// `held` (a lock), `open` (by a descriptor), or `mapped`.
    pub how: &'static str,
    /// Whether its name is gone, or another object's by now.
    pub removed: bool,
}

impl Holding {
    /// As it is written across kinds: `shm:jobs`.
    pub fn written(&self) -> String {
        format!("{}:{}", self.kind, self.label.name.trim_start_matches('/'))
    }
}

/// The objects of this host, ready to be found in processes.
#[derive(Debug)]
pub struct Holdings {
    scope: Scope,
    /// Names in `/dev/shm`, by device and inode.
    files: HashMap<(u64, u64), Vec<u8>>,
    /// Locks by the processes that hold them.
    locks: HashMap<i32, Vec<Holding>>,
}

impl Holdings {
    /// Looks at the objects within a scope.
    pub fn look(scope: &Scope) -> Holdings {
        let mut files = HashMap::new();
        // Where there is no shared memory nobody has any.
        for entry in std::fs::read_dir(backing::DIRECTORY)
            .into_iter()
            .flatten()
            .flatten()
        {
            if let Ok(found) = entry.metadata() {
                let name = entry.file_name().as_bytes().to_vec();
                files.insert((found.dev(), found.ino()), name);
            }
        }
        let mut locks: HashMap<i32, Vec<Holding>> = HashMap::new();
        for lock in scan::locks(scope).unwrap_or_default() {
            // Elsewhere the number is that of another process.
            let holders = lock.holders.iter().flatten();
            for holder in holders.filter(|holder| !holder.foreign) {
                locks
                    .entry(holder.pid.cast_signed())
                    .or_default()
                    .push(Holding {
                        kind: "lock",
                        label: lock.label.clone(),
                        how: "held",
                        removed: false,
                    });
            }
        }
        Holdings {
            scope: scope.clone(),
            files,
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
        for file in files.shared {
            let present = self.files.get(&(file.device, file.inode));
            let name = present.unwrap_or(&file.name);
            let (kind, bare) = kind_of(name);
            let Some(shown) = self.scope.strip(bare) else {
                continue;
            };
            let label = Label::new(shown);
            if found
                .iter()
                .any(|one| one.kind == kind && one.label == label)
            {
                continue;
            }
            let how = match file.how {
                Use::Open => "open",
                Use::Mapped => "mapped",
            };
            let removed = present.is_none();
            found.push(Holding {
                kind,
                label,
                how,
                removed,
            });
        }
        for queue in files.queues {
            let removed = queue.ends_with(b" (deleted)");
            let name = queue.strip_suffix(b" (deleted)").unwrap_or(&queue);
            if let Some(shown) = self.scope.strip(name) {
                let label = Label::new(shown);
                found.push(Holding {
                    kind: "mq",
                    label,
                    how: "open",
                    removed,
                });
            }
        }
        for id in files.system_v {
            // Those have numbers, and no scope.
            let label = Label {
                name: id.to_string(),
                name_bytes: None,
            };
            found.push(Holding {
                kind: "sysv-shm",
                label,
                how: "mapped",
                removed: false,
            });
        }
        (found, true)
    }
}

/// The kind of a file of `/dev/shm`, and the name of the object.
fn kind_of(file: &[u8]) -> (&'static str, &[u8]) {
    if let Some(name) = file.strip_prefix(b"sem.") {
        return ("sem", name);
    }
    for kind in [PageKind::Lock, PageKind::Event, PageKind::Barrier] {
        if let Some(name) = file.strip_prefix(kind.prefix().as_bytes()) {
            return (kind.word(), name);
        }
    }
    if is_of_another_kind(file) {
        return ("shm", file);
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
