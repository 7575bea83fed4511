//! Finding the objects of each kind by name.
//!
//! What is foreign, corrupt or unreadable is shown with a status, never
//! hidden and never an error; what went away during the scan is left out.

use std::fs::Metadata;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;

use crate::backing;
use crate::error::{Error, ErrorKind, Result};
use crate::facts::{Described, Facts, Label};
use crate::name::{Name, Scope};
use crate::object::mq::{QueueInfo, mounted};
use crate::object::sem::SemaphoreInfo;
use crate::object::shm::{self, SegmentInfo};
use crate::process::supervise::{self, ProcessInfo};
use crate::shared::array::{ArrayInfo, Family};
use crate::shared::barrier::BarrierInfo;
use crate::shared::event::EventInfo;
use crate::shared::lock::LockInfo;
use crate::shared::page::PageKind;
use crate::sys::mount;

/// How anybody can make queues listable.
const MOUNT_HINT: &str = "as root: mkdir -p /dev/mqueue && mount -t mqueue none /dev/mqueue";

/// The segments within a scope, by name.
///
/// # Errors
/// When /dev/shm cannot be read.
pub fn segments(scope: &Scope) -> Result<Vec<SegmentInfo>> {
    let names = shm_files()?
        .into_iter()
        .filter(|file| !shm::is_of_another_kind(file));
    present(names, scope, SegmentInfo::look)
}

/// The semaphores within a scope, by name.
///
/// # Errors
/// When /dev/shm cannot be read.
pub fn semaphores(scope: &Scope) -> Result<Vec<SemaphoreInfo>> {
    let files = shm_files()?;
    let names = files.iter().filter_map(|file| file.strip_prefix(b"sem."));
    let names = names.filter(|name| !name.is_empty()).map(<[u8]>::to_vec);
    present(names, scope, SemaphoreInfo::look)
}

/// The locks within a scope, by name.
///
/// # Errors
/// When /dev/shm cannot be read.
pub fn locks(scope: &Scope) -> Result<Vec<LockInfo>> {
    pages(PageKind::Lock, scope, LockInfo::look)
}

/// The barriers within a scope, by name.
///
/// # Errors
/// When /dev/shm cannot be read.
pub fn barriers(scope: &Scope) -> Result<Vec<BarrierInfo>> {
    pages(PageKind::Barrier, scope, BarrierInfo::look)
}

/// The events within a scope, by name.
///
/// # Errors
/// When /dev/shm cannot be read.
pub fn events(scope: &Scope) -> Result<Vec<EventInfo>> {
    pages(PageKind::Event, scope, EventInfo::look)
}

/// The named processes of this user within a scope, by name.
///
/// # Errors
/// When the runtime folder cannot be read.
pub fn named_processes(scope: &Scope) -> Result<Vec<ProcessInfo>> {
    present(supervise::names()?, scope, ProcessInfo::look)
}

fn pages<T: Described>(
    kind: PageKind,
    scope: &Scope,
    look: impl Fn(&Name) -> Result<T>,
) -> Result<Vec<T>> {
    let files = shm_files()?;
    let prefix = kind.prefix().as_bytes();
    let names = files.iter().filter_map(|file| file.strip_prefix(prefix));
    let names = names.filter(|name| !name.is_empty()).map(<[u8]>::to_vec);
    present(names, scope, look)
}

/// The values or arrays within a scope, by name: files that show themselves as
/// such, and under arrays those that cannot be read or used, with their status.
///
/// # Errors
/// When /dev/shm cannot be read.
pub fn arrays(scope: &Scope, family: Family) -> Result<Vec<ArrayInfo>> {
    let names = shm_files()?
        .into_iter()
        .filter(|file| !shm::is_of_another_kind(file));
    present(names, scope, |name| {
        let found = ArrayInfo::find(name, family)?;
        found.ok_or_else(|| Error::new(ErrorKind::Missing, "is something else"))
    })
}

/// The queues within a scope, by name.
///
/// Looks through an mqueue file system that is mounted nowhere, which takes
/// root, else through a mounted one.
///
/// # Errors
/// [`ErrorKind::Limit`] with the command that mounts one, where neither works.
pub fn queues(scope: &Scope) -> Result<Vec<QueueInfo>> {
    // First the one that is surely of this IPC namespace: a mount may be
    // left over from the namespace outside.
    let refusal = match mount::detached_mqueue() {
        Ok(detached) => {
            let folder = format!("/proc/self/fd/{}", detached.as_raw_fd());
            return queues_in(Path::new(&folder), scope);
        }
        Err(errno) => Error::os(errno),
    };
    match mounted::folder() {
        Some(mounted) => queues_in(&mounted, scope),
        None => Err(refusal
            .meaning(ErrorKind::Limit)
            .hint(MOUNT_HINT)
            .saying("queues can be used but not listed: no mqueue file system is mounted")),
    }
}

fn queues_in(folder: &Path, scope: &Scope) -> Result<Vec<QueueInfo>> {
    let names = file_names(folder)?;
    present(names, scope, |name| match QueueInfo::look(name) {
        Err(error) if error.kind() != ErrorKind::Missing => {
            let found = look_in(folder, name)?;
            Ok(QueueInfo::unreadable(name.as_bytes(), Facts::from(&found)))
        }
        result => result,
    })
}

fn look_in(folder: &Path, name: &Name) -> Result<Metadata> {
    std::fs::symlink_metadata(name.file_in(folder, "")).map_err(Error::os)
}

fn shm_files() -> Result<Vec<Vec<u8>>> {
    file_names(Path::new(backing::DIRECTORY)).map_err(|error| match error.errno() {
        Some(Errno::ENOENT) => error
            .meaning(ErrorKind::Limit)
            .saying("there is no shared memory on this host")
            .hint(format!(
                "mount -t tmpfs -o mode=1777 tmpfs {}",
                backing::DIRECTORY
            )),
        _ => error,
    })
}

/// The entries of a folder, sorted.
pub(super) fn file_names(folder: &Path) -> Result<Vec<Vec<u8>>> {
    let about = |refusal| Error::os(refusal).about(folder.display());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(about)? {
        names.push(entry.map_err(about)?.file_name().as_bytes().to_vec());
    }
    names.sort_unstable();
    Ok(names)
}

/// Looks at each name within the scope; shows it as seen from inside.
fn present<T: Described>(
    names: impl IntoIterator<Item = Vec<u8>>,
    scope: &Scope,
    look: impl Fn(&Name) -> Result<T>,
) -> Result<Vec<T>> {
    let mut objects = Vec::new();
    for full in names {
        let Some(shown) = scope.strip(&full) else {
            continue;
        };
        match look(&Name::listed(&full)) {
            Ok(mut found) => {
                *found.label_mut() = Label::new(shown);
                objects.push(found);
            }
            Err(error) if error.kind() == ErrorKind::Missing => {}
            Err(error) => return Err(error),
        }
    }
    Ok(objects)
}
