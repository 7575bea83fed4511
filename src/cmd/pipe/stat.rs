//! `ipc pipe stat`.

use std::ffi::OsString;

use clap::Args;

use super::Pipes;
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::listing::StatArgs;
use crate::exit::Exit;

const MORE: &str = "\
Examples:
  ipc pipe stat log
      Shows its path, who has it open at which end, and what is in it.
  ipc pipe stat --json ./in ./out
      The same of two paths, in one document.

Exit status:
  3  there is no such pipe
  7  what has the name is no FIFO
  8  some of several are missing

See also: fifo(7), ipc-pipe-ls(1)";

/// Show everything about FIFOs
///
/// The processes that have it open for reading and for writing, the bytes that nobody
/// has read yet, and how many it holds. The FIFO is not opened for that, since opening one
/// end wakes whoever waits at the other: the last two come from the descriptor of a
/// process that has it open, where it may be looked at, and are else unknown. A process
/// that waits in open(2) has nothing open yet and is not shown. Processes of other users
/// are seen by root only.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Stat {
    /// Names or paths of the FIFOs
    #[arg(value_name = "NAME", required = true, add = complete::names_or_paths::<Pipes>())]
    names: Vec<OsString>,

    #[command(flatten)]
    stat: StatArgs,
}

impl Stat {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        self.stat.run::<Pipes>(context, &self.names)
    }
}
