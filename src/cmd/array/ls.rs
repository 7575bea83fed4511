//! `ipc array ls`.

use clap::Args;

use super::Arrays;
use crate::cmd::context::Context;
use crate::cmd::listing::ListArgs;
use crate::exit::Exit;

const MORE: &str = "\
Examples:
  ipc array ls
      Shows all arrays.
  ipc array ls 'job-*' --columns name,shape --no-headings
      Shows two columns, for a script.
  ipc array ls --json | jq '.objects[].name'
      Prints the names.

See also: ipc-array-stat(1), ipc-shm-ls(1)";

/// List arrays
///
/// Files that start as a .npy file and cannot be used, and files that cannot be
/// read, may be arrays: they are shown with a status. ipc value ls shows the arrays
/// without dimensions. Each is a file in
/// shared memory, so ipc shm ls shows it too.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Ls {
    #[command(flatten)]
    list: ListArgs<Arrays>,
}

impl Ls {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        self.list.run(context)
    }
}
