//! `ipc shm ls`.

use clap::Args;

use super::Segments;
use crate::cmd::context::Context;
use crate::cmd::listing::ListArgs;
use crate::exit::Exit;

const MORE: &str = "\
Examples:
  ipc shm ls
      Shows all segments.
  ipc shm ls 'job-*' --columns name,size --no-headings --bytes
      Shows two columns, for a script.
  ipc shm ls --json | jq '.objects[].name'
      Prints the names.

See also: shm_overview(7), ipc-shm-stat(1), lsipc(1)";

/// List segments
///
/// Semaphores and other objects that live beside segments are not shown. What is
/// foreign or broken is shown with a status.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Ls {
    #[command(flatten)]
    list: ListArgs<Segments>,
}

impl Ls {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        self.list.run(context)
    }
}
