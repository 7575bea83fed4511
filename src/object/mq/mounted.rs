//! The file system that shows queues as files, where it is mounted.

use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use nix::sys::statfs::{FsType, statfs};

use crate::name::Name;

/// The type of an mqueue file system in statfs(2); nix does not name it.
const MQUEUE_MAGIC: FsType = FsType(0x1980_0202);

/// What the file of a queue tells of it, without any permission on it; nothing
/// where no such file system is mounted.
pub fn look(name: &Name) -> Option<Metadata> {
    std::fs::symlink_metadata(name.file_in(&folder()?, "")).ok()
}

/// Where the queues of this namespace are mounted, if they are.
pub fn folder() -> Option<PathBuf> {
    let is_mqueue =
        |folder: &Path| statfs(folder).is_ok_and(|fs| fs.filesystem_type() == MQUEUE_MAGIC);
    let usual = Path::new("/dev/mqueue");
    if is_mqueue(usual) {
        return Some(usual.to_owned());
    }
    let mounts = std::fs::read("/proc/self/mounts").ok()?;
    mounts
        .split(|byte| *byte == b'\n')
        .filter_map(|line| {
            let mut fields = line.split(|byte| *byte == b' ');
            let folder = fields.nth(1)?;
            (fields.next()? == b"mqueue").then(|| unescape_mount(folder))
        })
        .find(|folder| is_mqueue(folder))
}

/// Undoes the octal escapes of a mount table: blanks, tabs, line ends, backslashes.
fn unescape_mount(field: &[u8]) -> PathBuf {
    let mut path = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, tail)) = rest.split_first() {
        let code = tail
            .get(..3)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(code) if byte == b'\\' => {
                path.push(code);
                rest = &tail[3..];
            }
            _ => {
                path.push(byte);
                rest = tail;
            }
        }
    }
    PathBuf::from(OsString::from_vec(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_table_escapes_blanks() {
        assert_eq!(unescape_mount(b"/a\\040b\\134"), Path::new("/a b\\"));
        assert_eq!(unescape_mount(b"/dev/mqueue"), Path::new("/dev/mqueue"));
        assert_eq!(unescape_mount(b"/x\\9"), Path::new("/x\\9"));
    }
}
