//! The file system that shows queues as files, where it is mounted.

use std::fs::Metadata;
use std::path::{Path, PathBuf};

use nix::sys::statfs::{FsType, statfs};

use crate::escape::unescaped_mount;
use crate::name::Name;

/// The type of an mqueue file system in statfs(2); nix does not name it.
const MQUEUE_MAGIC: FsType = FsType(0x1980_0202);

/// What the file of a queue tells of it, without any permission on it; nothing
/// where no such file system is mounted.
pub fn look(name: &Name) -> Option<Metadata> {
    std::fs::symlink_metadata(name.file_in(&folder()?, "")).ok()
}

/// Whether this lies in such a file system, mounted or not.
pub fn is_mqueue(path: &Path) -> bool {
    statfs(path).is_ok_and(|fs| fs.filesystem_type() == MQUEUE_MAGIC)
}

/// Where the queues of this namespace are mounted, if they are.
pub fn folder() -> Option<PathBuf> {
    let usual = Path::new("/dev/mqueue");
    if is_mqueue(usual) {
        return Some(usual.to_owned());
    }
    let mounts = std::fs::read("/proc/self/mounts").ok()?;
    mounts
        .split(|byte| *byte == b'\n')
        .filter_map(|line| {
            let mut fields = line.split(|byte| *byte == b' ');
            let folder = fields.nth(1)?;
            (fields.next()? == b"mqueue").then(|| unescaped_mount(folder))
        })
        .find(|folder| is_mqueue(folder))
}
