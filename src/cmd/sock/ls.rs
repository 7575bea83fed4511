//! `ipc sock ls`.

use clap::Args;

use super::Sockets;
use crate::cmd::context::Context;
use crate::cmd::listing::ListArgs;
use crate::exit::Exit;

const MORE: &str = "\
Examples:
  ipc sock ls
      Shows the sockets that have names.
  ipc sock ls --columns name,status --no-headings
      Shows two columns, for a script.
  ipc sock ls --json | jq '.objects[] | select(.status == \"stale\").name'
      Prints the names that dead servers left.

See also: unix(7), ss(8), ipc-sock-stat(1)";

/// List sockets of the runtime folder
///
/// Asks the kernel, not the servers, so that none notices. A socket whose server is
/// dead is shown as stale; the next server of that name replaces it.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Ls {
    #[command(flatten)]
    list: ListArgs<Sockets>,
}

impl Ls {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        self.list.run(context)
    }
}
