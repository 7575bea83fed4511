//! Which processes somebody means: one, a group, a session, or by name.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::identity::{Row, command_of, start_from_ticks, ticks_of};
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escaped;

/// What a word of the command line stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// `4711`, `pid:4711`, or `pid:4711:START` with the 22nd field of its
    /// `/proc/PID/stat`, which no other process of this number has.
    Process {
        /// Its number.
        pid: i32,
        /// When it started.
        start: Option<Duration>,
    },
    /// `pgid:4711`: all processes of a group.
    Group(i32),
    /// `sid:4711`: all processes of a session.
    Session(i32),
    /// `name:PATTERN`: all whose program is called so.
    Name(String),
    /// `proc:NAME`: a named process.
    Named(String),
}

impl Target {
    /// Whether it stands for one process.
    pub fn is_single(&self) -> bool {
        matches!(self, Target::Process { .. } | Target::Named(_))
    }

    /// Whether it is a pattern, which may mean more than was thought of.
    pub fn is_pattern(&self) -> bool {
        let special = |byte: u8| b"*?[{".contains(&byte);
        matches!(self, Target::Name(name) if name.bytes().any(special))
    }

    /// Whether a process belongs to it; zombies and threads of the kernel never do.
    pub fn includes(&self, row: &Row) -> bool {
        if row.is_zombie() || row.is_kernel_thread() {
            return false;
        }
        match self {
            Target::Process { pid, .. } => row.pid == *pid,
            Target::Group(number) => row.pgid == *number,
            Target::Session(number) => row.session == *number,
            Target::Name(pattern) => is_called(row, pattern),
            Target::Named(_) => false,
        }
    }
}

/// Whether the program of a process is called so: by its short name, or, where
/// that is cut off, by the first word of its command line.
fn is_called(row: &Row, pattern: &str) -> bool {
    /// The kernel keeps 15 bytes.
    const CUT: usize = 15;
    let matches = |name: &[u8]| fast_glob::glob_match(pattern.as_bytes(), name);
    if matches(&row.comm) {
        return true;
    }
    if row.comm.len() < CUT {
        return false;
    }
    let line = command_of(row.pid).unwrap_or_default();
    let first = line.split(' ').next().unwrap_or_default();
    let name = first.rsplit('/').next().unwrap_or_default();
    name.as_bytes().starts_with(&row.comm) && matches(name.as_bytes())
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Process { pid, start } => {
                write!(f, "pid:{pid}")?;
                match start.and_then(ticks_of) {
                    Some(ticks) => write!(f, ":{ticks}"),
                    None => Ok(()),
                }
            }
            Target::Group(number) => write!(f, "pgid:{number}"),
            Target::Session(number) => write!(f, "sid:{number}"),
            Target::Name(name) => write!(f, "name:{}", escaped(name.as_bytes())),
            Target::Named(name) => write!(f, "proc:{}", escaped(name.as_bytes())),
        }
    }
}

impl FromStr for Target {
    type Err = Error;

    fn from_str(text: &str) -> Result<Target> {
        let number = |text: &str| text.parse().ok().filter(|number| *number > 0);
        let found = match text.split_once(':') {
            None => number(text).map(|pid| Target::Process { pid, start: None }),
            Some(("pid", rest)) => process(rest),
            Some(("pgid", rest)) => number(rest).map(Target::Group),
            Some(("sid", rest)) => number(rest).map(Target::Session),
            Some(("name", rest)) if !rest.is_empty() => Some(Target::Name(rest.to_owned())),
            Some(("proc", rest)) if !rest.is_empty() => Some(Target::Named(rest.to_owned())),
            Some(_) => None,
        };
        found.ok_or_else(|| {
            let word = escaped(text.as_bytes());
            Error::new(ErrorKind::Usage, format!("'{word}' names no process"))
                .hint("a target is PID, pid:N[:START], pgid:N, sid:N, name:PATTERN or proc:NAME")
        })
    }
}

/// `N` or `N:START`.
fn process(text: &str) -> Option<Target> {
    let (pid, start) = match text.split_once(':') {
        Some((pid, ticks)) => (pid, Some(start_from_ticks(ticks.parse().ok()?)?)),
        None => (text, None),
    };
    let pid = pid.parse().ok().filter(|pid| *pid > 0)?;
    Some(Target::Process { pid, start })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_and_shown_alike() {
        for text in [
            "pid:7",
            "pid:7:4711",
            "pgid:7",
            "sid:7",
            "name:a*",
            "proc:web",
        ] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
        }
        assert_eq!("7".parse::<Target>().unwrap().to_string(), "pid:7");
    }

    #[test]
    fn what_names_no_process_is_refused() {
        for text in [
            "", "0", "-1", "pid:", "pid:0", "pid:7:", "pgid:0", "sid:x", "name:", "x", "x:7",
        ] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }

    #[test]
    fn patterns_are_told_from_names() {
        assert!("name:a*".parse::<Target>().unwrap().is_pattern());
        assert!(!"name:a".parse::<Target>().unwrap().is_pattern());
        assert!(!"pid:7".parse::<Target>().unwrap().is_pattern());
    }
}
