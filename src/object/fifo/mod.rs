//! FIFOs: pipes with a path, fifo(7).
//!
//! A FIFO is held by a descriptor that opens nothing, so that what is checked
//! is what is opened later, and that looking at one wakes nobody: a reader or
//! a writer asleep in open(2) goes on as soon as anyone opens the other end.

use std::fs::{File, Metadata};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::sys::stat::{Mode as Bits, umask};
use nix::unistd::mkfifo;

use crate::backing::kind_of;
use crate::error::{Error, ErrorKind, Result};
use crate::size::Mode;

mod reader;
mod writer;

pub use reader::{Next, Reader, Taken, Turn};
pub use writer::{Source, Writer};

/// What a FIFO is asked to hold while bulk bytes go through it.
pub const BULK: u64 = 1 << 20;
/// Bytes that one write puts into a FIFO whole, however many write, pipe(7).
pub const ATOMIC: usize = 4096;

/// A FIFO that was found; neither end of it is open.
///
/// Dropping it changes nothing: the FIFO stays until it is unlinked, and its
/// bytes as long as anybody has it open.
#[derive(Debug)]
pub struct Fifo {
    descriptor: OwnedFd,
    found: Metadata,
}

impl Fifo {
    /// Makes a FIFO in one step, with exactly this mode, mkfifo(3).
    ///
    /// The umask of the process is lifted for the moment of the call.
    ///
    /// # Errors
    /// [`ErrorKind::Exists`] when anything has the path, [`ErrorKind::Denied`].
    pub fn create(path: &Path, mode: Mode) -> Result<()> {
        let former = umask(Bits::empty());
        let made = mkfifo(path, Bits::from_bits_truncate(mode.0));
        umask(former);
        made.map_err(Error::os)
    }

    /// Finds a FIFO; no symbolic link is followed, and nothing is opened.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`], and [`ErrorKind::Broken`] for anything else.
    pub fn find(path: &Path) -> Result<Fifo> {
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let descriptor = open(path, flags, Bits::empty()).map_err(Error::os)?;
        let file = File::from(descriptor);
        let found = file.metadata().map_err(Error::os)?;
        require_fifo(&found)?;
        Ok(Fifo {
            descriptor: file.into(),
            found,
        })
    }

    /// Removes the path of a FIFO; who has it open keeps it. Nothing else is
    /// removed, whatever lies there.
    ///
    /// # Errors
    /// As [`Fifo::find`], and [`ErrorKind::Denied`].
    pub fn unlink(path: &Path) -> Result<()> {
        Fifo::find(path)?;
        std::fs::remove_file(path).map_err(Error::os)
    }

    /// Owner, mode, place and time.
    pub fn metadata(&self) -> &Metadata {
        &self.found
    }

    /// Refuses a FIFO that was removed: nobody can find it any more.
    ///
    /// # Errors
    /// [`ErrorKind::Broken`].
    pub fn require_name(&self) -> Result<()> {
        let found = nix::sys::stat::fstat(&self.descriptor).map_err(Error::os)?;
        match found.st_nlink {
            0 => Err(Error::new(
                ErrorKind::Broken,
                "the pipe was removed while waiting",
            )),
            _ => Ok(()),
        }
    }

    /// Opens one end of exactly this FIFO.
    fn end(&self, flags: OFlag) -> nix::Result<OwnedFd> {
        let link = format!("/proc/self/fd/{}", self.descriptor.as_raw_fd());
        open(link.as_str(), flags | OFlag::O_CLOEXEC, Bits::empty())
    }

    /// A refusal to open an end, with what has to do with it.
    fn refused(&self, errno: Errno) -> Error {
        let error = Error::os(errno);
        match errno {
            Errno::EACCES => error.saying(format!(
                "permission denied: it belongs to user {} and has mode {:04o}",
                self.found.uid(),
                self.found.mode() & 0o7777
            )),
            Errno::ENOENT => Error::os(Errno::ENOENT)
                .meaning(ErrorKind::Limit)
                .saying("cannot be opened without /proc"),
            _ => error,
        }
    }
}

/// Bytes that an open FIFO or pipe can hold.
///
/// # Errors
/// None in practice, fcntl(2).
pub fn capacity(pipe: impl std::os::fd::AsFd) -> nix::Result<u64> {
    fcntl(pipe, FcntlArg::F_GETPIPE_SZ).map(|bytes| u64::try_from(bytes).unwrap_or(0))
}

/// Changes how much an open FIFO or pipe holds; the kernel rounds up. It lasts
/// until nobody has it open.
///
/// # Errors
/// [`ErrorKind::Limit`] naming /proc/sys/fs/pipe-max-size and its like.
pub fn resize(pipe: impl std::os::fd::AsFd, size: u64) -> Result<()> {
    let wanted = i32::try_from(size).unwrap_or(i32::MAX);
    fcntl(pipe, FcntlArg::F_SETPIPE_SZ(wanted))
        .map(drop)
        .map_err(|errno| {
            let error = Error::os(errno).meaning(ErrorKind::Limit);
            match errno {
                Errno::EPERM => error
                    .saying(format!("a pipe of {size} bytes is refused: {}", limits()))
                    .hint("a smaller --size"),
                Errno::EBUSY => error.saying(format!(
                    "the pipe holds more now than the {size} bytes it is to have room for"
                )),
                _ => error,
            }
        })
}

/// Makes room for bulk bytes, where there is less. A refusal leaves it as it is.
pub fn enlarge(pipe: impl std::os::fd::AsFd) {
    if capacity(&pipe).is_ok_and(|now| now < BULK) {
        let _ = resize(&pipe, BULK);
    }
}

fn limits() -> String {
    let of = |file: &str| {
        let path = format!("/proc/sys/fs/{file}");
        let value = std::fs::read_to_string(&path).unwrap_or_default();
        format!("{path} is {}", value.trim())
    };
    format!("{}, {}", of("pipe-max-size"), of("pipe-user-pages-soft"))
}

fn require_fifo(found: &Metadata) -> Result<()> {
    if found.file_type().is_fifo() {
        return Ok(());
    }
    Err(not_a_fifo(found))
}

/// The error for what lies where a FIFO should.
pub fn not_a_fifo(found: &Metadata) -> Error {
    Error::new(
        ErrorKind::Broken,
        format!("is a {}, not a FIFO", kind_of(found)),
    )
}
