//! Where an object lies that is found by its path: under a name in the
//! runtime folder, or wherever the user says.
//!
//! A word with a slash elsewhere than in front is a path (`./x`, `/a/b`); any
//! other is a name, as for every kind. Scopes go before names alone.
//!
//! ```
//! use std::ffi::OsStr;
//! use ipc::{name::Scope, place::Place};
//! let scope = Scope::default();
//! assert!(matches!(Place::parse(OsStr::new("/jobs"), &scope)?, Place::Name(_)));
//! assert!(matches!(Place::parse(OsStr::new("./jobs"), &scope)?, Place::Path(_)));
//! # Ok::<(), ipc::error::Error>(())
//! ```

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use nix::errno::Errno;

use crate::error::{Error, ErrorKind, Result};
use crate::escape::escaped;
use crate::facts::Label;
use crate::name::{Name, Scope};
use crate::runtime;

/// A name in the runtime folder, or a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A name, with its scope.
    Name(Name),
    /// A path, as it was given.
    Path(PathBuf),
}

impl Place {
    /// The place of an object to work with.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] for what can be neither name nor path.
    pub fn parse(raw: &OsStr, scope: &Scope) -> Result<Place> {
        Place::read(raw, scope, Name::parse)
    }

    /// The place of an object to look at or remove: any name that there can be.
    ///
    /// # Errors
    /// As [`Place::parse`].
    pub fn foreign(raw: &OsStr, scope: &Scope) -> Result<Place> {
        Place::read(raw, scope, Name::foreign)
    }

    fn read(raw: &OsStr, scope: &Scope, name: fn(&[u8]) -> Result<Name>) -> Result<Place> {
        if is_path(raw) {
            return Ok(Place::Path(PathBuf::from(raw)));
        }
        name(&scope.qualify(raw)).map(Place::Name)
    }

    /// The file of an object that is there: `PREFIX` and the name, in the
    /// runtime folder.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`] when there is no such folder, [`ErrorKind::Denied`]
    /// when it is not safe.
    pub fn file(&self, prefix: &str) -> Result<PathBuf> {
        self.within(prefix, || {
            let folder = runtime::existing()?;
            folder.ok_or_else(|| Error::os(Errno::ENOENT))
        })
    }

    /// The file for a new object; makes the runtime folder.
    ///
    /// # Errors
    /// As [`Name::check_new`], and [`ErrorKind::Denied`] when the folder is not safe.
    pub fn new_file(&self, prefix: &str) -> Result<PathBuf> {
        self.check_new()?;
        self.ready_file(prefix)
    }

    /// The file of an object that is there or not; makes the runtime folder.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`] when the folder is not safe.
    pub fn ready_file(&self, prefix: &str) -> Result<PathBuf> {
        self.within(prefix, runtime::folder)
    }

    fn within(&self, prefix: &str, folder: impl FnOnce() -> Result<PathBuf>) -> Result<PathBuf> {
        match self {
            Place::Path(path) => Ok(path.clone()),
            Place::Name(name) => Ok(name.file_in(&folder()?, prefix)),
        }
    }

    /// Checks that a new object may be called so; a path may be anything.
    ///
    /// # Errors
    /// As [`Name::check_new`].
    pub fn check_new(&self) -> Result<()> {
        match self {
            Place::Path(_) => Ok(()),
            Place::Name(name) => name.check_new(),
        }
    }

    /// The bytes of the word by which it is found from inside the scope.
    pub fn inner(&self, scope: &Scope) -> &[u8] {
        match self {
            Place::Name(name) => scope.strip(name.as_bytes()).unwrap_or(name.as_bytes()),
            Place::Path(path) => path.as_os_str().as_bytes(),
        }
    }

    /// How it is called in JSON and listings, as seen from inside the scope.
    pub fn label(&self, scope: &Scope) -> Label {
        match self {
            Place::Name(_) => Label::new(self.inner(scope)),
            Place::Path(_) => Label::of_path(self.inner(scope)),
        }
    }

    /// The error of something that is not there, in words about `what`.
    pub fn missing(&self, what: &str, error: Error) -> Error {
        match error.kind() {
            ErrorKind::Missing => error.saying(format!("no such {what}")).about(self),
            _ => error.or_about(self),
        }
    }
}

/// Shown with control bytes escaped, fit for a terminal.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Name(name) => name.fmt(f),
            Place::Path(path) => f.write_str(&escaped(path.as_os_str().as_bytes())),
        }
    }
}

/// Whether a word is a path and not a name.
pub fn is_path(raw: &OsStr) -> bool {
    let raw = raw.as_bytes();
    raw.strip_prefix(b"/").unwrap_or(raw).contains(&b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_behind_the_front_makes_a_path() {
        for word in ["./x", "/a/b", "a/b", "x/", "//x", "../x"] {
            assert!(is_path(OsStr::new(word)), "{word}");
        }
        for word in ["x", "/x", "/", ".", ""] {
            assert!(!is_path(OsStr::new(word)), "{word}");
        }
    }

    #[test]
    fn scopes_go_before_names_alone() {
        let scope: Scope = "ci".parse().unwrap();
        let name = Place::parse(OsStr::new("x"), &scope).unwrap();
        assert_eq!(name.to_string(), "/ci.x");
        assert_eq!(name.label(&scope).name, "/x");
        let path = Place::parse(OsStr::new("./x"), &scope).unwrap();
        assert_eq!(path.to_string(), "./x");
        assert_eq!(path.label(&scope).name, "./x");
    }
}
