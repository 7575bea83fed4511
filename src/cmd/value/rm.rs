//! `ipc value rm`.

use std::ffi::OsString;

use clap::Args;

use super::Values;
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::removal::RemoveArgs;
use crate::exit::Exit;

const MORE: &str = "\
Examples:
  ipc value rm money phase
      Removes two values.
  ipc value rm --match 'job-*' --yes
      Removes your values whose names start so.

Exit status:
  1  --match or --all found nothing of yours
  3  there is no such value
  7  it is no value, and left alone
  8  some of several could not be removed

See also: ipc-value-ls(1), shm_unlink(3)";

/// Remove values
///
/// Programs that have a value open keep it until they end; an ipc that waits for
/// it ends with exit code 7. What is no value is left alone.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Rm {
    /// Names of the values
    #[arg(id = "name", value_name = "NAME", required_unless_present_any = ["patterns", "all"])]
    #[arg(add = complete::names::<Values>())]
    names: Vec<OsString>,

    #[command(flatten)]
    removal: RemoveArgs,
}

impl Rm {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        self.removal.run::<Values>(context, &self.names)
    }
}
