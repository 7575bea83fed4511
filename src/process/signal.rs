//! Signals by name and number, real-time signals included.
//!
//! The numbers are those of the C library that is linked: it keeps the first
//! real-time signals of the kernel for itself, so that RTMIN is not 32.

use std::fmt;
use std::str::FromStr;

use nix::libc;

use crate::error::{Error, ErrorKind, Result};
use crate::escape::escaped;

/// What a signal does to a process that does nothing about it, signal(7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Ends it.
    Terminate,
    /// Ends it and writes a core file.
    Core,
    /// Stops it.
    Stop,
    /// Lets it go on if it is stopped.
    Continue,
    /// Nothing.
    Ignore,
}

impl Action {
    /// The word that tables and JSON have for it.
    pub fn word(self) -> &'static str {
        match self {
            Action::Terminate => "terminate",
            Action::Core => "core",
            Action::Stop => "stop",
            Action::Continue => "continue",
            Action::Ignore => "ignore",
        }
    }

    /// Whether it ends a process.
    pub fn is_deadly(self) -> bool {
        matches!(self, Action::Terminate | Action::Core)
    }
}

/// Number, name without SIG, default action, what it is for.
type Entry = (libc::c_int, &'static str, Action, &'static str);

const STANDARD: [Entry; 31] = [
    (
        libc::SIGHUP,
        "HUP",
        Action::Terminate,
        "terminal closed, or read the configuration again",
    ),
    (
        libc::SIGINT,
        "INT",
        Action::Terminate,
        "interrupt from the keyboard",
    ),
    (
        libc::SIGQUIT,
        "QUIT",
        Action::Core,
        "quit from the keyboard",
    ),
    (libc::SIGILL, "ILL", Action::Core, "illegal instruction"),
    (
        libc::SIGTRAP,
        "TRAP",
        Action::Core,
        "breakpoint of a debugger",
    ),
    (libc::SIGABRT, "ABRT", Action::Core, "abort(3)"),
    (
        libc::SIGBUS,
        "BUS",
        Action::Core,
        "memory that is not there",
    ),
    (libc::SIGFPE, "FPE", Action::Core, "arithmetic error"),
    (
        libc::SIGKILL,
        "KILL",
        Action::Terminate,
        "end at once; cannot be caught, blocked or ignored",
    ),
    (
        libc::SIGUSR1,
        "USR1",
        Action::Terminate,
        "for programs to use",
    ),
    (
        libc::SIGSEGV,
        "SEGV",
        Action::Core,
        "memory that may not be used so",
    ),
    (
        libc::SIGUSR2,
        "USR2",
        Action::Terminate,
        "for programs to use",
    ),
    (
        libc::SIGPIPE,
        "PIPE",
        Action::Terminate,
        "written to a pipe without a reader",
    ),
    (
        libc::SIGALRM,
        "ALRM",
        Action::Terminate,
        "timer of alarm(2)",
    ),
    (libc::SIGTERM, "TERM", Action::Terminate, "please end"),
    (libc::SIGSTKFLT, "STKFLT", Action::Terminate, "unused"),
    (
        libc::SIGCHLD,
        "CHLD",
        Action::Ignore,
        "a child ended, stopped or went on",
    ),
    (libc::SIGCONT, "CONT", Action::Continue, "go on if stopped"),
    (
        libc::SIGSTOP,
        "STOP",
        Action::Stop,
        "stop; cannot be caught, blocked or ignored",
    ),
    (
        libc::SIGTSTP,
        "TSTP",
        Action::Stop,
        "stop from the keyboard",
    ),
    (
        libc::SIGTTIN,
        "TTIN",
        Action::Stop,
        "read from the terminal in the background",
    ),
    (
        libc::SIGTTOU,
        "TTOU",
        Action::Stop,
        "write to the terminal in the background",
    ),
    (
        libc::SIGURG,
        "URG",
        Action::Ignore,
        "urgent data on a socket",
    ),
    (
        libc::SIGXCPU,
        "XCPU",
        Action::Core,
        "limit of processor time",
    ),
    (libc::SIGXFSZ, "XFSZ", Action::Core, "limit of file size"),
    (
        libc::SIGVTALRM,
        "VTALRM",
        Action::Terminate,
        "timer of processor time",
    ),
    (
        libc::SIGPROF,
        "PROF",
        Action::Terminate,
        "timer of a profiler",
    ),
    (
        libc::SIGWINCH,
        "WINCH",
        Action::Ignore,
        "the terminal has another size",
    ),
    (
        libc::SIGIO,
        "IO",
        Action::Terminate,
        "input or output is possible",
    ),
    (libc::SIGPWR, "PWR", Action::Terminate, "power fails"),
    (
        libc::SIGSYS,
        "SYS",
        Action::Core,
        "system call that may not be made",
    ),
];

/// Other names that programs and people use.
const ALIASES: [(&str, libc::c_int); 4] = [
    ("IOT", libc::SIGABRT),
    ("CLD", libc::SIGCHLD),
    ("POLL", libc::SIGIO),
    ("UNUSED", libc::SIGSYS),
];

/// The highest number that the kernel has.
const LAST: i32 = 64;

/// One signal, by its number: 1 to 64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(i32);

impl Signal {
    /// The one that ends a process without asking.
    pub const KILL: Signal = Signal(libc::SIGKILL);
    /// The one that asks a process to end.
    pub const TERM: Signal = Signal(libc::SIGTERM);
    /// The one that stops a process without asking.
    pub const STOP: Signal = Signal(libc::SIGSTOP);
    /// The one that lets a stopped process go on.
    pub const CONT: Signal = Signal(libc::SIGCONT);
    /// The one that tells of children.
    pub const CHLD: Signal = Signal(libc::SIGCHLD);

    /// The signal with this number, if the kernel has it.
    pub fn from_number(number: i32) -> Option<Signal> {
        (1..=LAST).contains(&number).then_some(Signal(number))
    }

    /// Its number.
    pub fn number(self) -> i32 {
        self.0
    }

    /// Every number that the kernel has.
    pub fn every() -> impl Iterator<Item = Signal> {
        (1..=LAST).map(Signal)
    }

    /// All of them that have names, by number.
    pub fn all() -> impl Iterator<Item = Signal> {
        let standard = 1..=31;
        let real_time = libc::SIGRTMIN()..=libc::SIGRTMAX();
        standard.chain(real_time).map(Signal)
    }

    /// Its name without SIG: `TERM`, `RTMIN+2`; a bare number for those that
    /// the C library keeps for itself.
    pub fn name(self) -> String {
        if let Some(entry) = self.entry() {
            return entry.1.to_owned();
        }
        let (first, last) = (libc::SIGRTMIN(), libc::SIGRTMAX());
        // From the nearer end, as bash has it.
        match self.0 {
            number if number == first => "RTMIN".to_owned(),
            number if number == last => "RTMAX".to_owned(),
            number if number < first => number.to_string(),
            number if number <= first + (last - first) / 2 => format!("RTMIN+{}", number - first),
            number => format!("RTMAX-{}", last - number),
        }
    }

    /// What it does to a process that does nothing about it.
    pub fn action(self) -> Action {
        // Real-time signals end a process, signal(7).
        self.entry().map_or(Action::Terminate, |entry| entry.2)
    }

    /// What it is for, in a few words.
    pub fn description(self) -> &'static str {
        match self.entry() {
            Some(entry) => entry.3,
            None if self.0 < libc::SIGRTMIN() => "kept by the C library for threads: has no name",
            None => "real-time: queued in order, with a value",
        }
    }

    /// Whether each one that is sent arrives, in order; of the others a
    /// second one is lost while the first has not been taken.
    pub fn is_real_time(self) -> bool {
        // Those that the C library keeps are queued by the kernel all the same.
        self.0 > STANDARD.len() as i32
    }

    fn entry(self) -> Option<&'static Entry> {
        STANDARD.iter().find(|entry| entry.0 == self.0)
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

/// Reads `TERM`, `SIGTERM`, `term`, `15`, `RTMIN+2`, `SIGRTMAX-1`.
impl FromStr for Signal {
    type Err = Error;

    fn from_str(text: &str) -> Result<Signal> {
        let upper = text.to_ascii_uppercase();
        let bare = upper.strip_prefix("SIG").unwrap_or(&upper);
        let named = || {
            STANDARD
                .iter()
                .find(|entry| entry.1 == bare)
                .map(|entry| entry.0)
        };
        let alias = || {
            ALIASES
                .iter()
                .find(|entry| entry.0 == bare)
                .map(|entry| entry.1)
        };
        let number = || digits(text);
        let found = number().or_else(named).or_else(alias);
        let found = found.or_else(|| real_time(bare));
        found.and_then(Signal::from_number).ok_or_else(|| {
            let word = escaped(text.as_bytes());
            Error::new(ErrorKind::Usage, format!("'{word}' is not a signal"))
                .hint("ipc signal ls shows all signals")
        })
    }
}

/// A number without a sign.
fn digits(text: &str) -> Option<i32> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

/// The number behind `RTMIN`, `RTMIN+n`, `RTMAX` or `RTMAX-n`.
fn real_time(name: &str) -> Option<i32> {
    let (first, last) = (libc::SIGRTMIN(), libc::SIGRTMAX());
    let number = match (name.strip_prefix("RTMIN"), name.strip_prefix("RTMAX")) {
        (Some(""), _) => first,
        (_, Some("")) => last,
        (Some(rest), _) => first.checked_add(digits(rest.strip_prefix('+')?)?)?,
        (_, Some(rest)) => last.checked_sub(digits(rest.strip_prefix('-')?)?)?,
        _ => return None,
    };
    (first..=last).contains(&number).then_some(number)
}

/// A set of signals, a bit for each, as the kernel keeps and shows them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Signals(pub u64);

impl Signals {
    /// Whether the signal is one of them.
    pub fn contains(self, signal: Signal) -> bool {
        self.0 & bit(signal) != 0
    }

    /// Those of the set, by number.
    pub fn iter(self) -> impl Iterator<Item = Signal> {
        (1..=LAST)
            .map(Signal)
            .filter(move |signal| self.contains(*signal))
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Signal> for Signals {
    fn from_iter<I: IntoIterator<Item = Signal>>(signals: I) -> Signals {
        Signals(signals.into_iter().fold(0, |set, signal| set | bit(signal)))
    }
}

fn bit(signal: Signal) -> u64 {
    1 << (signal.0 - 1)
}

#[cfg(test)]
mod tests;
