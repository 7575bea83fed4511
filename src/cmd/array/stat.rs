//! `ipc array stat`.

use std::ffi::OsString;

use clap::Args;

use super::Arrays;
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::listing::StatArgs;
use crate::exit::Exit;

const MORE: &str = "\
Examples:
  ipc array stat rates
      Shows type, shape, generation, mode, owner and times.
  ipc array stat --json rates | jq '.objects[0].type'
      Prints the type.

Exit status:
  3  there is no such array
  8  some of several are missing

See also: ipc-array-ls(1), ipc-array-get(1)";

/// Show everything about arrays
///
/// What lies under the name without being an array is shown with a status, not refused;
/// the status torn is that of a change whose writer was killed in the middle. The
/// generation moves with every change by ipc, and is missing in files that other
/// programs made.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Stat {
    /// Names of the arrays
    #[arg(value_name = "NAME", required = true, add = complete::names::<Arrays>())]
    names: Vec<OsString>,

    #[command(flatten)]
    stat: StatArgs,
}

impl Stat {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        self.stat.run::<Arrays>(context, &self.names)
    }
}
