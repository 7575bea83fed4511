//! `ipc sem ls`.

use clap::Args;

use super::Semaphores;
use crate::cmd::context::Context;
use crate::cmd::listing::ListArgs;
use crate::exit::Exit;

const MORE: &str = "\
Examples:
  ipc sem ls
      Shows all semaphores.
  ipc sem ls 'job-*' --columns name,value --no-headings
      Shows two columns, for a script.
  ipc sem ls --json | jq '.objects[].name'
      Prints the names.

See also: sem_overview(7), ipc-sem-stat(1), lsipc(1)";

/// List semaphores
///
/// What is called like a semaphore and is none is shown with a status. The number
/// of waiters is a hint: one that was killed stays counted.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Ls {
    #[command(flatten)]
    list: ListArgs<Semaphores>,
}

impl Ls {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        self.list.run(context)
    }
}
