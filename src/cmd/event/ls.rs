//! `ipc event ls`.

use clap::Args;

use super::Events;
use crate::cmd::context::Context;
use crate::cmd::listing::ListArgs;
use crate::exit::Exit;

const MORE: &str = "\
Examples:
  ipc event ls
      Shows all events.
  ipc event ls 'job-*' --columns name,set --no-headings
      Shows two columns, for a script.
  ipc event ls --json | jq '.objects[].name'
      Prints the names.

See also: ipc-event-stat(1), lsipc(1)";

/// List events
///
/// What is called like an event and is none is shown with a status.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Ls {
    #[command(flatten)]
    list: ListArgs<Events>,
}

impl Ls {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        self.list.run(context)
    }
}
