//! What the kernel keeps about any object: owner, mode, place and time.

use std::fmt;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::escape::escaped;

/// Owner, mode, place and time of an object, as every listing shows them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Facts {
    /// Permission bits, four octal digits. Nothing where no file is, as for an
    /// abstract socket.
    pub mode: Option<String>,
    /// User id of the owner, where it is known.
    pub uid: Option<u32>,
    /// Group id. Nothing where no file is.
    pub gid: Option<u32>,
    /// Device of the file system; with the inode it identifies the object.
    pub device: u64,
    /// Inode; with the device it identifies the object.
    pub inode: u64,
    /// Last change of the contents, in seconds since 1970. Nothing where no file is.
    pub modified: Option<f64>,
}

impl From<&Metadata> for Facts {
    fn from(found: &Metadata) -> Facts {
        Facts {
            mode: Some(format!("{:04o}", found.mode() & 0o7777)),
            uid: Some(found.uid()),
            gid: Some(found.gid()),
            device: found.dev(),
            inode: found.ino(),
            modified: Some(found.mtime() as f64 + found.mtime_nsec() as f64 / 1e9),
        }
    }
}

/// The time of day, as [`Facts::modified`] counts: in seconds since 1970.
pub fn wall_clock() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0.0, |since| since.as_secs_f64())
}

/// Words of others for JSON: text as it is, and what is no text escaped, with
/// its bytes to go beside it.
pub fn text_and_bytes(bytes: &[u8]) -> (String, Option<&[u8]>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), None),
        Err(_) => (escaped(bytes), Some(bytes)),
    }
}

/// The name of an object in JSON: text, and the bytes too when it is not UTF-8.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Label {
    /// The name with its slash; bytes that are not UTF-8 are shown escaped.
    pub name: String,
    /// The bytes of the name without its slash, when they are not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_bytes: Option<Vec<u8>>,
}

impl Label {
    /// The label of a name given as bytes without a slash.
    pub fn new(name: &[u8]) -> Label {
        let (text, bytes) = text_and_bytes(name);
        Label {
            name: format!("/{text}"),
            name_bytes: bytes.map(<[u8]>::to_vec),
        }
    }

    /// The label of an object that was named by its path, as that was written.
    pub fn of_path(path: &[u8]) -> Label {
        let (name, name_bytes) = text_and_bytes(path);
        Label {
            name,
            name_bytes: name_bytes.map(<[u8]>::to_vec),
        }
    }

    /// The bytes of the name, without its slash.
    pub fn bytes(&self) -> &[u8] {
        match &self.name_bytes {
            Some(bytes) => bytes,
            None => self
                .name
                .as_bytes()
                .strip_prefix(b"/")
                .unwrap_or(self.name.as_bytes()),
        }
    }
}

/// Escaped, safe to show.
impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name_bytes {
            // It is so already.
            Some(_) => f.write_str(&self.name),
            None => f.write_str(&escaped(self.name.as_bytes())),
        }
    }
}

/// The path of an object in JSON: text, and the bytes too when it is not UTF-8.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PathLabel {
    /// The path; bytes that are not UTF-8 are shown escaped. Nothing where no file is.
    pub path: Option<String>,
    /// The bytes of the path, when they are not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_bytes: Option<Vec<u8>>,
}

impl From<&Path> for PathLabel {
    fn from(path: &Path) -> PathLabel {
        let Label { name, name_bytes } = Label::of_path(path.as_os_str().as_bytes());
        PathLabel {
            path: Some(name),
            path_bytes: name_bytes,
        }
    }
}

/// An entry of a listing: it has a name, an owner and a place.
pub trait Described {
    /// Its name.
    fn label(&self) -> &Label;

    /// Its name, to be shown without a scope.
    fn label_mut(&mut self) -> &mut Label;

    /// Its owner, mode, place and time.
    fn facts(&self) -> &Facts;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_gives_its_bytes_back() {
        for name in [&b"jobs"[..], b"a\xffb", "größe".as_bytes()] {
            assert_eq!(Label::new(name).bytes(), name);
        }
        assert_eq!(Label::new(b"jobs").name_bytes, None);
    }
}
