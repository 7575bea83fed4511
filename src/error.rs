//! The one error type of the library.
//!
//! An [`Error`] carries what went wrong, which object it was about, the errno
//! if the kernel said no, and what to type next. Its [`ErrorKind`] decides the
//! exit code; nothing else does.

use std::io;

use nix::errno::Errno;
use nix::libc;

use crate::exit::Exit;

/// Result of the library's own operations.
pub type Result<T> = std::result::Result<T, Error>;

/// What kind of failure it was, as far as a script can tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// It would have had to wait, and was told not to.
    WouldBlock,
    /// A name, number or combination that cannot be meant.
    Usage,
    /// There is no such object.
    Missing,
    /// The object exists, or exists with another geometry.
    Exists,
    /// Permission denied.
    Denied,
    /// A limit, or another failed system call.
    Limit,
    /// Not the kind of object it should be, corrupt, or removed meanwhile.
    Broken,
    /// The deadline passed.
    TimedOut,
    /// The reader of standard output is gone.
    OutputClosed,
    /// Standard output takes nothing: closed, full, or failing.
    OutputFailed,
    /// A signal asked this process to end while it waited.
    Interrupted(i32),
}

impl From<ErrorKind> for Exit {
    fn from(kind: ErrorKind) -> Exit {
        match kind {
            ErrorKind::WouldBlock => Exit::No,
            ErrorKind::Usage => Exit::Usage,
            ErrorKind::Missing => Exit::Missing,
            ErrorKind::Exists => Exit::Exists,
            ErrorKind::Denied => Exit::Denied,
            ErrorKind::Limit | ErrorKind::OutputFailed => Exit::Limit,
            ErrorKind::Broken => Exit::Broken,
            ErrorKind::TimedOut => Exit::TimedOut,
            ErrorKind::OutputClosed => Exit::Signal(libc::SIGPIPE),
            ErrorKind::Interrupted(signal) => Exit::Signal(signal),
        }
    }
}

/// One failure: object, sentence, errno, and a hint where there is one.
#[derive(Debug, thiserror::Error)]
#[error("{}{message}{}", .about.as_ref().map(|a| format!("{a}: ")).unwrap_or_default(), shown(*.errno))]
pub struct Error {
    kind: ErrorKind,
    about: Option<String>,
    message: String,
    errno: Option<Errno>,
    hint: Option<String>,
}

impl Error {
    /// A failure that no errno stands for.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error {
            kind,
            about: None,
            message: message.into(),
            errno: None,
            hint: None,
        }
    }

    /// A refusal of the kernel, in its own words.
    pub fn os(source: impl Into<io::Error>) -> Error {
        let source = source.into();
        let errno = source.raw_os_error().map(Errno::from_raw);
        match errno {
            Some(errno) => Error {
                kind: kind_of(errno),
                about: None,
                message: sentence(errno),
                errno: Some(errno),
                hint: None,
            },
            None => Error::new(ErrorKind::Limit, source.to_string()),
        }
    }

    /// Replaces the sentence and keeps the errno.
    #[must_use]
    pub fn saying(mut self, message: impl Into<String>) -> Error {
        self.message = message.into();
        self
    }

    /// Replaces the kind that the errno stood for.
    #[must_use]
    pub fn meaning(mut self, kind: ErrorKind) -> Error {
        self.kind = kind;
        self
    }

    /// Names the object.
    #[must_use]
    pub fn about(mut self, object: impl std::fmt::Display) -> Error {
        self.about = Some(object.to_string());
        self
    }

    /// Names the object, unless the failure is already about something else,
    /// such as the file that was to fill it.
    #[must_use]
    pub fn or_about(self, object: impl std::fmt::Display) -> Error {
        if self.about.is_some() {
            self
        } else {
            self.about(object)
        }
    }

    /// Adds what to type next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Error {
        self.hint = Some(hint.into());
        self
    }

    /// What a script can tell apart.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The kernel's number, if the kernel said no.
    pub fn errno(&self) -> Option<Errno> {
        self.errno
    }

    /// Whether descriptors or memory ran out: for this process, or for all.
    pub fn is_shortage(&self) -> bool {
        self.errno == Some(Errno::EMFILE) || self.is_passing_shortage()
    }

    /// Whether the whole system has none left, which need not be so for long.
    pub fn is_passing_shortage(&self) -> bool {
        matches!(self.errno, Some(Errno::ENFILE | Errno::ENOMEM))
    }

    /// What to type next.
    pub fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

fn kind_of(errno: Errno) -> ErrorKind {
    match errno {
        Errno::ENOENT | Errno::ESRCH => ErrorKind::Missing,
        // No object can have such a name, as no object can have a slash in it.
        Errno::ENAMETOOLONG => ErrorKind::Usage,
        Errno::EEXIST => ErrorKind::Exists,
        Errno::EACCES | Errno::EPERM => ErrorKind::Denied,
        Errno::ELOOP => ErrorKind::Broken,
        Errno::EPIPE => ErrorKind::OutputClosed,
        _ => ErrorKind::Limit,
    }
}

fn sentence(errno: Errno) -> String {
    let mut text = errno.desc().to_owned();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    text
}

fn shown(errno: Option<Errno>) -> String {
    errno
        .map(|errno| format!(" ({errno:?})"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_object_sentence_errno() {
        let error = Error::os(Errno::EMSGSIZE)
            .saying("message is 9000 bytes, the queue takes 8192")
            .about("/jobs");
        assert_eq!(
            error.to_string(),
            "/jobs: message is 9000 bytes, the queue takes 8192 (EMSGSIZE)"
        );
        assert_eq!(error.kind(), ErrorKind::Limit);
    }

    #[test]
    fn errno_decides_the_kind() {
        assert_eq!(Error::os(Errno::ENOENT).kind(), ErrorKind::Missing);
        assert_eq!(Error::os(Errno::ELOOP).kind(), ErrorKind::Broken);
        assert_eq!(Error::os(Errno::ENOSPC).kind(), ErrorKind::Limit);
    }
}
