//! `ipc pipe rm`.

use std::ffi::OsString;

use clap::Args;

use super::Pipes;
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::removal::RemoveArgs;
use crate::exit::Exit;

const MORE: &str = "\
Examples:
  ipc pipe rm log ./in
      Removes two FIFOs.
  ipc pipe rm --match 'job-*' --yes
      Removes your FIFOs of the runtime folder whose names start so.

Exit status:
  1  --match or --all found nothing of yours
  3  there is no such pipe
  7  what has the name is no FIFO, and stays
  8  some of several could not be removed

See also: fifo(7), ipc-pipe-ls(1)";

/// Remove FIFOs
///
/// Nothing but a FIFO is ever removed. Processes that have it open go on; an ipc that
/// waits for somebody to open the other end ends with exit code 7.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Rm {
    /// Names or paths of the FIFOs
    #[arg(id = "name", value_name = "NAME", required_unless_present_any = ["patterns", "all"])]
    #[arg(add = complete::names_or_paths::<Pipes>())]
    names: Vec<OsString>,

    #[command(flatten)]
    removal: RemoveArgs,
}

impl Rm {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        self.removal.run::<Pipes>(context, &self.names)
    }
}
