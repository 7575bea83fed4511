//! `ipc mq watch`.

use std::ffi::OsString;
use std::num::NonZeroU64;

use clap::Args;

use super::Queues;
use nix::sys::signal::Signal;

use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::options::Waiting;
use crate::error::{ErrorKind, Result};
use crate::exit::Exit;
use crate::object::mq::{Access, Queue};
use crate::process::arrival::Arrival;
use crate::process::blocked::Blocked;
use crate::process::spawn::Spawn;
use crate::wait::Wait;

/// By which the kernel tells of a message.
const NOTICE: Signal = Signal::SIGIO;

const MORE: &str = "\
Examples:
  ipc mq watch jobs -- sh -c 'ipc mq recv jobs --drain --newline >> log'
      Empties the queue whenever something comes.
  ipc mq watch mail -n 1 --timeout 1h -- notify-send 'you have mail'
      Tells once, or gives up after an hour.

Exit status:
  3    there is no such queue
  6    another process is registered already: it is named
  7    the queue was removed
  124  the time is over
  Else the exit code of the command, when it fails without --keep-going.

See also: mq_overview(7), mq_notify(3), ipc-mq-wait(1), ipc-mq-recv(1)";

/// Run a command when a message comes to an empty queue
///
/// By notification of the kernel, which one process at a time can have; nothing is
/// taken. The command runs at the start if there is a message, and after each
/// message that comes to the empty queue: it should take all there are, since none
/// is told of while others lie before it. The registration is renewed before the
/// queue is looked at, so that no message is missed. The name is in IPC_MQ_NAME.
///
/// The time of --timeout counts from the start and ends the wait for a message. It
/// does not end a command that runs: that runs to its end, and then the time is over.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Watch {
    /// Name of the queue
    #[arg(value_name = "NAME", add = complete::names::<Queues>())]
    name: OsString,

    /// End after the command ran this many times
    #[arg(long, short = 'n', value_name = "TIMES")]
    count: Option<NonZeroU64>,

    #[command(flatten)]
    waiting: Waiting,

    /// Go on after a command that failed
    #[arg(long)]
    keep_going: bool,

    /// The command and its arguments
    #[arg(value_name = "CMD", last = true, required = true, add = complete::commands())]
    command: Vec<OsString>,
}

impl Watch {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let deadline = self.waiting.deadline();
        let name = context.name(&self.name)?;
        let queue = Queue::open(&name, Access::Look)?;
        let blocked = Blocked::new()?;
        let arrival = Arrival::by(NOTICE)?;
        let wait = context.wait(deadline, format!("a message in queue {name}"));
        let wait = wait.letting_in(arrival.mask(blocked.former()));
        let spawn = super::spawn_for(context, &name, &self.command)?;
        let ending = self.follow(&queue, &spawn, &arrival, wait, &blocked);
        match ending {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Exit::No),
            result => result.map_err(|error| error.about(&name).into()),
        }
    }

    fn follow(
        &self,
        queue: &Queue,
        spawn: &Spawn<'_>,
        arrival: &Arrival,
        mut wait: Wait,
        blocked: &Blocked,
    ) -> Result<Exit> {
        let most = self.count.map_or(u64::MAX, NonZeroU64::get);
        let (mut ran, mut failed) = (0, false);
        loop {
            // Registered before looking: what comes after the look is told.
            queue.notify(NOTICE)?;
            if queue.depth()? > 0 {
                ran += 1;
                let ended = super::execute("mq watch", spawn, None, blocked)?;
                match ended.exit {
                    Exit::Command(0) => {}
                    // A command that cannot even start fails every time.
                    Exit::Command(_) | Exit::Signal(_) if self.keep_going => failed = true,
                    ending => return Ok(ending),
                }
                if ran < most || ended.is_by_what_came() {
                    // What came meanwhile was passed on to the command; now it is for us.
                    ended.strike();
                    blocked.check()?;
                }
            }
            if ran >= most {
                return Ok(if failed { Exit::Partly } else { Exit::Done });
            }
            arrival.wait(&mut wait, || queue.require_name())?;
        }
    }
}
