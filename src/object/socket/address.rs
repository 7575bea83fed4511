//! Where a socket is: a name in the runtime folder, a path, or abstract.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::sys::socket::UnixAddr;

use super::place::{Place as Folder, find};
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escaped;
use crate::facts::Label;
use crate::name::{Name, Scope};
use crate::place::{Place, is_path};
use crate::runtime;

/// What stands before the name of a socket in the runtime folder.
pub const PREFIX: &str = "sock.";

/// Longest abstract name: the NUL byte in front takes one of the 108.
const MAX_ABSTRACT: usize = 107;

/// Where a socket is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A file: under a name in the runtime folder of this user, or anywhere.
    File(Place),
    /// An abstract name, open to every user of the network namespace.
    Abstract(Vec<u8>),
}

impl Address {
    /// The socket of a name in the runtime folder.
    pub fn named(name: &Name) -> Address {
        Address::File(Place::Name(name.clone()))
    }

    /// Reads a word: `@x` is abstract, a slash elsewhere than in front makes a
    /// path, all else is a name. The scope goes before names, not before paths.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] for what is none of them.
    pub fn parse(scope: &Scope, raw: &OsStr) -> Result<Address> {
        Address::read(scope, raw, Place::parse)
    }

    /// As [`Address::parse`], for what is looked at or removed: any bytes.
    ///
    /// # Errors
    /// As [`Address::parse`].
    pub fn foreign(scope: &Scope, raw: &OsStr) -> Result<Address> {
        Address::read(scope, raw, Place::foreign)
    }

    fn read(
        scope: &Scope,
        raw: &OsStr,
        place: fn(&OsStr, &Scope) -> Result<Place>,
    ) -> Result<Address> {
        let bytes = raw.as_bytes();
        if let Some(inner) = bytes.strip_prefix(b"@") {
            return abstract_address(scope, inner);
        }
        if is_path(raw) && (bytes.contains(&0) || Path::new(raw).file_name().is_none()) {
            let error = Error::new(ErrorKind::Usage, "a path has a file name at its end");
            return Err(error.about(escaped(bytes)));
        }
        place(raw, scope).map(Address::File)
    }

    /// The file, unless it is abstract. The runtime folder is made if missing.
    ///
    /// # Errors
    /// When the runtime folder is not for this user alone.
    pub fn file(&self) -> Result<Option<PathBuf>> {
        match self {
            Address::File(place) => place.ready_file(PREFIX).map(Some),
            Address::Abstract(_) => Ok(None),
        }
    }

    /// The file of a socket to look at, unless it is abstract; makes nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`] when there is no runtime folder, and as [`Address::file`].
    pub fn existing_file(&self) -> Result<Option<PathBuf>> {
        let Address::File(place) = self else {
            return Ok(None);
        };
        match place.file(PREFIX) {
            Err(error) if error.kind() == ErrorKind::Missing => {
                let folder = runtime::path()?;
                let folder = escaped(folder.as_os_str().as_bytes());
                let message = format!("no such socket: there is no runtime folder {folder}");
                let error = error.saying(message).about(self);
                Err(error.hint("IPC_RUNTIME_DIR=/FOLDER names another one"))
            }
            found => found.map(Some),
        }
    }

    /// Removes the file of a socket: of a dead one, or with `even_alive` of any.
    ///
    /// # Errors
    /// [`ErrorKind::WouldBlock`] for a live one, [`ErrorKind::Broken`] for what
    /// is not a socket, [`ErrorKind::Missing`].
    pub fn remove(&self, even_alive: bool) -> Result<()> {
        let Some(path) = self.existing_file()? else {
            let message = "an abstract name goes away with its server";
            return Err(Error::new(ErrorKind::Usage, message));
        };
        let missing = |error: Error| match error.kind() {
            ErrorKind::Missing => error.saying("no such socket"),
            _ => error,
        };
        let place = Folder::lock(&path).map_err(missing)?;
        let found = find(&path).map_err(missing)?;
        if !even_alive && found.is_alive()? {
            let error = Error::new(ErrorKind::WouldBlock, "a server is there");
            return Err(error.hint("--force removes its file all the same"));
        }
        let removed = std::fs::remove_file(&path).map_err(Error::os);
        drop(place);
        removed
    }

    /// Checks that a new socket may have this name.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when it is not printable.
    pub fn check_new(&self) -> Result<()> {
        match self {
            Address::File(place) => place.check_new(),
            Address::Abstract(name) => Name::listed(name).check_new(),
        }
    }

    /// The name as JSON has it, without the scope.
    pub fn label(&self, scope: &Scope) -> Label {
        match self {
            Address::File(place) => place.label(scope),
            Address::Abstract(_) => Label::of_path(&self.inner(scope)),
        }
    }

    /// The bytes by which an `ipc` within a command finds it: without the scope.
    pub fn inner(&self, scope: &Scope) -> Vec<u8> {
        match self {
            Address::File(place) => place.inner(scope).to_vec(),
            Address::Abstract(name) => [b"@", scope.strip(name).unwrap_or(name)].concat(),
        }
    }
}

fn abstract_address(scope: &Scope, inner: &[u8]) -> Result<Address> {
    let full = if scope.is_empty() || inner.is_empty() {
        inner.to_vec()
    } else {
        [scope.as_str().as_bytes(), b".", inner].concat()
    };
    let refused = |why: &str| {
        let error = Error::new(ErrorKind::Usage, why);
        Err(error.about(format!("@{}", escaped(inner))))
    };
    match full.len() {
        0 => refused("an abstract name has at least one byte"),
        1..=MAX_ABSTRACT => Ok(Address::Abstract(full)),
        _ => refused("an abstract name has at most 107 bytes, with its scope"),
    }
}

/// The kernel's form of an abstract name.
pub(super) fn abstract_name(name: &[u8]) -> Result<UnixAddr> {
    UnixAddr::new_abstract(name).map_err(Error::os)
}

/// Shown with its slash or at sign and with control bytes escaped.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::File(place) => place.fmt(f),
            Address::Abstract(name) => write!(f, "@{}", escaped(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(scope: &str, word: &str) -> Result<Address> {
        Address::parse(&scope.parse().unwrap(), OsStr::new(word))
    }

    #[test]
    fn a_word_is_a_name_a_path_or_abstract() {
        for (word, shown) in [
            ("chat", "/s.chat"),
            ("/chat", "/s.chat"),
            ("./chat", "./chat"),
            ("/run/chat", "/run/chat"),
            ("@chat", "@s.chat"),
        ] {
            assert_eq!(read("s", word).unwrap().to_string(), shown);
        }
        assert_eq!(read("", "@chat").unwrap().to_string(), "@chat");
    }

    #[test]
    fn what_is_none_of_them_is_refused() {
        for word in ["", "/", "..", "@", "a/..", "x/."] {
            let refused = read("", word);
            let is_path_to_a_file = word == "x/.";
            assert_eq!(refused.is_err(), !is_path_to_a_file, "{word}");
        }
        assert!(read("", &format!("@{}", "x".repeat(107))).is_ok());
        assert!(read("", &format!("@{}", "x".repeat(108))).is_err());
    }

    #[test]
    fn a_label_is_seen_from_inside_the_scope() {
        let scope: Scope = "s".parse().unwrap();
        let label = |word| read("s", word).unwrap().label(&scope).name;
        assert_eq!(label("chat"), "/chat");
        assert_eq!(label("@chat"), "@chat");
        assert_eq!(label("./chat"), "./chat");
    }
}
