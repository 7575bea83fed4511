//! The descriptors of a process, and what went through them.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::libc;

/// A file that a process has open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptor {
    /// Its number in that process.
    pub number: i32,
    /// Device of the file.
    pub device: u64,
    /// Inode of the file.
    pub inode: u64,
    /// Whether it is open for reading.
    pub reads: bool,
    /// Whether it is open for writing.
    pub writes: bool,
}

/// The open files of a process that are among the wanted, by device and inode;
/// none where that cannot be seen.
pub fn open_files(pid: i32, is_wanted: impl Fn(u64, u64) -> bool) -> Vec<Descriptor> {
    let look = |path: PathBuf| {
        let (device, inode) = file_behind(&path)?;
        if !is_wanted(device, inode) {
            return None;
        }
        let number = path.file_name()?.to_str()?.parse().ok()?;
        let (reads, writes) = access(pid, number)?;
        Some(Descriptor {
            number,
            device,
            inode,
            reads,
            writes,
        })
    };
    let paths = paths(pid).into_iter().flatten();
    paths.filter_map(look).collect()
}

/// Whether a process has this file open; not when that cannot be seen.
pub fn has_open(pid: i32, device: u64, inode: u64) -> bool {
    let mut paths = paths(pid).into_iter().flatten();
    paths.any(|path| file_behind(&path) == Some((device, inode)))
}

/// Where the descriptors of a process are; nothing where they are hidden.
pub(super) fn paths(pid: i32) -> Option<impl Iterator<Item = PathBuf>> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    // Closed since the folder was read: no entry.
    Some(entries.flatten().map(|entry| entry.path()))
}

/// Device and inode of what such a path leads to.
pub(super) fn file_behind(path: &Path) -> Option<(u64, u64)> {
    let found = std::fs::metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

/// For what a descriptor is open: reading, writing. One that opens nothing
/// (O_PATH) is for neither.
fn access(pid: i32, number: i32) -> Option<(bool, bool)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/fdinfo/{number}")).ok()?;
    let flags = text.lines().find_map(|line| line.strip_prefix("flags:"))?;
    let flags = i32::from_str_radix(flags.trim(), 8).ok()?;
    if flags & libc::O_PATH != 0 {
        return Some((false, false));
    }
    Some(match flags & libc::O_ACCMODE {
        libc::O_RDONLY => (true, false),
        libc::O_WRONLY => (false, true),
        _ => (true, true),
    })
}

/// What a process has read and written by all its calls, proc_pid_io(5): of a
/// zombie too. Unknown where that may not be seen.
pub fn transferred(pid: i32) -> Option<(u64, u64)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/io")).ok()?;
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line?.trim().parse().ok()
    };
    Some((field("rchar:")?, field("wchar:")?))
}
