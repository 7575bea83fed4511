//! `ipc value ls`.

use clap::Args;

use super::Values;
use crate::cmd::context::Context;
use crate::cmd::listing::ListArgs;
use crate::exit::Exit;

const MORE: &str = "\
Examples:
  ipc value ls
      Shows all values.
  ipc value ls 'job-*' --columns name,value --no-headings
      Shows two columns, for a script.
  ipc value ls --json | jq '.objects[].name'
      Prints the names.

See also: ipc-value-stat(1), ipc-shm-ls(1)";

/// List values
///
/// They are the files of numpy's format without dimensions; ipc array ls shows
/// the others, and those that cannot be read or used. Each is a file in
/// shared memory, so ipc shm ls shows it too.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Ls {
    #[command(flatten)]
    list: ListArgs<Values>,
}

impl Ls {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        self.list.run(context)
    }
}
