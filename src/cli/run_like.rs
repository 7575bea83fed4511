//! Which commands leave the exit codes from 1 to 123 to another command.

use std::ffi::OsString;

use crate::exit::Exit;

/// Verbs that run a command: their own failures, misuse included, are 125.
pub(super) const VERBS: [&str; 6] = [
    "lock run",
    "sem run",
    "pipe run",
    "pipe duplex",
    "reap-zombies run",
    "proc join",
];

/// Commands that do so where `--` and a command follow.
const WITH_COMMAND: [&str; 1] = ["fork-tree"];

/// Verbs that do so with --exec.
const WITH_EXEC: [&str; 2] = ["sock recv-fd", "sock fetch"];

/// The exit of a command line that was not parsed: 125 where it was meant for
/// such a verb.
pub(super) fn or_failed(exit: Exit, words: &[OsString]) -> Exit {
    match exit {
        Exit::Usage | Exit::Denied if is_named(words) => Exit::Failed,
        exit => exit,
    }
}

/// The first word that is neither an option nor the value of one.
fn noun<'a>(words: &[&'a OsString]) -> Option<&'a OsString> {
    let mut words = words.iter().skip(1);
    loop {
        let word = words.next()?;
        if *word == "--scope" || *word == "--color" {
            words.next();
        } else if !word.as_encoded_bytes().starts_with(b"-") {
            return Some(word);
        }
    }
}

/// Whether a command line was meant for such a verb.
fn is_named(words: &[OsString]) -> bool {
    let ours: Vec<&OsString> = words.iter().take_while(|word| *word != "--").collect();
    let has_command = words.len() > ours.len() + 1;
    let runs = |word: &OsString| WITH_COMMAND.iter().any(|noun| word == noun);
    if has_command && ours.iter().any(|word| runs(word)) {
        return true;
    }
    if noun(&ours).is_some_and(|noun| noun == "wait") {
        return true;
    }
    let has_exec = words.iter().any(|word| word == "--exec");
    let with_exec = WITH_EXEC.iter().filter(|_| has_exec);
    ours.windows(2).any(|pair| {
        VERBS.iter().chain(with_exec.clone()).any(|path| {
            path.split_once(' ')
                .is_some_and(|(noun, verb)| pair[0] == noun && pair[1] == verb)
        })
    })
}
