//! `ipc barrier ls`.

use clap::Args;

use super::Barriers;
use crate::cmd::context::Context;
use crate::cmd::listing::ListArgs;
use crate::exit::Exit;

const MORE: &str = "\
Examples:
  ipc barrier ls
      Shows all barriers.
  ipc barrier ls 'job-*' --columns name,arrived --no-headings
      Shows two columns, for a script.
  ipc barrier ls --json | jq '.objects[].name'
      Prints the names.

See also: ipc-barrier-stat(1), lsipc(1)";

/// List barriers
///
/// What is called like a barrier and is none is shown with a status.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Ls {
    #[command(flatten)]
    list: ListArgs<Barriers>,
}

impl Ls {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        self.list.run(context)
    }
}
