//! `ipc shm stat`.

use std::ffi::OsString;

use clap::Args;

use super::Segments;
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::listing::StatArgs;
use crate::exit::Exit;

const MORE: &str = "\
Examples:
  ipc shm stat frame
      Shows size, memory in use, mode, owner and times.
  ipc shm stat --json frame table
      The same of two segments, in one document.

Exit status:
  3  there is no such segment
  8  some of several are missing

See also: shm_overview(7), ipc-shm-ls(1)";

/// Show everything about segments
///
/// Needs no permission on the segment. What lies under the name without being
/// a segment is shown with a status, not refused.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Stat {
    /// Names of the segments
    #[arg(value_name = "NAME", required = true, add = complete::names::<Segments>())]
    names: Vec<OsString>,

    #[command(flatten)]
    stat: StatArgs,
}

impl Stat {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        self.stat.run::<Segments>(context, &self.names)
    }
}
