//! The folder for what is neither shared memory nor a kernel queue.
//!
//! `$IPC_RUNTIME_DIR`, else `/dev/shm/ipc.run.UID`: the same for every shell,
//! cron job and login of a user. It is 0700 and belongs to the user, or it is
//! not used.

use std::ffi::OsStr;
use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::unistd::geteuid;

use crate::backing;
use crate::error::{Error, ErrorKind, Result};

/// The number of the next file that is saved.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// Where the folder is, whether it exists or not.
pub fn path() -> PathBuf {
    std::env::var_os("IPC_RUNTIME_DIR")
        .filter(|folder| !folder.is_empty())
        .map_or_else(
            || PathBuf::from(format!("{}/ipc.run.{}", backing::DIRECTORY, geteuid())),
            PathBuf::from,
        )
}

/// The folder, made if it was missing, and checked.
///
/// # Errors
/// [`ErrorKind::Denied`] when it is not a folder of this user alone.
pub fn folder() -> Result<PathBuf> {
    let folder = path();
    match DirBuilder::new().mode(0o700).create(&folder) {
        Err(refusal) if refusal.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(Error::os(refusal).about(folder.display()));
        }
        _ => {}
    }
    checked(folder)
}

/// The folder as it is, checked and never made.
///
/// # Errors
/// [`ErrorKind::Missing`], and as [`folder`].
pub fn existing() -> Result<PathBuf> {
    checked(path())
}

fn checked(folder: PathBuf) -> Result<PathBuf> {
    let about = |error: Error| error.about(folder.display());
    let found = std::fs::symlink_metadata(&folder).map_err(|refusal| about(Error::os(refusal)))?;
    if !found.is_dir() || found.uid() != geteuid().as_raw() || found.mode() & 0o077 != 0 {
        return Err(about(Error::new(
            ErrorKind::Denied,
            "is not a folder that belongs to you alone (mode 0700)",
        )));
    }
    Ok(folder)
}

/// Saves bytes that could be delivered nowhere, in a new file of their own.
///
/// # Errors
/// When the folder or the disk refuses.
pub fn save(stem: &OsStr, bytes: &[u8]) -> Result<PathBuf> {
    let folder = folder()?;
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
                return Err(Error::os(refusal).about(path.display()));
            }
            Err(refusal) if refusal.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(refusal) => return Err(Error::os(refusal).about(path.display())),
        }
    }
    Err(Error::new(ErrorKind::Limit, "no free file name").about(folder.display()))
}
