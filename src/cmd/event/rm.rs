//! `ipc event rm`.

use std::ffi::OsString;

use clap::Args;

use super::Events;

use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::removal::RemoveArgs;
use crate::exit::Exit;

const MORE: &str = "\
Examples:
  ipc event rm ready done
      Removes two events.
  ipc event rm --match 'job-*' --yes
      Removes your events whose names start so.

Exit status:
  1  --match or --all found nothing of yours
  3  there is no such event
  8  some of several could not be removed

See also: ipc-event-ls(1)";

/// Remove events
///
/// Those who wait for it end with exit code 7.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Rm {
    /// Names of the events
    #[arg(id = "name", value_name = "NAME", required_unless_present_any = ["patterns", "all"])]
    #[arg(add = complete::names::<Events>())]
    names: Vec<OsString>,

    #[command(flatten)]
    removal: RemoveArgs,
}

impl Rm {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        self.removal.run::<Events>(context, &self.names)
    }
}
