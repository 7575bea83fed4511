//! The old spellings of kill(1): `-9`, `-TERM`, `-RTMIN+2`.
//!
//! To the parser they are options that it does not know, so they get a mark
//! before it sees them, and lose it when they are read.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use crate::error::{Error, ErrorKind, Result};
use crate::escape::escaped;
use crate::process::signal::Signal;
use crate::process::target::{self, Target};

const MARK: u8 = 1;

/// Options whose value is the next word: a value is no signal.
const WITH_VALUE: [&str; 9] = [
    "-s", "--signal", "--queue", "--wait", "--then", "--after", "--scope", "--color", "-t",
];

/// The words of a whole line, with signals marked, when it is about `kill`.
pub(crate) fn shielded(words: &[OsString]) -> Option<Vec<OsString>> {
    let mut place = 1;
    while words.get(place)?.as_bytes().starts_with(b"-") {
        let takes_value = WITH_VALUE.iter().any(|option| words[place] == *option);
        place += if takes_value { 2 } else { 1 };
    }
    if words[place] != "kill" {
        return None;
    }
    let (before, after) = words.split_at(place + 1);
    Some([before, &marked(after)].concat())
}

fn marked(words: &[OsString]) -> Vec<OsString> {
    let mut is_value = false;
    let mut is_over = false;
    let mark = |word: &OsString| {
        let is_signal = !is_value && !is_over && (is_signal(word) || is_group(word));
        is_over |= word == "--";
        is_value = WITH_VALUE.iter().any(|option| word == option);
        if is_signal || word.as_bytes().first() == Some(&MARK) {
            return OsString::from_vec([&[MARK], word.as_bytes()].concat());
        }
        word.clone()
    };
    words.iter().map(mark).collect()
}

fn is_signal(word: &OsStr) -> bool {
    let name = word.to_str().and_then(|word| word.strip_prefix('-'));
    // No option has capitals but -V: what looks like a signal is told as one.
    let looks_so =
        |name: &str| name.len() > 1 && name.starts_with(|c: char| c.is_ascii_uppercase());
    name.is_some_and(|name| sendable(name).is_ok() || looks_so(name))
}

/// `-4711`, which no signal has as its number.
fn is_group(word: &OsStr) -> bool {
    word.as_bytes()
        .strip_prefix(b"-")
        .is_some_and(|rest| !rest.is_empty() && rest.iter().all(u8::is_ascii_digit))
}

/// A signal, or nothing for 0, which only asks.
pub(super) fn sendable(text: &str) -> Result<Option<Signal>> {
    if text == "0" {
        return Ok(None);
    }
    text.parse().map(Some)
}

/// What stands among the targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Operands {
    /// From `-9` and the like; nothing within for `-0`.
    pub(super) signal: Option<Option<Signal>>,
    pub(super) targets: Vec<Target>,
}

/// Takes the words apart; when a signal was given as an option, every `-N` is
/// a group, as in kill(1).
pub(super) fn operands(words: &[OsString], has_signal: bool) -> Result<Operands> {
    let mut found = Operands {
        signal: None,
        targets: Vec::new(),
    };
    for word in words {
        let bytes = word.as_bytes();
        let (word, is_marked) = match bytes.split_first() {
            Some((&MARK, rest)) => (OsStr::from_bytes(rest), true),
            _ => (word.as_os_str(), false),
        };
        let text = word.to_str().ok_or_else(|| {
            let word = escaped(word.as_bytes());
            Error::new(ErrorKind::Usage, format!("'{word}' names no process"))
                .hint("in name:PATTERN a ? stands for a byte that is no text")
        })?;
        let dashed = text.strip_prefix('-');
        let may_be_signal = is_marked && !has_signal && found.signal.is_none();
        match dashed {
            Some(name) if may_be_signal && sendable(name).is_ok() => {
                found.signal = Some(sendable(name)?);
            }
            // Behind nothing it would be a group by mistake.
            Some(number) if may_be_signal && target::number(number).is_some() => {
                let message = format!("'{}' is not a signal", escaped(text.as_bytes()));
                let error = Error::new(ErrorKind::Usage, message);
                return Err(error.hint("ipc signal ls shows all; a group is pgid:N, or behind --"));
            }
            Some(number) => found.targets.push(group(text, number)?),
            None => found.targets.push(text.parse()?),
        }
    }
    if found.targets.is_empty() {
        let error = Error::new(ErrorKind::Usage, "there is no process to signal");
        return Err(error.hint("a group is pgid:N, and process groups of kill(1) go behind --"));
    }
    Ok(found)
}

/// A process group as kill(1) has it: its number with a dash.
fn group(text: &str, number: &str) -> Result<Target> {
    if number == "1" {
        let error = Error::new(ErrorKind::Usage, "'-1' is every process to kill(1)");
        return Err(error.hint("--dry-run 'name:*' shows them; the group of process 1 is pgid:1"));
    }
    target::number(number).map(Target::Group).ok_or_else(|| {
        let message = match sendable(number) {
            Ok(_) => format!("'{text}' is a second signal"),
            Err(_) => format!(
                "'{}' is neither a signal nor a group",
                escaped(text.as_bytes())
            ),
        };
        Error::new(ErrorKind::Usage, message).hint("ipc signal ls shows all signals")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Operands> {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let words = shielded(&words).unwrap();
        let kept = words[2..].iter().filter(|word| *word != "--");
        let kept: Vec<OsString> = kept.cloned().collect();
        operands(&kept, false)
    }

    #[test]
    fn signals_and_groups_are_told_apart_as_kill_does() {
        for (line, signal, targets) in [
            ("ipc kill -9 7", Some("KILL"), "pid:7"),
            ("ipc kill -TERM 7 8", Some("TERM"), "pid:7 pid:8"),
            ("ipc kill -SIGRTMIN+2 7", Some("RTMIN+2"), "pid:7"),
            ("ipc kill 7 -hup", Some("HUP"), "pid:7"),
            ("ipc kill -9 -15", Some("KILL"), "pgid:15"),
            ("ipc kill -- -9", None, "pgid:9"),
            ("ipc kill -9 -- -9", Some("KILL"), "pgid:9"),
        ] {
            let found = read(line).unwrap();
            let name = found.signal.flatten().map(Signal::name);
            let shown: Vec<String> = found.targets.iter().map(Target::to_string).collect();
            assert_eq!(
                (name.as_deref(), &*shown.join(" ")),
                (signal, targets),
                "{line}"
            );
        }
        assert_eq!(read("ipc kill -0 7").unwrap().signal, Some(None));
        assert!(read("ipc kill -9").is_err());
        assert!(read("ipc kill -9 -TERM 7").is_err());
        assert!(read("ipc kill -4711").is_err());
        for every in ["ipc kill -9 -1", "ipc kill -- -1", "ipc kill -- -007"] {
            assert!(read(every).is_err(), "{every}");
        }
    }

    #[test]
    fn values_of_options_are_no_signals_and_other_nouns_keep_their_words() {
        let words = |line: &str| -> Vec<OsString> { line.split(' ').map(OsString::from).collect() };
        let line = words("ipc --scope kill kill --queue -1 --then KILL 7");
        assert_eq!(shielded(&line).unwrap(), line);
        assert_eq!(shielded(&words("ipc shm read kill -9")), None);
        assert_eq!(shielded(&words("ipc")), None);
    }
}
