//! What the errors of segments say, and what they advise.

use nix::errno::Errno;

use crate::backing;
use crate::error::{Error, ErrorKind};
use crate::size::counted;

pub(super) fn empty(what: &str) -> Error {
    Error::new(
        ErrorKind::Usage,
        format!("{what}: a segment has at least one byte"),
    )
}

/// A refusal to open, look at or remove, in words about segments.
pub(super) fn explained(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Missing => error
            .saying("no such segment")
            .hint("ipc shm ls shows what there is"),
        ErrorKind::Broken => error.hint("ipc shm stat shows what lies there"),
        _ => error,
    }
}

/// A refusal of memory, with the arithmetic.
pub(super) fn no_space(needed: u64) -> Error {
    backing::no_space(needed).hint(format!(
        "df {}; --sparse takes memory only as it is used",
        backing::DIRECTORY
    ))
}

/// A refusal to write or to move the end, told apart by its errno.
pub(super) fn unwritten(refusal: std::io::Error, needed: u64) -> Error {
    match backing::unwritten(refusal, needed) {
        error if error.errno() == Some(Errno::ENOSPC) => no_space(needed),
        error => error,
    }
}

pub(super) fn does_not_fit(
    size: u64,
    offset: u64,
    given: u64,
    is_all: bool,
    written: u64,
) -> Error {
    let so_far = if written > 0 {
        format!("; {written} are written")
    } else {
        String::new()
    };
    let least = if is_all { "" } else { "at least " };
    Error::os(Errno::EFBIG)
        .saying(format!(
            "{least}{} at offset {offset} do not fit, the segment has {size}{so_far}",
            counted(given, "byte")
        ))
        .hint("--grow moves the end out, --truncate puts it where the data ends")
}
