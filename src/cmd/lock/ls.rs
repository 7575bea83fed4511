//! `ipc lock ls`.

use clap::Args;

use super::Locks;
use crate::cmd::context::Context;
use crate::cmd::listing::ListArgs;
use crate::exit::Exit;

const MORE: &str = "\
Examples:
  ipc lock ls
      Shows all locks.
  ipc lock ls 'job-*' --columns name,state --no-headings
      Shows two columns, for a script.
  ipc lock ls --json | jq '.objects[].name'
      Prints the names.

See also: ipc-lock-stat(1), lsipc(1)";

/// List locks
///
/// What is called like a lock and is none is shown with a status.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Ls {
    #[command(flatten)]
    list: ListArgs<Locks>,
}

impl Ls {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        self.list.run(context)
    }
}
