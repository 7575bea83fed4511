//! Which files of /dev/shm are segments, and what a new one may be called.

use std::path::{Path, PathBuf};

use crate::backing;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escaped;
use crate::name::Name;

/// Kinds whose files lie beside segments, and the first bytes of their names.
const OTHER_KINDS: [(&str, &str); 5] = [
    ("sem.", "sem"),
    ("ipc.lock.", "lock"),
    ("ipc.event.", "event"),
    ("ipc.barrier.", "barrier"),
    ("ipc.run.", "runtime folder"),
];

/// Whether a file of /dev/shm belongs to another kind than memory.
pub fn is_of_another_kind(file: &[u8]) -> bool {
    kind_by_prefix(file).is_some()
}

/// The prefix and the kind of a file that is no segment. A bare prefix names
/// no object of that kind, so it is one more foreign segment.
fn kind_by_prefix(file: &[u8]) -> Option<(&'static str, &'static str)> {
    let belongs = |prefix: &str| file.len() > prefix.len() && file.starts_with(prefix.as_bytes());
    OTHER_KINDS.into_iter().find(|(prefix, _)| belongs(prefix))
}

pub(super) fn path(name: &Name) -> PathBuf {
    name.file_in(Path::new(backing::DIRECTORY), "")
}

/// The path of a name that is to be used as a segment.
pub(super) fn own_path(name: &Name) -> Result<PathBuf> {
    let Some((prefix, kind)) = kind_by_prefix(name.as_bytes()) else {
        return Ok(path(name));
    };
    let rest = escaped(&name.as_bytes()[prefix.len()..]);
    Err(Error::new(
        ErrorKind::Usage,
        format!("files named {prefix}* are not segments ({kind})"),
    )
    .about(name)
    .hint(format!("ipc {kind} … {rest}")))
}

/// The path of a name that a new segment is to have, or a value in one.
pub(crate) fn new_path(name: &Name) -> Result<PathBuf> {
    name.check_new()?;
    if name.as_bytes().starts_with(b"ipc.") || name.as_bytes().starts_with(b"sem.") {
        let message = "names that start with sem. or ipc. are kept for other kinds";
        return Err(Error::new(ErrorKind::Usage, message).about(name));
    }
    Ok(path(name))
}
