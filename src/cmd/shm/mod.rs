//! `ipc shm`: shared memory segments.

use clap::Subcommand;

use super::context::Context;
use super::kind::Kind;
use super::leaf::{self, Parsed};
use crate::backing;
use crate::error::Result;
use crate::exit::Exit;
use crate::name::{Name, Scope};
use crate::object::shm::{Segment, SegmentInfo};
use crate::output::table::{Column, MODE, MODIFIED, OWNER, Show};
use crate::size::Size;
use crate::survey::scan;

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

/// The kind of object that this noun is about.
#[derive(Debug)]
struct Segments;

impl Kind for Segments {
    type Info = SegmentInfo;

    const COLUMNS: &'static [Column] = &[
        Column::new("name", "NAME", Show::Text),
        Column::new("size", "SIZE", Show::Bytes),
        Column::new("allocated", "USED", Show::Bytes),
        MODE,
        OWNER,
        MODIFIED,
        Column::new("status", "STATUS", Show::Text),
    ];

    fn look(name: &Name) -> Result<SegmentInfo> {
        SegmentInfo::look(name)
    }

    fn list(scope: &Scope) -> Result<Vec<SegmentInfo>> {
        scan::segments(scope)
    }

    fn unlink(name: &Name) -> Result<()> {
        Segment::unlink(name)
    }

    fn describe(info: &SegmentInfo) -> String {
        format!("{} bytes", Size(info.size))
    }

    fn trouble() -> Option<String> {
        backing::trouble()
    }
}
