//! `ipc mq ls`.

use clap::Args;

use super::Queues;
use crate::cmd::context::Context;
use crate::cmd::listing::ListArgs;
use crate::exit::Exit;

const MORE: &str = "\
Examples:
  ipc mq ls
      Shows all queues.
  ipc mq ls 'job-*' --columns name,messages --no-headings
      Shows two columns, for a script.
  ipc mq ls --json | jq '.objects[].name'
      Prints the names.

See also: mq_overview(7), ipc-mq-stat(1)";

/// List queues
///
/// Looks through a mounted mqueue file system. Where none is mounted, root sees the
/// queues all the same, and others are told the command that mounts one. A queue
/// that may not be read is shown with its owner and status unreadable.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Ls {
    #[command(flatten)]
    list: ListArgs<Queues>,
}

impl Ls {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        self.list.run(context)
    }
}
