//! `ipc mq create`.

use std::ffi::OsString;

use clap::Args;
use serde_json::json;

use super::NewGeometry;
use crate::cmd::context::Context;
use crate::cmd::options::Creation;
use crate::error::Result;
use crate::exit::Exit;
use crate::name::Name;
use crate::object::mq::{Access, Queue};

const MORE: &str = "\
Examples:
  ipc mq create jobs
      Makes a queue with the system's usual limits (10 messages of 8 KiB).
  ipc mq create mail --max-messages 4 --max-size 1K --mode 0620
      Makes a small queue that the group may send to.

Exit status:
  4  the queue exists, or under --if-exists open has another geometry
  6  a limit: the message names it, its value and what was asked

See also: mq_overview(7), mq_open(3), ipc-mq-send(1), ipc-mq-recv(1)";

/// Create a message queue
///
/// A queue takes its full size out of RLIMIT_MSGQUEUE of its user at once: by
/// default there is room for about nine queues of the usual geometry.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Create {
    /// Name of the new queue
    #[arg(value_name = "NAME")]
    name: OsString,

    #[command(flatten)]
    geometry: NewGeometry,

    #[command(flatten)]
    creation: Creation,
}

impl Create {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let name = context.name(&self.name)?;
        let geometry = self.geometry.complete();
        let outcome = self.creation.if_exists.apply(
            || Queue::create(&name, geometry, self.creation.mode.mode).map(drop),
            || self.check_existing(&name),
            || Queue::unlink(&name),
        )?;
        let exit = outcome.print(context, "mq", &name, || {
            let present = Queue::open(&name, Access::Look);
            let present = present.map_or(geometry, |queue| queue.geometry());
            Ok(json!({
                "max_messages": present.max_messages, "max_size": present.max_size,
            }))
        })?;
        Ok(exit)
    }

    fn check_existing(&self, name: &Name) -> Result<()> {
        let present = Queue::open(name, Access::Look)?.geometry();
        self.geometry.require(present, name)
    }
}
