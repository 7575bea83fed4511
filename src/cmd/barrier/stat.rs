//! `ipc barrier stat`.

use std::ffi::OsString;

use clap::Args;

use super::Barriers;
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::listing::StatArgs;
use crate::exit::Exit;

const MORE: &str = "\
Examples:
  ipc barrier stat start
      Shows parties, arrivals, mode, owner and times.
  ipc barrier stat --json start done
      The same of two barriers, in one document.

Exit status:
  3  there is no such barrier
  8  some of several are missing

See also: ipc-barrier-ls(1)";

/// Show everything about barriers
///
/// Needs no permission on the barrier. What lies under the name without being
/// a barrier is shown with a status, not refused.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Stat {
    /// Names of the barriers
    #[arg(value_name = "NAME", required = true, add = complete::names::<Barriers>())]
    names: Vec<OsString>,

    #[command(flatten)]
    stat: StatArgs,
}

impl Stat {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        self.stat.run::<Barriers>(context, &self.names)
    }
}
