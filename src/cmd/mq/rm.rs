//! `ipc mq rm`.

use std::ffi::OsString;

use clap::Args;

use super::Queues;

use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::removal::RemoveArgs;
use crate::exit::Exit;

const MORE: &str = "\
Examples:
  ipc mq rm jobs mail
      Removes two queues.
  ipc mq rm --match 'job-*' --yes
      Removes your queues whose names start so.

Exit status:
  1  --match or --all found nothing of yours
  3  there is no such queue
  8  some of several could not be removed

See also: mq_overview(7), mq_unlink(3), ipc-mq-ls(1)";

/// Remove queues
///
/// The messages in it are gone. Programs that have the queue open keep it until they
/// end; an ipc that waits for it ends with exit code 7.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Rm {
    /// Names of the queues
    #[arg(id = "name", value_name = "NAME", required_unless_present_any = ["patterns", "all"])]
    #[arg(add = complete::names::<Queues>())]
    names: Vec<OsString>,

    #[command(flatten)]
    removal: RemoveArgs,
}

impl Rm {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        self.removal.run::<Queues>(context, &self.names)
    }
}
