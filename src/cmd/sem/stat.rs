//! `ipc sem stat`.

use std::ffi::OsString;

use clap::Args;

use super::Semaphores;
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::listing::StatArgs;
use crate::exit::Exit;

const MORE: &str = "\
Examples:
  ipc sem stat printer
      Shows value, waiters, mode, owner and times.
  ipc sem stat --json printer builders
      The same of two semaphores, in one document.

Exit status:
  3  there is no such semaphore
  8  some of several are missing

See also: sem_overview(7), ipc-sem-ls(1)";

/// Show everything about semaphores
///
/// Needs no permission on the semaphore. What lies under the name without being
/// a semaphore is shown with a status, not refused.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Stat {
    /// Names of the semaphores
    #[arg(value_name = "NAME", required = true, add = complete::names::<Semaphores>())]
    names: Vec<OsString>,

    #[command(flatten)]
    stat: StatArgs,
}

impl Stat {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        self.stat.run::<Semaphores>(context, &self.names)
    }
}
