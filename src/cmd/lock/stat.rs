//! `ipc lock stat`.

use std::ffi::OsString;

use clap::Args;

use super::Locks;
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::listing::StatArgs;
use crate::exit::Exit;

const MORE: &str = "\
Examples:
  ipc lock stat deploy
      Shows state, holders, mode, owner and times.
  ipc lock stat --json deploy done
      The same of two locks, in one document.

Exit status:
  3  there is no such lock
  8  some of several are missing

See also: ipc-lock-ls(1)";

/// Show everything about locks
///
/// Needs no permission on the lock. What lies under the name without being
/// a lock is shown with a status, not refused.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Stat {
    /// Names of the locks
    #[arg(value_name = "NAME", required = true, add = complete::names::<Locks>())]
    names: Vec<OsString>,

    #[command(flatten)]
    stat: StatArgs,
}

impl Stat {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        self.stat.run::<Locks>(context, &self.names)
    }
}
