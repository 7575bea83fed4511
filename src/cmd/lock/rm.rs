//! `ipc lock rm`.

use std::ffi::OsString;

use clap::Args;

use super::Locks;
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::removal::RemoveArgs;
use crate::exit::Exit;

const MORE: &str = "\
Examples:
  ipc lock rm deploy done
      Removes two locks.
  ipc lock rm --match 'job-*' --yes
      Removes your locks whose names start so.

Exit status:
  1  it is held, or --match or --all found nothing of yours
  3  there is no such lock
  8  some of several could not be removed

See also: ipc-lock-ls(1)";

/// Remove locks
///
/// One that is held is left alone unless --force is given. Those who wait for it end
/// with exit code 7.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Rm {
    /// Names of the locks
    #[arg(id = "name", value_name = "NAME", required_unless_present_any = ["patterns", "all"])]
    #[arg(add = complete::names::<Locks>())]
    names: Vec<OsString>,

    /// Remove also what is held
    #[arg(long, short)]
    force: bool,

    #[command(flatten)]
    removal: RemoveArgs,
}

impl Rm {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let (names, force) = (&self.names, self.force);
        self.removal.run_forced::<Locks>(context, names, force)
    }
}
