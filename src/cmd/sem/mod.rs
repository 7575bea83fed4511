//! `ipc sem`: named semaphores.

use super::kind::Kind;
use super::verbs::verbs;
use crate::backing;
use crate::error::{ErrorKind, Result};
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

verbs! {
    /// The verbs of semaphores.
    "sem" {
        "create" => create::Create,
        "acquire" | "wait" => acquire::Acquire,
        "release" | "post" => release::Release,
        "value" | "getvalue" => value::Value,
        "run" => run::Run,
        "stat" => stat::Stat,
        "ls" | "list" => ls::Ls,
        "rm" | "unlink" => rm::Rm,
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
