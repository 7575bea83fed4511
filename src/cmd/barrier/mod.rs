//! `ipc barrier`: nobody goes on until all have arrived.

use clap::Subcommand;

use super::context::Context;
use super::kind::Kind;
use super::leaf::{self, Parsed};
use crate::backing;
use crate::error::Result;
use crate::exit::Exit;
use crate::name::{Name, Scope};
use crate::output::table::{Column, MODE, MODIFIED, OWNER, Show};
use crate::shared::barrier::{Barrier, BarrierInfo};
use crate::survey::scan;

mod create;
mod ls;
mod reset;
mod rm;
mod stat;
mod status;
mod wait;

/// The verbs of barriers.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum Verb {
    Create(create::Create),
    Wait(wait::Wait),
    Reset(reset::Reset),
    Status(status::Status),
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
        "wait" => leaf::parse(Verb::Wait, words),
        "reset" => leaf::parse(Verb::Reset, words),
        "status" => leaf::parse(Verb::Status, words),
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
            Verb::Create(_) => "barrier create",
            Verb::Reset(_) => "barrier reset",
            Verb::Wait(_) => "barrier wait",
            Verb::Status(_) => "barrier status",
            Verb::Stat(_) => "barrier stat",
            Verb::Ls(_) => "barrier ls",
            Verb::Rm(_) => "barrier rm",
        }
    }

    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        match self {
            Verb::Create(verb) => verb.run(context),
            Verb::Reset(verb) => verb.run(context),
            Verb::Wait(verb) => verb.run(context),
            Verb::Status(verb) => verb.run(context),
            Verb::Stat(verb) => verb.run(context),
            Verb::Ls(verb) => verb.run(context),
            Verb::Rm(verb) => verb.run(context),
        }
    }
}

/// The kind of object that this noun is about.
#[derive(Debug)]
struct Barriers;

impl Kind for Barriers {
    type Info = BarrierInfo;

    const COLUMNS: &'static [Column] = &[
        Column::new("name", "NAME", Show::Text),
        Column::new("arrived", "ARRIVED", Show::Number),
        Column::new("parties", "PARTIES", Show::Number),
        Column::new("generation", "GENERATION", Show::Number),
        MODE,
        OWNER,
        MODIFIED,
        Column::new("status", "STATUS", Show::Text),
    ];

    fn look(name: &Name) -> Result<BarrierInfo> {
        BarrierInfo::look(name)
    }

    fn list(scope: &Scope) -> Result<Vec<BarrierInfo>> {
        scan::barriers(scope)
    }

    fn unlink(name: &Name) -> Result<()> {
        Barrier::unlink(name)
    }

    fn describe(info: &BarrierInfo) -> String {
        match info.arrived.zip(info.parties) {
            Some((arrived, parties)) => format!("{arrived} of {parties} arrived"),
            None => info.status.clone(),
        }
    }

    fn trouble() -> Option<String> {
        backing::trouble()
    }
}
