//! `ipc mq full`.

use std::ffi::OsString;

use clap::Args;

use super::Queues;

use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::exit::Exit;
use crate::object::mq::{Access, Queue};

const MORE: &str = "\
Examples:
  ipc mq full jobs && echo 'a sender would have to wait'

Exit status:
  0  the queue has no room
  1  it has room
  3  there is no such queue

See also: mq_overview(7), ipc-mq-empty(1), ipc-mq-send(1)";

/// Tell by the exit code whether a queue has no room for a message
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Full {
    /// Name of the queue
    #[arg(value_name = "NAME", add = complete::names::<Queues>())]
    name: OsString,
}

impl Full {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let name = context.name(&self.name)?;
        let queue = Queue::open(&name, Access::Look)?;
        super::answer(
            context,
            "full",
            queue.depth()? >= queue.geometry().max_messages,
        )
    }
}
