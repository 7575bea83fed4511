//! `ipc lock release`.

use std::ffi::OsString;

use clap::Args;
use serde_json::json;

use super::Locks;
use super::taking::holder;
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::error::ErrorKind;
use crate::exit::Exit;
use crate::facts::Label;
use crate::process::target::parse_number;
use crate::shared::lock::Lock;

const MORE: &str = "\
Examples:
  ipc lock release deploy
      Gives back what this shell holds; a waiter goes on.

Exit status:
  1  the owner does not hold it
  3  there is no such lock, or no such owner
  6  the lock belongs to another pid namespace
  7  not a lock

See also: ipc-lock-acquire(1), ipc-lock-status(1)";

/// Give back a lock that a process holds
///
/// The owner is the parent process unless another is named. What others hold is never
/// touched: that is up to ipc-lock-break(1).
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Release {
    /// Name of the lock
    #[arg(value_name = "NAME", add = complete::names::<Locks>())]
    name: OsString,

    /// The process that holds it, instead of the parent of this one
    #[arg(long, value_name = "PID", value_parser = parse_number)]
    owner: Option<i32>,
}

impl Release {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let name = context.name(&self.name)?;
        let lock = Lock::open(&name)?;
        let owner = holder(self.owner, &lock)?;
        if let Err(error) = lock.release(&owner) {
            let error = error.about(&name);
            if error.kind() != ErrorKind::WouldBlock {
                return Err(error.into());
            }
            context.report(&error.hint("ipc lock status NAME tells who does").into());
            return Ok(Exit::No);
        }
        if context.out.is_json() {
            let label = Label::new(context.inner(&name));
            context
                .out
                .json(&json!({ "name": label.name, "owner": owner.pid(), "released": true }))?;
        }
        Ok(Exit::Done)
    }
}
