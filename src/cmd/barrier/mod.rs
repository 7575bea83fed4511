//! `ipc barrier`: nobody goes on until all have arrived.

use super::kind::Kind;
use super::verbs::verbs;
use crate::backing;
use crate::error::Result;
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

verbs! {
    /// The verbs of barriers.
    "barrier" {
        "create" => create::Create,
        "wait" => wait::Wait,
        "reset" => reset::Reset,
        "status" => status::Status,
        "stat" => stat::Stat,
        "ls" | "list" => ls::Ls,
        "rm" | "unlink" => rm::Rm,
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
