//! `ipc mq move`.

use std::ffi::OsString;
use std::num::NonZeroU64;

use clap::Args;
use serde_json::json;

use super::put_back::put_back;
use super::{OrCreate, Queues};
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::options::Waiting;
use crate::error::{Error, ErrorKind, Result};
use crate::exit::Exit;
use crate::facts::Label;
use crate::name::Name;
use crate::object::mq::{Access, Queue};
use crate::process::blocked::Blocked;
use crate::runtime;
use crate::wait::Wait;

const MORE: &str = "\
Examples:
  ipc mq move jobs jobs-large --create --max-size 8K
      Moves all messages to a queue with another geometry.
  ipc mq move retry jobs -n 1
      Moves the first message.

Exit status:
  1    under --try: the other queue is full
  2    IPC_RUNTIME_DIR is a relative path: nothing was taken
  3    there is no such queue
  4    under --create: the other queue has another geometry
  5    the runtime folder is not yours alone: nothing was taken
  6    a message is longer than the other queue takes: it went back
  124  the time is over, the other queue was full

See also: mq_overview(7), ipc-mq-create(1)";

/// Move messages from one queue to another, with their priorities
///
/// Ends when the first queue is empty. Where the other is full it waits for room.
/// A message that the other does not take goes back to the tail of its priority. If
/// it cannot go back it is saved in the runtime folder and the file is named.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Move {
    /// Name of the queue to take from
    #[arg(value_name = "SOURCE", add = complete::names::<Queues>())]
    source: OsString,

    /// Name of the queue to send to
    #[arg(value_name = "DESTINATION", add = complete::names::<Queues>())]
    destination: OsString,

    /// Move at most this many messages
    #[arg(long, short = 'n', value_name = "MESSAGES")]
    count: Option<NonZeroU64>,

    #[command(flatten)]
    waiting: Waiting,

    #[command(flatten)]
    or_create: OrCreate,
}

impl Move {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let deadline = self.waiting.deadline();
        let (from, to) = (
            context.name(&self.source)?,
            context.name(&self.destination)?,
        );
        if from == to {
            return Err(
                Error::new(ErrorKind::Usage, "source and destination are the same")
                    .about(from)
                    .into(),
            );
        }
        runtime::require_usable()?;
        let source = Queue::open(&from, Access::Receive)?;
        let destination = self.or_create.open(&to, Access::Send)?;
        let blocked = Blocked::new()?;
        let mut wait = context
            .wait(deadline, format!("room in queue {to}"))
            .letting_in(blocked.former());
        // There is a message in hand while it waits.
        wait.stop_on_signals()?;
        let most = self.count.map_or(u64::MAX, NonZeroU64::get);
        let (moved, result) = transfer((&source, &from), &destination, most, &mut wait, &blocked);
        if context.out.is_json() {
            let (source, destination) = (
                Label::new(context.inner(&from)),
                Label::new(context.inner(&to)),
            );
            let document =
                json!({ "source": source.name, "destination": destination.name, "moved": moved });
            context.out.json(&document)?;
        }
        match result {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Exit::No),
            result => result
                .map(|()| Exit::Done)
                .map_err(|error| error.about(&to).into()),
        }
    }
}

/// Moves up to `most` messages; says how many it did, and what ended it.
fn transfer(
    (source, from): (&Queue, &Name),
    destination: &Queue,
    most: u64,
    wait: &mut Wait,
    blocked: &Blocked,
) -> (u64, Result<()>) {
    let mut buffer = vec![0; source.geometry().max_size];
    for moved in 0..most {
        if let Err(error) = blocked.check() {
            return (moved, Err(error));
        }
        let (priority, length) = match source.try_receive(&mut buffer) {
            Ok(Some(taken)) => taken,
            Ok(None) => return (moved, Ok(())),
            Err(error) => return (moved, Err(error)),
        };
        let message = &buffer[..length];
        if let Err(error) = destination.send(priority, message, wait) {
            put_back("mq move", source, from, priority, message);
            return (moved, Err(error));
        }
    }
    (most, Ok(()))
}
