//! `ipc value swap`.

use std::ffi::OsString;

use clap::Args;

use super::{Target, became, report};
use crate::backing::Access;
use crate::cmd::context::{Context, bytes};
use crate::cmd::options::Waiting;
use crate::error::{ErrorKind, Result};
use crate::exit::Exit;
use crate::name::Name;
use crate::shared::array::Change;

const MORE: &str = "\
Examples:
  n=$(ipc value swap counter 0)
      Takes what was counted and starts again, without losing any.
  ipc value swap phase 'going on'
      Prints the former phase.

Exit status:
  1    under --try: another writer is at work on it
  2    the value does not fit the type
  3    there is no such value
  6    standard output takes nothing: before the change, or as the message says after it
  7    no value, or torn: its writer was killed in the middle of a change
  124  the time is over

See also: ipc-value-set(1), ipc-value-cas(1)";

/// Replace a value in one step, and print the former one
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Swap {
    #[command(flatten)]
    target: Target,

    /// The new value
    #[arg(value_name = "NEW", allow_hyphen_values = true)]
    new: OsString,

    #[command(flatten)]
    waiting: Waiting,
}

impl Swap {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let (name, change) = match self.swap(context) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Exit::No),
            result => result?,
        };
        report(context, &self.target.name, &change, true)?;
        context.deliver(|| became(&name, &change))?;
        Ok(Exit::Done)
    }

    fn swap(&self, context: &mut Context) -> Result<(Name, Change)> {
        let deadline = self.waiting.deadline();
        let (name, array) = self.target.open(context, Access::Write)?;
        let new = array.header().element.parse(bytes(&self.new))?;
        // Known before anything is changed: a retry would replace the value again.
        context.out.stdout().check()?;
        let mut wait = context.wait(deadline, format!("another writer of value {name}"));
        let change = array.update(0, &mut wait, |_| Ok(Some(new.clone())));
        let change = change.map_err(|error| error.about(&name))?;
        Ok((name, change))
    }
}
