//! `ipc proc stat`.

use std::ffi::OsString;

use clap::Args;

use super::Processes;
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::listing::StatArgs;
use crate::exit::Exit;

const MORE: &str = "\
Examples:
  ipc proc stat web
      Shows state, pids, command, log and options.
  ipc proc stat --json web db
      The same of two processes, in one document.

Exit status:
  3  there is no such process
  8  some of several are missing

See also: ipc-proc-status(1), ipc-proc-ls(1)";

/// Show everything about named processes
///
/// A record that is corrupt is shown with a status, not refused.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Stat {
    /// Names of the processes
    #[arg(value_name = "NAME", required = true, add = complete::names::<Processes>())]
    names: Vec<OsString>,

    #[command(flatten)]
    stat: StatArgs,
}

impl Stat {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        self.stat.run::<Processes>(context, &self.names)
    }
}
