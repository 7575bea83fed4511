//! `ipc sem`: named semaphores.

use clap::Subcommand;

use super::context::Context;
use super::kind::Kind;
use super::leaf::{self, Parsed};
use crate::backing;
use crate::error::{ErrorKind, Result};
use crate::exit::Exit;
use crate::name::{Name, Scope};
use crate::object::sem::{Semaphore, SemaphoreInfo};
use crate::output::table::{Column, MODE, MODIFIED, OWNER, Show};
use crate::size::Mode;
use crate::survey::scan;

mod acquire;
mod create;
mod ls;
mod release;
mod rm;
mod run;
mod stat;
mod value;

/// The verbs of semaphores.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum Verb {
    Create(create::Create),
    #[command(visible_alias = "wait")]
    Acquire(acquire::Acquire),
    #[command(visible_alias = "post")]
    Release(release::Release),
    #[command(visible_alias = "getvalue")]
    Value(value::Value),
    Run(run::Run),
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
        "acquire" | "wait" => leaf::parse(Verb::Acquire, words),
        "release" | "post" => leaf::parse(Verb::Release, words),
        "value" | "getvalue" => leaf::parse(Verb::Value, words),
        "run" => leaf::parse(Verb::Run, words),
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
            Verb::Create(_) => "sem create",
            Verb::Acquire(_) => "sem acquire",
            Verb::Release(_) => "sem release",
            Verb::Value(_) => "sem value",
            Verb::Run(_) => "sem run",
            Verb::Stat(_) => "sem stat",
            Verb::Ls(_) => "sem ls",
            Verb::Rm(_) => "sem rm",
        }
    }

    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        match self {
            Verb::Create(verb) => verb.run(context),
            Verb::Acquire(verb) => verb.run(context),
            Verb::Release(verb) => verb.run(context),
            Verb::Value(verb) => verb.run(context),
            Verb::Run(verb) => verb.run(context),
            Verb::Stat(verb) => verb.run(context),
            Verb::Ls(verb) => verb.run(context),
            Verb::Rm(verb) => verb.run(context),
        }
    }
}

/// The kind of object that this noun is about.
#[derive(Debug)]
struct Semaphores;

impl Kind for Semaphores {
    type Info = SemaphoreInfo;

    const COLUMNS: &'static [Column] = &[
        Column::new("name", "NAME", Show::Text),
        Column::new("value", "VALUE", Show::Number),
        Column::new("waiters", "WAITERS", Show::Number),
        MODE,
        OWNER,
        MODIFIED,
        Column::new("status", "STATUS", Show::Text),
    ];

    fn look(name: &Name) -> Result<SemaphoreInfo> {
        SemaphoreInfo::look(name)
    }

    fn list(scope: &Scope) -> Result<Vec<SemaphoreInfo>> {
        scan::semaphores(scope)
    }

    fn unlink(name: &Name) -> Result<()> {
        Semaphore::unlink(name)
    }

    fn describe(info: &SemaphoreInfo) -> String {
        let value = info.value.map(|value| format!("value {value}"));
        value.unwrap_or_else(|| info.status.clone())
    }

    fn trouble() -> Option<String> {
        backing::trouble()
    }
}

/// Opens a semaphore, or makes it with this value when that was asked for.
fn open_or_create(name: &Name, create: Option<u32>, mode: Mode) -> Result<Semaphore> {
    loop {
        match (Semaphore::open(name), create) {
            (Err(error), Some(value)) if error.kind() == ErrorKind::Missing => {
                match Semaphore::create(name, value, mode) {
                    // Somebody else was faster: theirs is as good.
                    Err(error) if error.kind() == ErrorKind::Exists => {}
                    result => result?,
                }
            }
            (Err(error), None) if error.kind() == ErrorKind::Missing => {
                return Err(error.hint("ipc sem create NAME VALUE, or --create"));
            }
            (result, _) => return result,
        }
    }
}
