//! Live completion of object names: what the shell asks the binary for.

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};

use crate::facts::Label;
use crate::name::Scope;
use crate::size::Size;
use crate::survey::scan;

/// Completes the names of segments, with their sizes.
pub(crate) fn segments() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let found = scan::segments(&scope()).unwrap_or_default();
        let described = found
            .iter()
            .map(|one| (&one.label, format!("{} bytes", Size(one.size))));
        candidates(typed, described)
    })
}

/// Completes the names of semaphores, with their values.
pub(crate) fn semaphores() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let found = scan::semaphores(&scope()).unwrap_or_default();
        let described = found.iter().map(|one| {
            let value = one.value.map(|value| format!("value {value}"));
            (&one.label, value.unwrap_or_else(|| one.status.clone()))
        });
        candidates(typed, described)
    })
}

/// Completes the names of queues, with their depths.
pub(crate) fn queues() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let found = scan::queues(&scope()).unwrap_or_default();
        let described = found.iter().map(|one| {
            let depth = one.messages.zip(one.max_messages);
            let depth = depth.map(|(now, most)| format!("{now} of {most} messages"));
            (&one.label, depth.unwrap_or_else(|| one.status.to_owned()))
        });
        candidates(typed, described)
    })
}

/// Names that go on from what is typed, with a slash if that has one.
fn candidates<'a>(
    typed: &OsStr,
    described: impl Iterator<Item = (&'a Label, String)>,
) -> Vec<CompletionCandidate> {
    let slash: &[u8] = if typed.as_bytes().starts_with(b"/") {
        b"/"
    } else {
        b""
    };
    described
        .map(|(label, description)| ([slash, label.bytes()].concat(), description))
        .filter(|(name, _)| name.starts_with(typed.as_bytes()))
        .map(|(name, description)| {
            let name = std::ffi::OsString::from_vec(name);
            CompletionCandidate::new(name).help(Some(description.into()))
        })
        .collect()
}

/// The scope of the line that is completed: its own option, else the variable.
fn scope() -> Scope {
    let words: Vec<_> = std::env::args_os().collect();
    let option = words
        .windows(2)
        .rev()
        .find(|pair| pair[0] == "--scope")
        .map(|pair| pair[1].clone());
    let glued = words.iter().rev().find_map(|word| {
        word.as_bytes()
            .strip_prefix(b"--scope=")
            .map(|rest| OsStr::from_bytes(rest).to_owned())
    });
    option
        .or(glued)
        .or_else(|| std::env::var_os("IPC_SCOPE"))
        .and_then(|scope| scope.to_str()?.parse().ok())
        .unwrap_or_default()
}
