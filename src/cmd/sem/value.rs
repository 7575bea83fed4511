//! `ipc sem value`.

use std::ffi::OsString;

use clap::Args;

use super::Semaphores;
use serde_json::json;

use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::exit::Exit;
use crate::facts::Label;
use crate::object::sem::peek;

const MORE: &str = "\
Examples:
  ipc sem value builders
      Prints how many units are free.

Exit status:
  3  there is no such semaphore
  7  not a semaphore

See also: sem_overview(7), sem_getvalue(3), ipc-sem-stat(1)";

/// Print how many units a semaphore has
///
/// Needs read permission alone. The number may have changed before it is read.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Value {
    /// Name of the semaphore
    #[arg(value_name = "NAME", add = complete::names::<Semaphores>())]
    name: OsString,
}

impl Value {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let name = context.name(&self.name)?;
        let value = peek(&name)?;
        if context.out.is_json() {
            let label = Label::new(context.inner(&name));
            context
                .out
                .json(&json!({ "name": label.name, "value": value }))?;
        } else {
            context.out.line(value)?;
        }
        Ok(Exit::Done)
    }
}
