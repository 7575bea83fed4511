//! `ipc shm rm`.

use std::ffi::OsString;

use clap::Args;

use super::Segments;

use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::removal::RemoveArgs;
use crate::exit::Exit;

const MORE: &str = "\
Examples:
  ipc shm rm frame table
      Removes two segments.
  ipc shm rm --match 'job-*' --yes
      Removes your segments whose names start so.

Exit status:
  1  --match or --all found nothing of yours
  3  there is no such segment
  8  some of several could not be removed

See also: shm_overview(7), shm_unlink(3), ipc-shm-ls(1)";

/// Remove segments
///
/// Programs that have a segment open or mapped keep it until they end.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Rm {
    /// Names of the segments
    #[arg(id = "name", value_name = "NAME", required_unless_present_any = ["patterns", "all"])]
    #[arg(add = complete::names::<Segments>())]
    names: Vec<OsString>,

    #[command(flatten)]
    removal: RemoveArgs,
}

impl Rm {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        self.removal.run::<Segments>(context, &self.names)
    }
}
