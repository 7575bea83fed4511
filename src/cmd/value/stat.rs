//! `ipc value stat`.

use std::ffi::OsString;

use clap::Args;

use super::Values;
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::listing::StatArgs;
use crate::exit::Exit;

const MORE: &str = "\
Examples:
  ipc value stat money
      Shows type, shape, generation, mode, owner and times.
  ipc value stat --json money | jq '.objects[0].type'
      Prints the type.

Exit status:
  3  there is no such value
  8  some of several are missing

See also: ipc-value-ls(1), ipc-value-get(1)";

/// Show everything about values
///
/// What lies under the name without being a value is shown with a status, not refused;
/// the status torn is that of a change whose writer was killed in the middle. The
/// generation moves with every change by ipc, and is missing in files that other
/// programs made.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Stat {
    /// Names of the values
    #[arg(value_name = "NAME", required = true, add = complete::names::<Values>())]
    names: Vec<OsString>,

    #[command(flatten)]
    stat: StatArgs,
}

impl Stat {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        self.stat.run::<Values>(context, &self.names)
    }
}
