//! `ipc proc ls`.

use clap::Args;

use super::Processes;
use crate::cmd::context::Context;
use crate::cmd::listing::ListArgs;
use crate::exit::Exit;

const MORE: &str = "\
Examples:
  ipc proc ls
      Shows all named processes of yours.
  ipc proc ls 'job-*' --columns name,state,code --no-headings
      Shows three columns, for a script.
  ipc proc ls --json | jq '.objects[] | select(.state == \"running\").pid'
      Prints the pids of those that run.

See also: ipc-proc-status(1), ipc-tree(1), ps(1)";

/// List named processes
///
/// Those that have ended too, until they are removed. AGE is how long the state lasts.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Ls {
    #[command(flatten)]
    list: ListArgs<Processes>,
}

impl Ls {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        self.list.run(context)
    }
}
