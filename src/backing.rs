//! The files in /dev/shm behind memory, semaphores and everything shared.
//!
//! Born complete: a file is made unnamed, filled, and only then linked under
//! its name, so that a creator killed halfway leaves nothing. Opened with
//! care: no symbolic link is followed, and anything but a regular file with
//! one name is refused before a byte of it is used.

use std::collections::HashMap;
use std::fs::{DirEntry, File, Metadata, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::libc;
use nix::sys::statfs::{TMPFS_MAGIC, statfs};
use nix::unistd::linkat;

use crate::error::{Error, ErrorKind, Result};
use crate::size::{Mode, Size};

/// Where glibc, and so everybody, keeps shared memory and named semaphores.
pub const DIRECTORY: &str = "/dev/shm";

/// What an existing file is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reading alone.
    Read,
    /// Reading and writing.
    Write,
}

/// Makes a file that has no name yet and goes away if it never gets one.
///
/// The mode is exact. See O_TMPFILE in open(2).
///
/// # Errors
/// When /dev/shm is missing or refuses.
pub fn unnamed(mode: Mode) -> Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .mode(mode.0)
        .custom_flags(libc::O_TMPFILE)
        .open(DIRECTORY)
        .map_err(unusable)?;
    let permissions = std::fs::Permissions::from_mode(mode.0);
    file.set_permissions(permissions).map_err(Error::os)?;
    Ok(file)
}

/// The entries of a folder whose names begin so, by device and inode, with the
/// rest of their names; none where the folder cannot be read.
pub fn entries(folder: &Path, prefix: &str) -> HashMap<(u64, u64), Vec<u8>> {
    let named = |entry: DirEntry| {
        let file = entry.file_name();
        let name = file.as_bytes().strip_prefix(prefix.as_bytes())?.to_vec();
        // Removed since the folder was read: not among them.
        let found = entry.metadata().ok()?;
        Some(((found.dev(), found.ino()), name))
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(named).collect()
}

/// Links a complete file under its name.
///
/// # Errors
/// [`ErrorKind::Exists`] when the name is taken; nothing is changed then.
pub fn publish(file: &File, path: &Path) -> Result<()> {
    let link = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    match linkat(AT_FDCWD, &link, AT_FDCWD, path, AtFlags::AT_SYMLINK_FOLLOW) {
        // Without /proc the kernel takes the descriptor itself, if it trusts us.
        Err(Errno::ENOENT) if !Path::new("/proc/self/fd").exists() => {
            linkat(file.as_fd(), "", AT_FDCWD, path, AtFlags::AT_EMPTY_PATH)
        }
        result => result,
    }
    .map_err(Error::os)
}

/// Opens an existing file, never creating it, never following a link.
///
/// # Errors
/// [`ErrorKind::Missing`], [`ErrorKind::Denied`], or [`ErrorKind::Broken`]
/// for anything but a regular file.
pub fn open(path: &Path, access: Access) -> Result<File> {
    open_and_look(path, access).map(|(file, _)| file)
}

/// As [`open`], with what the check has seen, so that nobody asks again.
///
/// # Errors
/// As [`open`].
pub fn open_and_look(path: &Path, access: Access) -> Result<(File, Metadata)> {
    let file = OpenOptions::new()
        .read(true)
        .write(access == Access::Write)
        // A FIFO planted under the name must not make the open hang.
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
        .map_err(|refusal| refused(path, refusal))?;
    let found = file.metadata().map_err(Error::os)?;
    if !found.is_file() {
        return Err(not_regular(kind_of(&found)));
    }
    Ok((file, found))
}

/// Refuses a file that has several names: changing it would change another.
///
/// # Errors
/// [`ErrorKind::Broken`] for a second hard link, [`ErrorKind::Missing`] for none.
pub fn require_one_link(file: &File) -> Result<()> {
    match file.metadata().map_err(Error::os)?.nlink() {
        // Gone before it was used: the name stands for nothing, or for another.
        0 => Err(Error::new(ErrorKind::Missing, "was removed meanwhile")),
        1 => Ok(()),
        links => Err(Error::new(
            ErrorKind::Broken,
            format!("has {links} hard links, an object has one name"),
        )),
    }
}

/// Removes a name; whoever has the file open keeps it.
///
/// # Errors
/// [`ErrorKind::Missing`], [`ErrorKind::Denied`], or [`ErrorKind::Broken`]
/// for a directory, which is never removed.
pub fn unlink(path: &Path) -> Result<()> {
    std::fs::remove_file(path).map_err(|refusal| {
        let error = refused(path, refusal);
        match (error.kind(), std::fs::symlink_metadata(path)) {
            (ErrorKind::Denied, Ok(found)) => error.saying(format!(
                "permission denied: only user {} may remove it",
                found.uid()
            )),
            _ => error,
        }
    })
}

/// Looks at what lies under a name without opening it.
///
/// # Errors
/// [`ErrorKind::Missing`] when nothing does.
pub fn look(path: &Path) -> Result<Metadata> {
    std::fs::symlink_metadata(path).map_err(|refusal| refused(path, refusal))
}

/// A word for what a file is, when it is not a regular one.
pub fn kind_of(found: &Metadata) -> &'static str {
    let kind = found.file_type();
    match () {
        () if kind.is_dir() => "directory",
        () if kind.is_symlink() => "symlink",
        () if kind.is_fifo() => "fifo",
        () if kind.is_socket() => "socket",
        () if kind.is_file() => "file",
        () => "device",
    }
}

/// How much /dev/shm can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes that this user can still take.
    pub free: u64,
    /// All it can hold; nothing when no limit was set.
    pub limit: Option<u64>,
}

/// The error of bytes that do not fit, with the arithmetic.
pub fn no_space(needed: u64) -> Error {
    let room = space()
        .ok()
        .and_then(|space| space.limit.map(|limit| (space.free, limit)))
        .map(|(free, all)| format!(", {} free of {}", Size(free), Size(all)))
        .unwrap_or_default();
    Error::os(Errno::ENOSPC)
        .saying(format!("{needed} bytes more do not fit: {DIRECTORY}{room}"))
        .hint(format!("df {DIRECTORY}; ipc shm ls shows what is there"))
}

/// A refusal to write, told apart by its errno.
pub fn unwritten(refusal: io::Error, needed: u64) -> Error {
    let error = Error::os(refusal);
    match error.errno() {
        Some(Errno::ENOSPC) => no_space(needed),
        Some(Errno::EFBIG) => error
            .saying("beyond the limit for the size of files of this process (RLIMIT_FSIZE)")
            .hint("ulimit -f"),
        _ => error,
    }
}

/// A refusal of a new name, in words about what was to have it.
pub fn taken(error: Error, what: &str) -> Error {
    match error.kind() {
        ErrorKind::Exists => error
            .saying(format!("the {what} exists already"))
            .hint("--if-exists open takes it as it is, --if-exists replace makes a new one"),
        _ => error,
    }
}

/// Asks how much /dev/shm can hold.
///
/// # Errors
/// When there is no /dev/shm.
pub fn space() -> Result<Space> {
    let fs = statfs(DIRECTORY).map_err(|errno| unusable(errno.into()))?;
    let block = u64::try_from(fs.block_size()).unwrap_or(0);
    // A tmpfs that was mounted with size=0 is bounded by memory alone, and
    // says so by having no blocks at all.
    if fs.blocks() == 0 {
        return Ok(Space {
            free: u64::MAX,
            limit: None,
        });
    }
    Ok(Space {
        free: fs.blocks_available().saturating_mul(block),
        limit: Some(fs.blocks().saturating_mul(block)),
    })
}

/// Whether /dev/shm is a tmpfs, as everybody assumes; says what is wrong otherwise.
pub fn trouble() -> Option<String> {
    match statfs(DIRECTORY) {
        Ok(fs) if fs.filesystem_type() == TMPFS_MAGIC => None,
        Ok(_) => Some(format!(
            "{DIRECTORY} is not a tmpfs: objects lie on a disk and survive a reboot"
        )),
        Err(errno) => Some(format!("{DIRECTORY} cannot be used: {}", Error::os(errno))),
    }
}

fn refused(path: &Path, refusal: io::Error) -> Error {
    let error = Error::os(refusal);
    let found = || {
        std::fs::symlink_metadata(path)
            .map(|found| kind_of(&found))
            .unwrap_or("file")
    };
    match error.errno() {
        Some(Errno::ENOENT) if !Path::new(DIRECTORY).is_dir() => unusable(Errno::ENOENT.into()),
        Some(Errno::ELOOP) => not_regular("symlink"),
        // Unlinking a directory, opening one for writing, opening a socket.
        Some(Errno::EISDIR | Errno::ENXIO | Errno::ENODEV) => not_regular(found()),
        Some(Errno::EPERM) if found() == "directory" => not_regular("directory"),
        Some(Errno::EACCES) => match std::fs::symlink_metadata(path) {
            Ok(found) => error.saying(format!(
                "permission denied: it belongs to user {} and has mode {:04o}",
                found.uid(),
                found.mode() & 0o7777
            )),
            Err(_) => error,
        },
        _ => error,
    }
}

fn not_regular(found: &str) -> Error {
    let article = if found.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    Error::new(
        ErrorKind::Broken,
        format!("is {article} {found}, not an object"),
    )
}

fn unusable(refusal: io::Error) -> Error {
    let error = Error::os(refusal);
    match error.errno() {
        Some(Errno::ENOENT | Errno::ENOTDIR) => error
            .meaning(ErrorKind::Limit)
            .saying(format!("there is no {DIRECTORY}"))
            .hint(format!("mount -t tmpfs -o mode=1777 tmpfs {DIRECTORY}")),
        Some(Errno::EOPNOTSUPP | Errno::EISDIR) => error
            .saying(format!("{DIRECTORY} is on a file system without O_TMPFILE"))
            .hint(format!("mount -t tmpfs -o mode=1777 tmpfs {DIRECTORY}")),
        // No byte is asked for yet, so it is not the space that is missing.
        Some(Errno::ENOSPC) => error
            .saying(format!("{DIRECTORY} has no inode left for one more object"))
            .hint(format!("df -i {DIRECTORY}")),
        _ => error,
    }
}
