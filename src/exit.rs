//! Exit codes: one enum and one table for the whole program.

/// How an invocation ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, or the answer is yes.
    Done,
    /// The answer is no.
    No,
    /// The command line does not make sense.
    Usage,
    /// There is no such object or process.
    Missing,
    /// The object exists already, or with another geometry.
    Exists,
    /// Permission denied.
    Denied,
    /// A limit, or another system call that failed.
    Limit,
    /// The object is broken.
    Broken,
    /// Some of several targets failed.
    Partly,
    /// The time is over.
    TimedOut,
    /// A run-like verb failed before its command had a status.
    Failed,
    /// The command cannot be executed.
    CannotExecute,
    /// The command is not found.
    CommandNotFound,
    /// The command's own exit code.
    Command(u8),
    /// The command, or ipc itself, was ended by this signal.
    Signal(i32),
}

/// Code and meaning, as README, every man page and `ipc --help` print them.
pub const TABLE: [(&str, &str); 13] = [
    ("0", "done; or the answer is yes"),
    (
        "1",
        "the answer is no: busy under --try, empty, not set, comparison failed, nothing found",
    ),
    ("2", "usage"),
    ("3", "no such object or process"),
    ("4", "already exists, or exists with another geometry"),
    ("5", "permission denied"),
    (
        "6",
        "a limit or another failed system call (no space, queue limits, too large, unsupported)",
    ),
    (
        "7",
        "broken: not one of ours, corrupt, removed while waiting, broken barrier",
    ),
    ("8", "partly done: some of several targets failed"),
    ("124", "timed out"),
    (
        "125",
        "run-like verbs only: ipc itself failed, so that 1 to 123 belong to the command",
    ),
    ("126, 127", "the command cannot be executed, is not found"),
    ("128+N", "the command, or ipc itself, was ended by signal N"),
];

impl Exit {
    /// The number that the shell sees in `$?`.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::No => 1,
            Exit::Usage => 2,
            Exit::Missing => 3,
            Exit::Exists => 4,
            Exit::Denied => 5,
            Exit::Limit => 6,
            Exit::Broken => 7,
            Exit::Partly => 8,
            Exit::TimedOut => 124,
            Exit::Failed => 125,
            Exit::CannotExecute => 126,
            Exit::CommandNotFound => 127,
            Exit::Command(code) => code,
            // Signals end at 64, so that the sum fits.
            Exit::Signal(signal) => 128 + (signal & 0x7f) as u8,
        }
    }

    /// The code for two targets of one invocation: alike stays, mixed is partly done.
    #[must_use]
    pub fn and(self, other: Exit) -> Exit {
        if self == other { self } else { Exit::Partly }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_the_documented_ones() {
        let documented: Vec<u8> = TABLE
            .iter()
            .filter_map(|(code, _)| code.parse().ok())
            .collect();
        let named = [
            Exit::Done,
            Exit::No,
            Exit::Usage,
            Exit::Missing,
            Exit::Exists,
            Exit::Denied,
            Exit::Limit,
            Exit::Broken,
            Exit::Partly,
            Exit::TimedOut,
            Exit::Failed,
        ];
        assert_eq!(named.map(Exit::code).to_vec(), documented);
        assert_eq!(Exit::Signal(9).code(), 137);
    }

    #[test]
    fn mixed_outcomes_are_partly_done() {
        assert_eq!(Exit::Missing.and(Exit::Missing), Exit::Missing);
        assert_eq!(Exit::Done.and(Exit::Missing), Exit::Partly);
    }
}
