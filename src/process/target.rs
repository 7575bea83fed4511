//! Which processes somebody means: one, a group, a session, or by name.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::identity::{CommandLine, Row, start_from_ticks, ticks_of};
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escaped;

/// How numbers are written.
pub const PLAIN: &str = "numbers of processes are plain decimal, above 0: 7, not +7, 007 or 0x7";

/// What a word of the command line stands for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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
        matches!(self, Target::Name(name) if has_wildcards(name))
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
    let matches = |name: &[u8]| match has_wildcards(pattern) {
        true => matches(pattern, name),
        false => pattern.as_bytes() == name,
    };
    if matches(&row.comm) {
        return true;
    }
    if row.comm.len() < CUT {
        return false;
    }
    let line = CommandLine::of_row(row);
    let first = line.bytes().split(|byte| *byte == b' ').next();
    let name = first.and_then(|first| first.rsplit(|byte| *byte == b'/').next());
    name.is_some_and(|name| name.starts_with(&row.comm) && matches(name))
}

/// Whether a name is a pattern, which may mean more than was thought of.
fn has_wildcards(name: &str) -> bool {
    name.bytes().any(|byte| b"*?[{".contains(&byte))
}

/// Whether a name matches. A slash is a character like others, and so is a
/// leading exclamation mark: what all but one pattern means is more than
/// anybody would type.
fn matches(pattern: &str, name: &[u8]) -> bool {
    let plain = |bytes: &[u8]| -> Vec<u8> {
        let no_slash = |byte: &u8| if *byte == b'/' { 1 } else { *byte };
        bytes.iter().map(no_slash).collect()
    };
    let literal = if pattern.starts_with('!') { "\\" } else { "" };
    fast_glob::glob_match(plain(format!("{literal}{pattern}").as_bytes()), plain(name))
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
        let found = match text.split_once(':') {
            None => number(text).map(|pid| Target::Process { pid, start: None }),
            Some(("pid", rest)) => process(rest).map(|(pid, start)| Target::Process { pid, start }),
            Some(("pgid", rest)) => number(rest).map(Target::Group),
            Some(("sid", rest)) => number(rest).map(Target::Session),
            Some(("name", rest)) if !rest.is_empty() => Some(Target::Name(closed(rest)?)),
            Some(("proc", rest)) if !rest.is_empty() => Some(Target::Named(rest.to_owned())),
            Some(_) => None,
        };
        found.ok_or_else(|| {
            let word = escaped(text.as_bytes());
            Error::new(ErrorKind::Usage, format!("'{word}' names no process")).hint(advice(text))
        })
    }
}

/// What to type instead of a word that names no process.
fn advice(text: &str) -> &'static str {
    let mut kinds = ["pid:", "pgid:", "sid:"].into_iter();
    let number = kinds
        .find_map(|kind| text.strip_prefix(kind))
        .unwrap_or(text);
    match text {
        "0" => "the own group, which 0 is to kill(1), is pgid:N: ps -o pgid= $$ shows N",
        _ if is_meant_as_number(number) => PLAIN,
        _ => "a target is PID, pid:N[:START], pgid:N, sid:N, name:PATTERN or proc:NAME",
    }
}

/// Whether a word that is refused was to be the number of a process.
pub fn is_meant_as_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit() || "+-".contains(c))
}

/// The number of a process or a group: plain decimal, above 0, without a sign
/// and without zeros in front, which elsewhere make it octal.
pub fn number(text: &str) -> Option<i32> {
    is_plain(text)
        .then(|| text.parse().ok())?
        .filter(|number| *number > 0)
}

/// The same for the command line.
///
/// # Errors
/// [`ErrorKind::Usage`] with what is wrong.
pub fn parse_number(text: &str) -> Result<i32> {
    number(text).ok_or_else(|| Error::new(ErrorKind::Usage, PLAIN))
}

fn is_plain(text: &str) -> bool {
    let has_zeros = text.starts_with('0') && text != "0";
    !has_zeros && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A pattern whose brackets and braces are closed; others match nothing.
fn closed(pattern: &str) -> Result<String> {
    if has_wildcards(pattern) && fast_glob::validate(pattern).is_err() {
        let word = escaped(pattern.as_bytes());
        let message = format!("a bracket or brace of the pattern '{word}' is never closed");
        return Err(Error::new(ErrorKind::Usage, message)
            .hint("one that stands for itself is written \\[ or \\{"));
    }
    Ok(pattern.to_owned())
}

/// `N` or `N:START`: the number of a process, and when it started.
pub fn process(text: &str) -> Option<(i32, Option<Duration>)> {
    let (pid, start) = match text.split_once(':') {
        Some((pid, ticks)) => {
            let ticks = is_plain(ticks).then(|| ticks.parse().ok())??;
            (pid, Some(start_from_ticks(ticks)?))
        }
        None => (text, None),
    };
    Some((number(pid)?, start))
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
            "",
            "0",
            "-1",
            "pid:",
            "pid:0",
            "pid:7:",
            "pgid:0",
            "sid:x",
            "name:",
            "x",
            "x:7",
            "name:a[",
            "name:{a",
            "99999999999",
        ] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_are_plain_decimal_wherever_they_stand() {
        for number in ["+7", "007", "0x7", "7 ", " 7", "٧", "7.0", "1e3"] {
            for kind in ["", "pid:", "pgid:", "sid:", "pid:7:"] {
                let text = format!("{kind}{number}");
                let error = text.parse::<Target>().unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Usage, "{text}");
            }
        }
        let error = "007".parse::<Target>().unwrap_err();
        assert!(error.hint_text().unwrap().contains("plain decimal"));
        assert_eq!("pid:7:0".parse::<Target>().unwrap().to_string(), "pid:7:0");
    }

    #[test]
    fn a_name_is_literal_but_for_wildcards() {
        let called = |name: &[u8]| {
            let mut row = Row::unseen(7);
            row.comm = name.to_vec();
            row
        };
        for (pattern, name, is_it) in [
            ("a", &b"a"[..], true),
            ("!a", b"!a", true),
            ("!a", b"b", false),
            ("!a*", b"!ab", true),
            ("!a*", b"b", false),
            ("a\\", b"a\\", true),
            ("a*", b"a/b", true),
            ("*", b"caf\xe9", true),
            ("caf?", b"caf\xe9", true),
            ("a\\[", b"a[", true),
            ("a\\*", b"ab", false),
        ] {
            let target: Target = format!("name:{pattern}").parse().unwrap();
            assert_eq!(target.includes(&called(name)), is_it, "{pattern} {name:?}");
        }
    }

    #[test]
    fn patterns_are_told_from_names() {
        assert!("name:a*".parse::<Target>().unwrap().is_pattern());
        assert!(!"name:a".parse::<Target>().unwrap().is_pattern());
        assert!(!"pid:7".parse::<Target>().unwrap().is_pattern());
    }
}
