//! `ipc proc rm`.

use std::ffi::OsString;

use clap::Args;

use super::Processes;
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::removal::RemoveArgs;
use crate::exit::Exit;

const MORE: &str = "\
Examples:
  ipc proc rm job
      Removes the name of a process that has ended, and its log.
  ipc proc rm --force web
      Stops it first.
  ipc proc rm --match 'job-*' --yes
      Removes those whose names start so and that have ended.

Exit status:
  1  it runs, or something that it left; with --force too when its supervisor was
     killed and what may be of it was left alone; --match or --all found nothing
  3  there is no such process
  7  --match or --all found none but such whose record is corrupt
  8  some of several could not be removed

See also: ipc-proc-stop(1), ipc-proc-ls(1)";

/// Remove named processes
///
/// One that runs is left alone unless --force is given. A log that --log has named stays.
/// One whose record is corrupt, so that nobody can tell whether it runs, is removed by
/// its name alone; --match and --all name it and leave it.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Rm {
    /// Names of the processes
    #[arg(id = "name", value_name = "NAME", required_unless_present_any = ["patterns", "all"])]
    #[arg(add = complete::names::<Processes>())]
    names: Vec<OsString>,

    /// Stop those that run, and remove them
    #[arg(long, short)]
    force: bool,

    #[command(flatten)]
    removal: RemoveArgs,
}

impl Rm {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let (names, force) = (&self.names, self.force);
        self.removal.run_forced::<Processes>(context, names, force)
    }
}
