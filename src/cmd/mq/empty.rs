//! `ipc mq empty`.

use std::ffi::OsString;

use clap::Args;

use super::Queues;

use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::exit::Exit;
use crate::object::mq::{Access, Queue};

const MORE: &str = "\
Examples:
  until ipc mq empty jobs; do ipc mq recv jobs --exec ./work; done
      Works until nothing is left.

Exit status:
  0  the queue has no message
  1  it has one
  3  there is no such queue

See also: mq_overview(7), ipc-mq-full(1), ipc-mq-wait(1)";

/// Tell by the exit code whether a queue has no message
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Empty {
    /// Name of the queue
    #[arg(value_name = "NAME", add = complete::names::<Queues>())]
    name: OsString,
}

impl Empty {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let name = context.name(&self.name)?;
        let queue = Queue::open(&name, Access::Look)?;
        super::answer(context, "empty", queue.depth()? == 0)
    }
}
