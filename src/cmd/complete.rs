//! Live completion: what the shell asks the binary for.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;

use clap_complete::engine::{
    ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter,
};

use super::kind::Kind;
use crate::facts::{Described, Label};
use crate::name::{Name, Scope};
use crate::place::is_path;

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

/// Completes names like `names`, and paths where a slash shows that one is meant.
pub(crate) fn names_or_paths<K: Kind>() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        if is_path(typed) {
            return PathCompleter::any().complete(typed);
        }
        let found = K::list(&scope()).unwrap_or_default();
        candidates(
            typed,
            found.iter().map(|info| (info.label(), K::describe(info))),
        )
    })
}

/// Completes a command and its arguments: programs first, then files.
pub(crate) fn commands() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let words: Vec<_> = std::env::args_os().collect();
        // The scripts hand over the line up to the word that is completed.
        let before = words.iter().rev().nth(1);
        let is_first =
            before.is_some_and(|word| ["--", "--exec", "::"].iter().any(|first| word == first));
        let mut found = PathCompleter::any().complete(typed);
        if is_first && !typed.is_empty() && !typed.as_bytes().contains(&b'/') {
            found.extend(programs(typed));
        }
        found
    })
}

/// Programs of PATH that go on from what is typed.
fn programs(typed: &OsStr) -> impl Iterator<Item = CompletionCandidate> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let names: BTreeSet<_> = std::env::split_paths(&path)
        .filter_map(|folder| folder.read_dir().ok())
        .flatten()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().as_bytes().starts_with(typed.as_bytes()))
        .filter(|entry| {
            let target = std::fs::metadata(entry.path());
            target.is_ok_and(|found| found.is_file() && found.mode() & 0o111 != 0)
        })
        .map(|entry| entry.file_name())
        .collect();
    names.into_iter().map(CompletionCandidate::new)
}

/// Names that go on from what is typed, with a slash if that has one.
///
/// Names with control characters are left out: a line of a listing of the
/// shell is one candidate, and some shells print them as they are.
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
        .filter(|(label, _)| Name::listed(label.bytes()).check_new().is_ok())
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
