//! `ipc lock`: locks and counting slots that free themselves when their owner dies.

use super::kind::Kind;
use super::verbs::verbs;
use crate::backing;
use crate::error::Result;
use crate::name::{Name, Scope};
use crate::output::table::{Column, MODE, MODIFIED, OWNER, Show};
use crate::shared::lock::{Lock, LockInfo};
use crate::survey::scan;

mod acquire;
mod r#break;
mod create;
mod ls;
mod release;
mod rm;
mod run;
mod stat;
mod status;
mod taking;
mod verify;
mod wait;

verbs! {
    /// The verbs of locks.
    "lock" {
        "create" => create::Create,
        "acquire" => acquire::Acquire,
        "release" => release::Release,
        "run" => run::Run,
        "status" => status::Status,
        "verify" => verify::Verify,
        "wait" => wait::Wait,
        "break" => r#break::Break,
        "stat" => stat::Stat,
        "ls" | "list" => ls::Ls,
        "rm" | "unlink" => rm::Rm,
    }
}

/// The kind of object that this noun is about. A live hold keeps one from
/// being removed.
#[derive(Debug)]
struct Locks;

impl Kind for Locks {
    type Info = LockInfo;

    const COLUMNS: &'static [Column] = &[
        Column::new("name", "NAME", Show::Text),
        Column::new("state", "STATE", Show::Text),
        Column::new("slots", "SLOTS", Show::Number),
        Column::new("holders", "HOLDERS", Show::Count),
        MODE,
        OWNER,
        MODIFIED,
        Column::new("status", "STATUS", Show::Text),
    ];

    fn look(name: &Name) -> Result<LockInfo> {
        LockInfo::look(name)
    }

    fn list(scope: &Scope) -> Result<Vec<LockInfo>> {
        scan::locks(scope)
    }

    fn unlink(name: &Name) -> Result<()> {
        Lock::unlink_unheld(name).map_err(|error| error.about(name))
    }

    fn unlink_by_force(name: &Name) -> Result<()> {
        Lock::unlink(name)
    }

    fn describe(info: &LockInfo) -> String {
        match (info.state, info.holders.iter().flatten().next()) {
            (Some(_), Some(holder)) => format!("held by {}", holder.pid),
            (Some(state), None) => state.to_owned(),
            (None, _) => info.status.clone(),
        }
    }

    fn trouble() -> Option<String> {
        backing::trouble()
    }
}
