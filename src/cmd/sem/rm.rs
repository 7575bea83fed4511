//! `ipc sem rm`.

use std::ffi::OsString;

use clap::Args;

use super::Semaphores;

use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::removal::RemoveArgs;
use crate::exit::Exit;

const MORE: &str = "\
Examples:
  ipc sem rm printer builders
      Removes two semaphores.
  ipc sem rm --match 'job-*' --yes
      Removes your semaphores whose names start so.

Exit status:
  1  --match or --all found nothing of yours
  3  there is no such semaphore
  8  some of several could not be removed

See also: sem_overview(7), sem_unlink(3), ipc-sem-ls(1)";

/// Remove semaphores
///
/// Programs that have a semaphore open keep it until they end; an ipc that waits
/// for it ends with exit code 7.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Rm {
    /// Names of the semaphores
    #[arg(id = "name", value_name = "NAME", required_unless_present_any = ["patterns", "all"])]
    #[arg(add = complete::names::<Semaphores>())]
    names: Vec<OsString>,

    #[command(flatten)]
    removal: RemoveArgs,
}

impl Rm {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        self.removal.run::<Semaphores>(context, &self.names)
    }
}
