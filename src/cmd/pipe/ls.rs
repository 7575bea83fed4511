//! `ipc pipe ls`.

use clap::Args;

use super::Pipes;
use crate::cmd::context::Context;
use crate::cmd::listing::ListArgs;
use crate::exit::Exit;

const MORE: &str = "\
Examples:
  ipc pipe ls
      Shows all FIFOs of the runtime folder.
  ipc pipe ls 'log*' --columns name,readers,writers
      Shows how many processes have some of them open.

Exit status:
  5  the runtime folder does not belong to you alone

See also: fifo(7), ipc-pipe-stat(1)";

/// List the FIFOs of the runtime folder
///
/// With the number of processes that have each end open. What has the name of a FIFO
/// and is none is shown with what it is. FIFOs elsewhere have no list: name their paths
/// to stat.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Ls {
    #[command(flatten)]
    list: ListArgs<Pipes>,
}

impl Ls {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        self.list.run(context)
    }
}
