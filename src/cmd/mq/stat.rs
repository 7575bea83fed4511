//! `ipc mq stat`.

use std::ffi::OsString;

use clap::Args;

use super::Queues;
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::listing::StatArgs;
use crate::exit::Exit;

const MORE: &str = "\
Examples:
  ipc mq stat jobs
      Shows messages, limits, registration, mode, owner and times.
  ipc mq stat --json jobs mail
      The same of two queues, in one document.

Exit status:
  3  there is no such queue
  8  some of several are missing

See also: mq_overview(7), ipc-mq-ls(1)";

/// Show everything about queues
///
/// How many messages of how many, their bytes, what the queue takes out of
/// RLIMIT_MSGQUEUE, and who is registered for notification. Needs read
/// permission on the queue, but no mounted mqueue file system.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Stat {
    /// Names of the queues
    #[arg(value_name = "NAME", required = true, add = complete::names::<Queues>())]
    names: Vec<OsString>,

    #[command(flatten)]
    stat: StatArgs,
}

impl Stat {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        self.stat.run::<Queues>(context, &self.names)
    }
}
