//! `ipc event`: something has happened, or happens now.

use clap::Subcommand;

use super::context::Context;
use super::kind::Kind;
use super::leaf::{self, Parsed};
use crate::backing;
use crate::error::Result;
use crate::exit::Exit;
use crate::name::{Name, Scope};
use crate::output::table::{Column, MODE, MODIFIED, OWNER, Show};
use crate::shared::event::{Event, EventInfo};
use crate::size::Mode;
use crate::survey::scan;

mod clear;
mod create;
mod ls;
mod pulse;
mod rm;
mod set;
mod stat;
mod status;
mod wait;

/// The verbs of events.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum Verb {
    Create(create::Create),
    Set(set::Set),
    Clear(clear::Clear),
    Pulse(pulse::Pulse),
    Wait(wait::Wait),
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
        "set" => leaf::parse(Verb::Set, words),
        "clear" => leaf::parse(Verb::Clear, words),
        "pulse" => leaf::parse(Verb::Pulse, words),
        "wait" => leaf::parse(Verb::Wait, words),
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
            Verb::Create(_) => "event create",
            Verb::Set(_) => "event set",
            Verb::Clear(_) => "event clear",
            Verb::Pulse(_) => "event pulse",
            Verb::Wait(_) => "event wait",
            Verb::Status(_) => "event status",
            Verb::Stat(_) => "event stat",
            Verb::Ls(_) => "event ls",
            Verb::Rm(_) => "event rm",
        }
    }

    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        match self {
            Verb::Create(verb) => verb.run(context),
            Verb::Set(verb) => verb.run(context),
            Verb::Clear(verb) => verb.run(context),
            Verb::Pulse(verb) => verb.run(context),
            Verb::Wait(verb) => verb.run(context),
            Verb::Status(verb) => verb.run(context),
            Verb::Stat(verb) => verb.run(context),
            Verb::Ls(verb) => verb.run(context),
            Verb::Rm(verb) => verb.run(context),
        }
    }
}

/// The kind of object that this noun is about.
struct Events;

impl Kind for Events {
    type Info = EventInfo;

    const COLUMNS: &'static [Column] = &[
        Column::new("name", "NAME", Show::Text),
        Column::new("set", "SET", Show::Text),
        Column::new("count", "COUNT", Show::Number),
        MODE,
        OWNER,
        MODIFIED,
        Column::new("status", "STATUS", Show::Text),
    ];

    fn look(name: &Name) -> Result<EventInfo> {
        EventInfo::look(name)
    }

    fn list(scope: &Scope) -> Result<Vec<EventInfo>> {
        scan::events(scope)
    }

    fn unlink(name: &Name) -> Result<()> {
        Event::unlink(name)
    }

    fn describe(info: &EventInfo) -> String {
        match info.set {
            Some(true) => "set".to_owned(),
            Some(false) => "not set".to_owned(),
            None => info.status.clone(),
        }
    }

    fn trouble() -> Option<String> {
        backing::trouble()
    }
}

/// Opens an event; it is made, not set, on its first use.
fn open_or_create(name: &Name, mode: Mode) -> Result<Event> {
    Event::open_or_create(name, mode)
}
