//! `ipc event stat`.

use std::ffi::OsString;

use clap::Args;

use super::Events;
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::listing::StatArgs;
use crate::exit::Exit;

const MORE: &str = "\
Examples:
  ipc event stat ready
      Shows state, count, mode, owner and times.
  ipc event stat --json ready done
      The same of two events, in one document.

Exit status:
  3  there is no such event
  8  some of several are missing

See also: ipc-event-ls(1)";

/// Show everything about events
///
/// Needs no permission on the event. What lies under the name without being
/// an event is shown with a status, not refused.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Stat {
    /// Names of the events
    #[arg(value_name = "NAME", required = true, add = complete::names::<Events>())]
    names: Vec<OsString>,

    #[command(flatten)]
    stat: StatArgs,
}

impl Stat {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        self.stat.run::<Events>(context, &self.names)
    }
}
