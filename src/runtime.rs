//! The folder for what is neither shared memory nor a kernel queue.
//!
//! `$IPC_RUNTIME_DIR`, else `/dev/shm/ipc.run.UID`: the same for every shell,
//! cron job and login of a user. It is 0700 and belongs to the user, or it is
//! not used.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::errno::Errno;
use nix::libc;
use nix::unistd::{AccessFlags, access, geteuid};

use crate::backing;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escaped;

/// The number of the next file that is saved.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// Where the folder is, whether it exists or not.
///
/// # Errors
/// [`ErrorKind::Usage`] for a relative IPC_RUNTIME_DIR: each directory would
/// have another one.
pub fn path() -> Result<PathBuf> {
    let given = std::env::var_os("IPC_RUNTIME_DIR").filter(|folder| !folder.is_empty());
    let Some(given) = given.map(PathBuf::from) else {
        let usual = format!("{}/ipc.run.{}", backing::DIRECTORY, geteuid());
        return Ok(PathBuf::from(usual));
    };
    if given.is_relative() {
        return Err(Error::new(
            ErrorKind::Usage,
            "is a relative path, another folder in each directory",
        )
        .about(format!("IPC_RUNTIME_DIR '{}'", shown(&given)))
        .hint("IPC_RUNTIME_DIR=/FOLDER, or unset IPC_RUNTIME_DIR"));
    }
    Ok(given)
}

/// Refuses when nothing could be saved in the folder; makes nothing.
///
/// Called before something is taken that may have to be saved. Two system
/// calls. The disk can be full all the same when the time comes.
///
/// # Errors
/// As [`folder`].
pub fn require_usable() -> Result<()> {
    let folder = path()?;
    let must_take_a_file = match std::fs::symlink_metadata(&folder) {
        Ok(found) => {
            require_own(&found).map_err(|error| unusable(&folder, error))?;
            folder.as_path()
        }
        Err(refusal) if refusal.kind() == std::io::ErrorKind::NotFound => {
            // It is made when it is needed.
            folder.parent().unwrap_or(&folder)
        }
        Err(refusal) => return Err(unusable(&folder, Error::os(refusal))),
    };
    access(must_take_a_file, AccessFlags::W_OK | AccessFlags::X_OK)
        .map_err(|errno| unusable(&folder, Error::os(errno)))
}

/// The folder, made if it was missing, and checked.
///
/// # Errors
/// [`ErrorKind::Denied`] when it is not a folder of this user alone,
/// [`ErrorKind::Limit`] when it cannot be made, [`ErrorKind::Usage`] as [`path`].
pub fn folder() -> Result<PathBuf> {
    let folder = path()?;
    let about = |error: Error| unusable(&folder, error);
    match DirBuilder::new().mode(0o700).create(&folder) {
        Err(refusal) if refusal.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(Error::os(refusal).about(folder.display()));
        }
        _ => {}
    }
    existing()?.ok_or_else(|| about(Error::os(Errno::ENOENT)))
}

/// The folder, checked; nothing when there is none.
///
/// # Errors
/// As [`folder`].
pub fn existing() -> Result<Option<PathBuf>> {
    let folder = path()?;
    let found = match std::fs::symlink_metadata(&folder) {
        Err(refusal) if refusal.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        found => found.map_err(Error::os),
    };
    match found.and_then(|found| require_own(&found)) {
        Ok(()) => Ok(Some(folder)),
        Err(error) => Err(unusable(&folder, error)),
    }
}

/// Entries whose names begin so, by device and inode, with the rest of their
/// names; none where there is no folder, or it is not this user's alone.
pub fn named(prefix: &str) -> HashMap<(u64, u64), Vec<u8>> {
    let folder = existing().ok().flatten();
    folder.map_or_else(HashMap::new, |folder| backing::entries(&folder, prefix))
}

/// Makes a file in the folder that has no name yet, and goes away if it never
/// gets one. What is written goes to its end.
///
/// # Errors
/// As [`folder`]; when the file system has no such files.
pub fn unnamed() -> Result<File> {
    let folder = folder()?;
    let made = OpenOptions::new()
        .read(true)
        .append(true)
        .mode(0o600)
        .custom_flags(libc::O_TMPFILE)
        .open(&folder);
    made.map_err(|refusal| {
        let error = Error::os(refusal);
        let lacks = matches!(error.errno(), Some(Errno::EOPNOTSUPP | Errno::EISDIR));
        let error = if lacks {
            error.saying("is on a file system without O_TMPFILE")
        } else {
            error
        };
        error.about(folder.display())
    })
}

fn require_own(found: &Metadata) -> Result<()> {
    if found.is_dir() && found.uid() == geteuid().as_raw() && found.mode() & 0o077 == 0 {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Denied,
        "is not a folder that belongs to you alone (mode 0700)",
    ))
}

/// A refusal of the folder, with a way out.
fn unusable(folder: &Path, error: Error) -> Error {
    let error = match error.errno() {
        // What is missing is no object that was asked for.
        Some(Errno::ENOENT) => error
            .meaning(ErrorKind::Limit)
            .saying("cannot be made, there is no such directory"),
        _ => error,
    };
    error
        .about(format!("runtime folder {}", shown(folder)))
        .hint("IPC_RUNTIME_DIR=/FOLDER names another one, of your own and with mode 0700")
}

fn shown(path: &Path) -> String {
    escaped(path.as_os_str().as_bytes())
}

/// Saves bytes that could be delivered nowhere, in a new file of their own: in
/// the folder, else in that for temporary files ($TMPDIR, else /tmp).
///
/// # Errors
/// Why the folder refused, when both did.
pub fn save(stem: &OsStr, bytes: &[u8]) -> Result<PathBuf> {
    let refusal = match folder().and_then(|folder| save_in(&folder, stem, bytes)) {
        Err(refusal) => refusal,
        saved => return saved,
    };
    let temporary = std::env::temp_dir();
    if temporary.is_relative() {
        return Err(refusal);
    }
    save_in(&temporary, stem, bytes).map_err(|_| refusal)
}

fn save_in(folder: &Path, stem: &OsStr, bytes: &[u8]) -> Result<PathBuf> {
    // Many may be saved in a row, so the numbers go on.
    for attempt in NEXT.fetch_add(1, Ordering::Relaxed).. {
        let mut file = stem.to_owned();
        file.push(format!(".{}.{attempt}", std::process::id()));
        let path = folder.join(file);
        match OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
        {
            Ok(mut file) => {
                let Err(refusal) = file.write_all(bytes) else {
                    return Ok(path);
                };
                // Half a message must not look like one.
                let _ = std::fs::remove_file(&path);
                return Err(Error::os(refusal).about(shown(&path)));
            }
            Err(refusal) if refusal.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(refusal) => return Err(Error::os(refusal).about(shown(&path))),
        }
    }
    Err(Error::new(ErrorKind::Limit, "no free file name").about(shown(folder)))
}
