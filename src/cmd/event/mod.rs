//! `ipc event`: something has happened, or happens now.

use std::ffi::OsString;

use clap::Args;

use super::complete;
use super::context::Context;
use super::kind::Kind;
use super::options::NewMode;
use super::verbs::verbs;
use crate::backing;
use crate::error::Result;
use crate::name::{Name, Scope};
use crate::output::table::{Column, MODE, MODIFIED, OWNER, Show};
use crate::shared::event::{Event, EventInfo};
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

verbs! {
    /// The verbs of events.
    "event" {
        "create" => create::Create,
        "set" => set::Set,
        "clear" => clear::Clear,
        "pulse" => pulse::Pulse,
        "wait" => wait::Wait,
        "status" => status::Status,
        "stat" => stat::Stat,
        "ls" | "list" => ls::Ls,
        "rm" | "unlink" => rm::Rm,
    }
}

/// The kind of object that this noun is about.
#[derive(Debug)]
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

/// The event that a verb works on; it is made, not set, on its first use.
#[derive(Debug, Args)]
struct Target {
    /// Name of the event
    #[arg(value_name = "NAME", add = complete::names::<Events>())]
    name: OsString,

    #[command(flatten)]
    mode: NewMode,
}

impl Target {
    fn open(&self, context: &Context) -> Result<(Name, Event)> {
        let name = context.name(&self.name)?;
        let event = Event::open_or_create(&name, self.mode.mode)?;
        Ok((name, event))
    }
}
