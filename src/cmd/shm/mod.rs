//! `ipc shm`: shared memory segments.

use clap::Subcommand;

use super::context::Context;
use super::leaf::{self, Parsed};
use crate::exit::Exit;
use crate::output::table::{Column, Show};

mod create;
mod ls;
mod read;
mod resize;
mod rm;
mod stat;
mod write;

/// The verbs of shared memory.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum Verb {
    Create(create::Create),
    #[command(visible_alias = "cat")]
    Read(read::Read),
    Write(write::Write),
    Resize(resize::Resize),
    Stat(stat::Stat),
    #[command(visible_alias = "list")]
    Ls(ls::Ls),
    #[command(visible_alias = "unlink")]
    Rm(rm::Rm),
}

/// Parses one verb alone; nothing when the word is no verb.
pub(crate) fn leaf(verb: &str, words: &[std::ffi::OsString]) -> Option<Parsed<Verb>> {
    Some(match verb {
        "create" => leaf::parse(Verb::Create, words),
        "read" | "cat" => leaf::parse(Verb::Read, words),
        "write" => leaf::parse(Verb::Write, words),
        "resize" => leaf::parse(Verb::Resize, words),
        "stat" => leaf::parse(Verb::Stat, words),
        "ls" | "list" => leaf::parse(Verb::Ls, words),
        "rm" | "unlink" => leaf::parse(Verb::Rm, words),
        _ => return None,
    })
}

impl Verb {
    /// The full name of the command.
    pub(crate) fn path(&self) -> &'static str {
        match self {
            Verb::Create(_) => "shm create",
            Verb::Read(_) => "shm read",
            Verb::Write(_) => "shm write",
            Verb::Resize(_) => "shm resize",
            Verb::Stat(_) => "shm stat",
            Verb::Ls(_) => "shm ls",
            Verb::Rm(_) => "shm rm",
        }
    }

    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        match self {
            Verb::Create(verb) => verb.run(context),
            Verb::Read(verb) => verb.run(context),
            Verb::Write(verb) => verb.run(context),
            Verb::Resize(verb) => verb.run(context),
            Verb::Stat(verb) => verb.run(context),
            Verb::Ls(verb) => verb.run(context),
            Verb::Rm(verb) => verb.run(context),
        }
    }
}

/// The columns of a listing, and how details are shown.
const COLUMNS: [Column; 7] = {
    let [mode, owner, modified] = crate::output::table::FACTS;
    [
        Column {
            key: "name",
            heading: "NAME",
            show: Show::Text,
        },
        Column {
            key: "size",
            heading: "SIZE",
            show: Show::Bytes,
        },
        Column {
            key: "allocated",
            heading: "USED",
            show: Show::Bytes,
        },
        mode,
        owner,
        modified,
        Column {
            key: "status",
            heading: "STATUS",
            show: Show::Text,
        },
    ]
};
