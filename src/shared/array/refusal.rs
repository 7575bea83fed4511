//! What the errors of values and arrays say, and what they advise.

use nix::errno::Errno;

use crate::error::{Error, ErrorKind};

pub(super) fn missing(error: Error, what: &str) -> Error {
    match error.kind() {
        ErrorKind::Missing => error.saying(format!("no such {what}")),
        _ => error,
    }
}

pub(super) fn cut() -> Error {
    Error::new(ErrorKind::Broken, "was cut while in use")
}

pub(super) fn too_large() -> Error {
    Error::os(Errno::EFBIG).saying("an array has at most 63 bits of size")
}
