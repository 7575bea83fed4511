//! `ipc array rm`.

use std::ffi::OsString;

use clap::Args;

use super::Arrays;
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::removal::RemoveArgs;
use crate::exit::Exit;

const MORE: &str = "\
Examples:
  ipc array rm rates grid
      Removes two arrays.
  ipc array rm --match 'job-*' --yes
      Removes your arrays whose names start so.

Exit status:
  1  --match or --all found nothing of yours
  3  there is no such array
  7  it is no array, and left alone
  8  some of several could not be removed

See also: ipc-array-ls(1), shm_unlink(3)";

/// Remove arrays
///
/// Programs that have an array open keep it until they end; an ipc that waits for
/// it ends with exit code 7. What is no array is left alone.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Rm {
    /// Names of the arrays
    #[arg(id = "name", value_name = "NAME", required_unless_present_any = ["patterns", "all"])]
    #[arg(add = complete::names::<Arrays>())]
    names: Vec<OsString>,

    #[command(flatten)]
    removal: RemoveArgs,
}

impl Rm {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        self.removal.run::<Arrays>(context, &self.names)
    }
}
