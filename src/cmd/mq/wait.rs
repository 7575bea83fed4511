//! `ipc mq wait`.

use std::ffi::OsString;

use clap::Args;

use super::Queues;

use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::options::Waiting;
use crate::error::ErrorKind;
use crate::exit::Exit;
use crate::object::mq::{Access, Queue};

const MORE: &str = "\
Examples:
  ipc mq wait jobs --timeout 1m && echo 'there is work'
      Waits for a message and leaves it there.

Exit status:
  1    under --try: the queue is empty
  3    there is no such queue
  7    the queue was removed while waiting
  124  the time is over

See also: mq_overview(7), ipc-mq-recv(1), ipc-mq-watch(1)";

/// Wait until a queue has a message, and take nothing
///
/// Any number of processes may wait; all go on. Another may take the message first.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Wait {
    /// Name of the queue
    #[arg(value_name = "NAME", add = complete::names::<Queues>())]
    name: OsString,

    #[command(flatten)]
    waiting: Waiting,
}

impl Wait {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let deadline = self.waiting.deadline();
        let name = context.name(&self.name)?;
        let queue = Queue::open(&name, Access::Look)?;
        let mut wait = context.wait(deadline, format!("a message in queue {name}"));
        match queue.wait_for_message(&mut wait) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Exit::No),
            result => result
                .map(|()| Exit::Done)
                .map_err(|error| error.about(&name).into()),
        }
    }
}
