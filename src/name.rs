//! Names of objects and the scope in front of them.
//!
//! One rule for every kind: `jobs` and `/jobs` are the same object, a name has
//! 1 to 240 bytes, no other slash, and is neither `.` nor `..`. New objects
//! must in addition be printable, so that a listing can be trusted; only
//! `stat` and `rm` take whatever the kernel has, so that litter left by other
//! programs can be looked at and removed.
//!
//! ```
//! use ipc::name::Name;
//! let name = Name::parse(b"/jobs")?;
//! assert_eq!(name.as_bytes(), b"jobs");
//! assert_eq!(name.to_string(), "/jobs");
//! # Ok::<(), ipc::error::Error>(())
//! ```

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::error::{Error, ErrorKind, Result};
use crate::escape::escaped;

/// Longest name, in bytes and with its scope. Leaves room for the longest
/// prefix that any kind puts before it within the 255 bytes of a file name.
pub const MAX_NAME: usize = 240;

/// The name of one object, without the leading slash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Vec<u8>);

impl Name {
    /// Reads a name by the rule that holds for every kind.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when it is empty, too long, `.`, `..`, or has a
    /// slash elsewhere than in front.
    pub fn parse(raw: &[u8]) -> Result<Name> {
        let name = Name::foreign(raw)?;
        if name.0.len() > MAX_NAME {
            return Err(bad(
                raw,
                format!(
                    "a name has at most {MAX_NAME} bytes, this one has {}",
                    name.0.len()
                ),
            ));
        }
        Ok(name)
    }

    /// Reads the name of an object that another program may have made.
    ///
    /// Any bytes and any length that the kernel takes.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] where no object of any kind can have the name.
    pub fn foreign(raw: &[u8]) -> Result<Name> {
        let bytes = raw.strip_prefix(b"/").unwrap_or(raw);
        if bytes.is_empty() {
            return Err(bad(raw, "a name has at least one byte".to_owned()));
        }
        if bytes == b"." || bytes == b".." {
            return Err(bad(raw, "this name is reserved for directories".to_owned()));
        }
        if bytes.contains(&b'/') {
            return Err(bad(
                raw,
                "a name has no slash but the one in front".to_owned(),
            ));
        }
        if bytes.contains(&0) {
            return Err(bad(raw, "a name has no NUL byte".to_owned()));
        }
        Ok(Name(bytes.to_vec()))
    }

    /// The name of something that a listing found, whatever it is.
    pub(crate) fn listed(bytes: &[u8]) -> Name {
        Name(bytes.to_vec())
    }

    /// Checks that a new object may have this name.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when it is not printable UTF-8, or too long.
    pub fn check_new(&self) -> Result<()> {
        let Ok(text) = std::str::from_utf8(&self.0) else {
            return Err(bad(&self.0, "a new name must be UTF-8".to_owned()));
        };
        if escaped(self.0.as_slice()) != text.replace('\\', "\\\\") {
            return Err(bad(
                &self.0,
                "a new name has no control or direction characters".to_owned(),
            ));
        }
        Name::parse(&self.0).map(drop)
    }

    /// The bytes of the name, without a leading slash.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The file that a kind keeps for this name: `DIRECTORY/PREFIXNAME`.
    pub fn file_in(&self, directory: &Path, prefix: &str) -> PathBuf {
        let mut file = prefix.as_bytes().to_vec();
        file.extend_from_slice(&self.0);
        directory.join(OsStr::from_bytes(&file))
    }
}

/// Shown with its slash and with control bytes escaped, fit for a terminal.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", escaped(self.0.as_slice()))
    }
}

fn bad(raw: &[u8], message: String) -> Error {
    Error::new(ErrorKind::Usage, message).about(format!("name '{}'", escaped(raw)))
}

/// A prefix that keeps the names of parallel runs apart; may be empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope(String);

impl Scope {
    /// Whether names are used as they are.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The scope as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The raw name with the scope before it; rules for names hold for the result.
    pub fn qualify(&self, raw: &OsStr) -> Vec<u8> {
        let raw = raw.as_bytes();
        if self.is_empty() {
            return raw.to_vec();
        }
        let bare = raw.strip_prefix(b"/").unwrap_or(raw);
        // An empty or reserved name stays what it is, so that it is refused as such.
        if bare.is_empty() || bare == b"." || bare == b".." {
            return raw.to_vec();
        }
        [self.0.as_bytes(), b".", bare].concat()
    }

    /// The name as seen from inside the scope; nothing when it lies outside.
    pub fn strip<'a>(&self, full: &'a [u8]) -> Option<&'a [u8]> {
        if self.is_empty() {
            return Some(full);
        }
        full.strip_prefix(self.0.as_bytes())?
            .strip_prefix(b".")
            .filter(|rest| !rest.is_empty())
    }
}

/// From the environment, where anything may stand.
impl TryFrom<&OsStr> for Scope {
    type Error = Error;

    fn try_from(raw: &OsStr) -> Result<Scope> {
        // What is not UTF-8 is refused like any other character that does not fit.
        raw.to_string_lossy().parse()
    }
}

impl FromStr for Scope {
    type Err = Error;

    fn from_str(text: &str) -> Result<Scope> {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if text.len() > 64 || !text.chars().all(fits) {
            return Err(Error::new(
                ErrorKind::Usage,
                "a scope is 1 to 64 of A-Z a-z 0-9 _ -".to_owned(),
            )
            .about(format!("scope '{}'", escaped(text.as_bytes()))));
        }
        Ok(Scope(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leading_slash_makes_no_difference() {
        assert_eq!(
            Name::parse(b"jobs").unwrap(),
            Name::parse(b"/jobs").unwrap()
        );
    }

    #[test]
    fn names_that_no_kind_can_have_are_refused() {
        for raw in [
            &b""[..],
            b"/",
            b".",
            b"..",
            b"/.",
            b"/..",
            b"a/b",
            b"//x",
            b"x/",
            b"a\0b",
        ] {
            assert!(Name::foreign(raw).is_err(), "{raw:?}");
        }
    }

    #[test]
    fn the_limit_is_240_bytes() {
        assert!(Name::parse(&[b'x'; 240]).is_ok());
        assert!(Name::parse(&[b'x'; 241]).is_err());
        assert!(Name::foreign(&[b'x'; 241]).is_ok());
    }

    #[test]
    fn new_names_are_printable() {
        for raw in ["a b", "größe", "x\\y", "*"] {
            assert!(
                Name::parse(raw.as_bytes()).unwrap().check_new().is_ok(),
                "{raw}"
            );
        }
        for raw in [&b"a\nb"[..], b"\x1b[31m", b"\xff", "\u{202e}x".as_bytes()] {
            assert!(Name::parse(raw).unwrap().check_new().is_err(), "{raw:?}");
        }
    }

    #[test]
    fn a_scope_goes_in_front_and_comes_off_again() {
        let scope: Scope = "ci-7".parse().unwrap();
        assert_eq!(scope.qualify(OsStr::new("/jobs")), b"ci-7.jobs");
        assert_eq!(scope.strip(b"ci-7.jobs"), Some(&b"jobs"[..]));
        assert_eq!(scope.strip(b"ci-70.jobs"), None);
        assert!("a.b".parse::<Scope>().is_err());
        assert!("x".repeat(65).parse::<Scope>().is_err());
    }
}
