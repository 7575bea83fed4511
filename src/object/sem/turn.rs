//! The turn to collect several units: one collector of a semaphore at a time.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use super::{cut_or_removed, removed};
use crate::backing::{self, Access};
use crate::deadline::monotonic_now;
use crate::error::{Error, ErrorKind, Result};
use crate::wait::{RECHECK, Wait};

/// A lock of the file; dropping it lets the next collector in, and so does
/// the kernel when its holder is killed.
#[derive(Debug)]
pub(super) struct Turn {
    _description: File,
}

impl Turn {
    /// Waits for the turn at the semaphore `file`, which lies at `path`.
    ///
    /// # Errors
    /// As a wait for a unit.
    pub(super) fn take(file: &File, path: &Path, wait: &mut Wait) -> Result<Turn> {
        // The lock belongs to an open file description, so each turn has its
        // own: one that was duplicated would be shared by all of this process
        // and held until the semaphore is closed.
        let description = reopen(file, path)?;
        let whole = whole();
        match fcntl(&description, FcntlArg::F_OFD_SETLK(&whole)) {
            Ok(_) => {
                return Ok(Turn {
                    _description: description,
                });
            }
            Err(Errno::EAGAIN | Errno::EACCES) => {}
            Err(errno) => return Err(Error::os(errno)),
        }
        // The kernel's wait knows no deadline, so a thread waits in it. When
        // nobody listens any more, the turn ends where it comes to.
        let (done, answer) = channel();
        std::thread::Builder::new()
            .spawn(move || {
                let result = loop {
                    match fcntl(&description, FcntlArg::F_OFD_SETLKW(&whole)) {
                        Err(Errno::EINTR) => {}
                        result => break result,
                    }
                };
                let _ = done.send(result.map(|_| description));
            })
            .map_err(Error::os)?;
        loop {
            cut_or_removed(file)?;
            let until = wait.next(Some(RECHECK))?.unwrap_or(Duration::MAX);
            match answer.recv_timeout(until.saturating_sub(monotonic_now())) {
                Ok(Ok(description)) => {
                    return Ok(Turn {
                        _description: description,
                    });
                }
                Ok(Err(errno)) => return Err(Error::os(errno)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(Error::os(Errno::ECANCELED)),
            }
        }
    }
}

/// Opens the same file once more.
fn reopen(file: &File, path: &Path) -> Result<File> {
    let identity = |found: &std::fs::Metadata| (found.dev(), found.ino());
    match backing::open_and_look(path, Access::Write) {
        Ok((again, found)) => {
            let first = file.metadata().map_err(Error::os)?;
            if identity(&first) == identity(&found) {
                Ok(again)
            } else {
                Err(removed())
            }
        }
        Err(error) if error.kind() == ErrorKind::Missing => Err(removed()),
        Err(error) => Err(error),
    }
}

fn whole() -> libc::flock {
    libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}
