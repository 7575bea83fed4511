//! `ipc barrier rm`.

use std::ffi::OsString;

use clap::Args;

use super::Barriers;

use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::removal::RemoveArgs;
use crate::exit::Exit;

const MORE: &str = "\
Examples:
  ipc barrier rm start done
      Removes two barriers.
  ipc barrier rm --match 'job-*' --yes
      Removes your barriers whose names start so.

Exit status:
  1  --match or --all found nothing of yours
  3  there is no such barrier
  8  some of several could not be removed

See also: ipc-barrier-ls(1)";

/// Remove barriers
///
/// Those who wait for it end with exit code 7.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Rm {
    /// Names of the barriers
    #[arg(id = "name", value_name = "NAME", required_unless_present_any = ["patterns", "all"])]
    #[arg(add = complete::names::<Barriers>())]
    names: Vec<OsString>,

    #[command(flatten)]
    removal: RemoveArgs,
}

impl Rm {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        self.removal.run::<Barriers>(context, &self.names)
    }
}
