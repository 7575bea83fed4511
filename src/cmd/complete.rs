//! Live completion of object names: what the shell asks the binary for.

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};

use super::kind::Kind;
use crate::facts::{Described, Label};
use crate::name::Scope;

/// Completes the names of objects of one kind, with a description of each.
pub(crate) fn names<K: Kind>() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let found = K::list(&scope()).unwrap_or_default();
        candidates(
            typed,
            found.iter().map(|info| (info.label(), K::describe(info))),
        )
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
