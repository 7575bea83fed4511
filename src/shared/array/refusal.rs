//! What the errors of values and arrays say, and what they advise.

use nix::errno::Errno;

use crate::backing;
use crate::error::{Error, ErrorKind};
use crate::size::Size;

pub(super) fn missing(error: Error, what: &str) -> Error {
    match error.kind() {
        ErrorKind::Missing => error.saying(format!("no such {what}")),
        _ => error,
    }
}

pub(super) fn taken(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Exists => error
            .saying("the object exists already")
            .hint("--if-exists open takes it as it is, --if-exists replace makes a new one"),
        _ => error,
    }
}

pub(super) fn cut() -> Error {
    Error::new(ErrorKind::Broken, "was cut while in use")
}

pub(super) fn too_large() -> Error {
    Error::os(Errno::EFBIG).saying("an array has at most 63 bits of size")
}

/// A refusal of memory, with the arithmetic.
pub(super) fn no_space(needed: u64) -> Error {
    let room = backing::space()
        .ok()
        .and_then(|space| space.limit.map(|limit| (space.free, limit)))
        .map(|(free, all)| format!(", {} free of {}", Size(free), Size(all)))
        .unwrap_or_default();
    let place = backing::DIRECTORY;
    Error::os(Errno::ENOSPC)
        .saying(format!("{needed} bytes more do not fit: {place}{room}"))
        .hint(format!("df {place}; ipc shm ls shows what is there"))
}

/// A refusal to write, told apart by its errno.
pub(super) fn unwritten(refusal: std::io::Error, needed: u64) -> Error {
    let error = Error::os(refusal);
    match error.errno() {
        Some(Errno::ENOSPC) => no_space(needed),
        Some(Errno::EFBIG) => error
            .saying("beyond the limit for the size of files of this process (RLIMIT_FSIZE)")
            .hint("ulimit -f"),
        _ => error,
    }
}
