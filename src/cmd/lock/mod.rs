//! `ipc lock`: locks and counting slots that free themselves when their owner dies.

use clap::Subcommand;

use super::context::Context;
use super::kind::Kind;
use super::leaf::{self, Parsed};
use crate::backing;
use crate::error::Result;
use crate::exit::Exit;
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

/// The verbs of locks.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum Verb {
    Create(create::Create),
    Acquire(acquire::Acquire),
    Release(release::Release),
    Run(run::Run),
    Status(status::Status),
    Verify(verify::Verify),
    Break(r#break::Break),
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
        "acquire" => leaf::parse(Verb::Acquire, words),
        "release" => leaf::parse(Verb::Release, words),
        "run" => leaf::parse(Verb::Run, words),
        "status" => leaf::parse(Verb::Status, words),
        "verify" => leaf::parse(Verb::Verify, words),
        "break" => leaf::parse(Verb::Break, words),
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
            Verb::Create(_) => "lock create",
            Verb::Acquire(_) => "lock acquire",
            Verb::Release(_) => "lock release",
            Verb::Run(_) => "lock run",
            Verb::Status(_) => "lock status",
            Verb::Verify(_) => "lock verify",
            Verb::Break(_) => "lock break",
            Verb::Stat(_) => "lock stat",
            Verb::Ls(_) => "lock ls",
            Verb::Rm(_) => "lock rm",
        }
    }

    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        match self {
            Verb::Create(verb) => verb.run(context),
            Verb::Acquire(verb) => verb.run(context),
            Verb::Release(verb) => verb.run(context),
            Verb::Run(verb) => verb.run(context),
            Verb::Status(verb) => verb.run(context),
            Verb::Verify(verb) => verb.run(context),
            Verb::Break(verb) => verb.run(context),
            Verb::Stat(verb) => verb.run(context),
            Verb::Ls(verb) => verb.run(context),
            Verb::Rm(verb) => verb.run(context),
        }
    }
}

/// The kind of object that this noun is about. A live hold keeps one from
/// being removed.
#[derive(Debug)]
struct Locks;

/// The same, removed with whatever holds it.
struct LocksByForce;

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

    fn describe(info: &LockInfo) -> String {
        match (info.state, info.holders.first()) {
            (Some(_), Some(holder)) => format!("held by {}", holder.pid),
            (Some(state), None) => state.to_owned(),
            (None, _) => info.status.clone(),
        }
    }

    fn trouble() -> Option<String> {
        backing::trouble()
    }
}

impl Kind for LocksByForce {
    type Info = LockInfo;

    const COLUMNS: &'static [Column] = Locks::COLUMNS;

    fn look(name: &Name) -> Result<LockInfo> {
        Locks::look(name)
    }

    fn list(scope: &Scope) -> Result<Vec<LockInfo>> {
        Locks::list(scope)
    }

    fn unlink(name: &Name) -> Result<()> {
        Lock::unlink(name)
    }

    fn describe(info: &LockInfo) -> String {
        Locks::describe(info)
    }
}
