//! `ipc lock break`.

use std::ffi::OsString;

use clap::Args;
use serde_json::json;

use super::Locks;
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::exit::Exit;
use crate::facts::Label;
use crate::shared::lock::Lock;

const MORE: &str = "\
Examples:
  ipc lock break deploy
      Takes the lock from an owner that is stopped or hangs.

Exit status:
  1  nobody held it
  3  there is no such lock
  5  permission denied
  6  the lock belongs to another pid namespace: ipc lock rm removes it
  7  not a lock

See also: ipc-lock-verify(1), ipc-lock-status(1)";

/// Take a lock from whoever holds it, all slots and readers too
///
/// The former holder is not told, but its token is refused from now on. Whoever next
/// takes the lock, or the slot that was taken away, is told that it recovers; nobody is
/// where only readers lost it, who leave nothing half done, or in a slot that was free.
/// Anybody who may write to the lock may break it. One that was made in another pid
/// namespace is refused: its holders cannot be told from here.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Break {
    /// Name of the lock
    #[arg(value_name = "NAME", add = complete::names::<Locks>())]
    name: OsString,
}

impl Break {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let name = context.name(&self.name)?;
        let lock = Lock::open(&name)?;
        let broken = lock.break_holds().map_err(|error| error.about(&name))?;
        if context.out.is_json() {
            let label = Label::new(context.inner(&name));
            context
                .out
                .json(&json!({ "name": label.name, "broken": broken.len(), "holders": broken }))?;
        } else {
            for holder in &broken {
                context
                    .out
                    .say(format_args!("{name}: taken from process {}", holder.pid));
            }
        }
        Ok(if broken.is_empty() {
            Exit::No
        } else {
            Exit::Done
        })
    }
}
