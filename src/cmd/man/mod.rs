//! `ipc man`.

use std::os::unix::process::CommandExt;
use std::process::Command;

use clap::Args;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use include_dir::{Dir, include_dir};
use nix::sys::signal::SigSet;

use self::plain::plain;
use super::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escaped;
use crate::exit::Exit;
use crate::process::spawn::in_memory;
use crate::sys::exec;

mod plain;

static PAGES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/man");

const MORE: &str = "\
Examples:
  ipc man
      Shows ipc(1).
  ipc man mq send
      Shows ipc-mq-send(1).
  ipc man 7
      Shows ipc(7): the concepts.
  ipc man --list
      Prints the names of all pages.

Exit status:
  3  there is no such page

See also: ipc(1), ipc(7), man(1)";

/// Show a page of the manual that is inside the binary
///
/// On a terminal the page goes through man(1). Elsewhere, and where that is not
/// installed, it is printed as plain text. --roff prints its source.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Man {
    /// The page: a command such as mq send, or 7 for the concepts
    #[arg(value_name = "PAGE", conflicts_with = "list", add = ArgValueCandidates::new(candidates))]
    page: Vec<String>,

    /// Print the names of all pages
    #[arg(long)]
    list: bool,

    /// Print the source of the page
    #[arg(long, conflicts_with = "list")]
    roff: bool,
}

impl Man {
    pub(crate) fn run(self, context: &mut Context, tree: &clap::Command) -> anyhow::Result<Exit> {
        if self.list {
            for name in names() {
                context.out.line(name)?;
            }
            return Ok(Exit::Done);
        }
        let page = self.contents(tree)?;
        // Elsewhere whether the page arrives is for us to see.
        if !self.roff && context.out.is_terminal() {
            // Does not come back where there is a viewer.
            view(page)?;
        }
        match std::str::from_utf8(page) {
            Ok(source) if !self.roff => context.out.stdout().write(plain(source).as_bytes())?,
            _ => context.out.stdout().write(page)?,
        }
        Ok(Exit::Done)
    }

    fn contents(&self, tree: &clap::Command) -> Result<&'static [u8]> {
        let words: Vec<&str> = self.page.iter().map(String::as_str).collect();
        let page = file_of(&words, tree).and_then(|name| PAGES.get_file(name));
        page.map(include_dir::File::contents).ok_or_else(|| {
            Error::new(ErrorKind::Missing, "there is no such page")
                .about(escaped(self.page.join(" ").as_bytes()))
                .hint("ipc man --list")
        })
    }
}

/// The file of a page: `mq send`, `ipc mq send`, `mq-send`, `ipc-mq-send.1` and
/// `1 ipc-mq-send` are the same, and so are the aliases of a verb.
fn file_of(words: &[&str], tree: &clap::Command) -> Option<String> {
    let (section, words) = match words {
        [section @ ("1" | "7"), rest @ ..] => (*section, rest),
        words => ("1", words),
    };
    let joined = words.join("-");
    let (name, section) = match joined.rsplit_once('.') {
        Some((name, section @ ("1" | "7"))) => (name, section),
        _ => (joined.as_str(), section),
    };
    let below = name.strip_prefix("ipc").unwrap_or(name);
    let mut command = tree.clone();
    let mut file = String::from("ipc");
    let parts: Vec<&str> = below.split('-').filter(|part| !part.is_empty()).collect();
    let mut rest = parts.as_slice();
    while !rest.is_empty() {
        // What a command has below it is not there before this.
        command.build();
        // A command may have hyphens of its own.
        let (next, length) = (1..=rest.len()).rev().find_map(|length| {
            let found = command.find_subcommand(rest[..length].join("-"))?;
            Some((found.clone(), length))
        })?;
        (command, rest) = (next, &rest[length..]);
        file = format!("{file}-{}", command.get_name());
    }
    Some(format!("{file}.{section}"))
}

/// The names of all pages, sorted.
fn names() -> Vec<&'static str> {
    let files = PAGES.files().filter_map(|file| file.path().to_str());
    let mut names: Vec<_> = files.collect();
    names.sort_unstable();
    names
}

fn candidates() -> Vec<CompletionCandidate> {
    let pages = names().into_iter().map(|name| match name {
        "ipc.1" => "ipc",
        "ipc.7" => "7",
        _ => name.trim_start_matches("ipc-").trim_end_matches(".1"),
    });
    pages.map(CompletionCandidate::new).collect()
}

/// Becomes man(1) with the page; comes back only where there is none.
///
/// In place, so that the pager alone is at the terminal and ends as it ends.
fn view(page: &[u8]) -> Result<()> {
    let mut viewer = Command::new("man");
    viewer.args(["-l", "-"]).stdin(in_memory(page)?);
    let mask = SigSet::thread_get_mask().map_err(Error::os)?;
    exec::as_the_caller(&mut viewer, mask, &[0]);
    match Error::os(viewer.exec()) {
        error if error.kind() == ErrorKind::Missing => Ok(()),
        error => Err(error.about("man")),
    }
}
