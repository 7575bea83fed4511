//! Live completion: what the shell asks the binary for.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;

use clap_complete::engine::{
    ArgValueCandidates, ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter,
};

use super::kind::Kind;
use crate::facts::{Described, Label};
use crate::name::{Name, Scope};
use crate::output::table::{Column, known};
use crate::place::is_path;
use crate::process::identity::{CommandLine, Table, is_own};
use crate::process::signal::Signal;
use crate::survey::scan;
use crate::sys::startup;

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

/// Completes the columns of a listing of one kind, with their headings.
pub(crate) fn columns<K: Kind>() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let columns = known(K::COLUMNS).into_iter();
        let candidate =
            |column: Column| CompletionCandidate::new(column.key).help(Some(column.heading.into()));
        columns.map(candidate).collect()
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
        let words = startup::words();
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

/// Completes names of signals.
pub(crate) fn signals() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let typed = typed.to_string_lossy().to_ascii_uppercase();
        let prefix = if typed.starts_with("SIG") { "SIG" } else { "" };
        let all = Signal::all().map(|signal| (format!("{prefix}{signal}"), signal));
        all.filter(|(name, _)| name.starts_with(&typed))
            .map(|(name, signal)| {
                CompletionCandidate::new(name).help(Some(signal.description().into()))
            })
            .collect()
    })
}

/// Completes processes of this user: by number, or behind pid:, pgid:, sid: and name:.
pub(crate) fn processes() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let typed = typed.to_string_lossy();
        let kind = typed.split_once(':').map_or("", |(kind, _)| kind);
        if kind == "proc" {
            let listed = scan::named_processes(&scope()).unwrap_or_default();
            let names = listed.iter().map(|info| info.label().bytes());
            return names
                .filter(|name| Name::listed(name).check_new().is_ok())
                .map(|name| format!("proc:{}", String::from_utf8_lossy(name)))
                .filter(|word| word.starts_with(&*typed))
                .map(CompletionCandidate::new)
                .collect();
        }
        let table = Table::read().unwrap_or_default();
        let this = std::process::id().cast_signed();
        let own = table
            .rows()
            .iter()
            .filter(|row| row.pid != this && !row.is_kernel_thread());
        let mut found = BTreeMap::new();
        for row in own {
            let name = String::from_utf8_lossy(&row.comm).into_owned();
            let word = match kind {
                "" => row.pid.to_string(),
                "pid" => format!("pid:{}", row.pid),
                "pgid" => format!("pgid:{}", row.pgid),
                "sid" => format!("sid:{}", row.session),
                "name" => format!("name:{name}"),
                _ => continue,
            };
            let is_fit = !word.chars().any(char::is_control) && word.starts_with(&*typed);
            if is_fit && is_own(row.pid) {
                found
                    .entry(word)
                    .or_insert_with(|| CommandLine::of_row(row));
            }
        }
        let candidate = |(word, command): (String, CommandLine)| {
            CompletionCandidate::new(word).help(Some(command.to_string().into()))
        };
        found.into_iter().map(candidate).collect()
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
pub(crate) fn scope() -> Scope {
    let words = startup::words();
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
