//! `ipc mq recv`.

use std::ffi::OsString;
use std::num::NonZeroU64;
use std::os::unix::ffi::OsStrExt;

use clap::Args;

use super::amount::Amount;
use super::delivery::{Delivery, Form};
use super::execution;
use super::{OrCreate, Queues};
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::options::Waiting;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escaped;
use crate::exit::Exit;
use crate::facts::Label;
use crate::object::mq::Access;
use crate::process::blocked::Blocked;
use crate::runtime;

const MORE: &str = "\
Examples:
  job=$(ipc mq recv jobs --timeout 10s) || exit
      Takes one message, or gives up with exit code 124.
  ipc mq recv jobs --follow --newline | while read -r job; do work \"$job\"; done
      Takes messages as they come, a line each.
  ipc mq recv mail --drain --null > all
      Takes what is there and ends.
  ipc mq recv jobs --follow --exec -- ./handle --fast
      Runs a command for each message, with the message on its standard input.

Exit status:
  1    under --try: there were not enough messages
  2    IPC_RUNTIME_DIR is a relative path: nothing was taken
  3    there is no such queue, and --create was not given
  4    under --create: the queue has another geometry
  5    the runtime folder is not yours alone: nothing was taken
  6    standard output cannot take the message: it stays in the queue
  7    the queue was removed while waiting
  8    under --keep-going: some commands failed
  124  the time is over
  With --exec also the exit code of the command that failed, or 126 or 127 when
  it could not be executed or was not found.

See also: mq_overview(7), mq_receive(3), ipc-mq-send(1), ipc-mq-watch(1)";

/// Take messages from a queue, waiting for them
///
/// The oldest message of the highest priority comes first. Bytes come out as they
/// were sent, and nothing is put between messages unless --newline, --null or --json
/// says so; on a terminal control bytes are escaped and each message has its line.
///
/// No message is taken while standard output is known to be bad, and one that could
/// not be written goes back to the tail of its priority. If it cannot go back it is
/// saved in the runtime folder and the file is named: without a usable one nothing is
/// taken. If that fails later it is saved in $TMPDIR or /tmp. What lies in a pipe counts as
/// delivered, whether its reader reads it or not. Signals that end a process wait
/// until no message is in hand; where output is stuck, those in hand go back. SIGKILL
/// does not wait: a message that ipc had taken is lost then, so delivery is at most once.
///
/// The time of --timeout counts from the start and ends the wait for a message. It
/// does not end a CMD that runs: what CMD takes is counted, and the next wait is shorter.
#[derive(Debug, Args)]
#[command(override_usage = "ipc mq recv [OPTIONS] <NAME> [--exec <CMD>...]")]
#[command(after_long_help = MORE)]
pub(crate) struct Recv {
    /// Name of the queue
    #[arg(value_name = "NAME", add = complete::names::<Queues>())]
    name: OsString,

    /// Take this many messages
    #[arg(long, short = 'n', value_name = "MESSAGES", conflicts_with_all = ["follow", "drain"])]
    count: Option<NonZeroU64>,

    /// Take messages for ever
    #[arg(long, conflicts_with = "drain")]
    follow: bool,

    /// Take what is there and end; an empty queue is fine
    #[arg(long, conflicts_with_all = ["timeout", "try_once"])]
    drain: bool,

    /// Put a line end after each message
    #[arg(long, conflicts_with = "null")]
    newline: bool,

    /// Put a NUL byte after each message
    #[arg(long, short = '0')]
    null: bool,

    #[command(flatten)]
    waiting: Waiting,

    /// Run CMD for each message, with the message on its standard input
    ///
    /// The last option: all words after it are the command and its arguments. A CMD
    /// that starts with a hyphen stands after --. The priority is in IPC_MQ_PRIORITY
    /// and the name in IPC_MQ_NAME. When CMD fails, the message goes back to the tail
    /// of its priority and ipc ends with the exit code of CMD. A CMD that is not there
    /// or cannot be executed is refused before a message is taken.
    #[arg(long, value_name = "CMD", num_args = 1.., allow_hyphen_values = true)]
    #[arg(add = complete::commands())]
    #[arg(conflicts_with_all = ["newline", "null"])]
    exec: Option<Vec<OsString>>,

    /// Go on after a CMD that failed; its message goes back when ipc ends
    ///
    /// A CMD that cannot even be started ends ipc all the same.
    #[arg(long, requires = "exec")]
    keep_going: bool,

    #[command(flatten)]
    or_create: OrCreate,

    /// The command and its arguments, after --exec
    #[arg(value_name = "CMD", last = true, hide = true, requires = "exec", add = complete::commands())]
    command: Vec<OsString>,
}

impl Recv {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let deadline = self.waiting.deadline();
        let name = context.name(&self.name)?;
        let command = self.command()?;
        let spawn = match &command {
            Some(command) => {
                let spawn = super::spawn_for(context, &name, command)?;
                // Better told before a message is taken than after it.
                if let Some(ending) = spawn.obstacle() {
                    return context.explain_start(&spawn.name(), ending);
                }
                Some(spawn)
            }
            None => None,
        };
        // For what can neither be delivered nor go back.
        runtime::require_usable()?;
        let queue = self.or_create.open(&name, Access::Receive)?;
        let blocked = Blocked::new()?;
        let wait = context.wait(deadline, format!("a message in queue {name}"));
        let wait = wait.letting_in(blocked.former());
        let amount = self.amount();
        if let Some(spawn) = spawn {
            let task = execution::Task {
                queue: &queue,
                name: &name,
                spawn,
                keep_going: self.keep_going,
                blocked: &blocked,
            };
            return Ok(task.run(amount, wait)?);
        }
        let form = self.form(context);
        let label = Label::new(context.inner(&name));
        let from = (&queue, &name);
        let mut delivery = Delivery::new(from, label, form, &mut context.out, &blocked);
        let ending = delivery.run(amount, wait)?;
        Ok(ending)
    }

    /// The command and its arguments, from before and after `--`.
    fn command(&self) -> Result<Option<Vec<OsString>>> {
        let Some(exec) = &self.exec else {
            return Ok(None);
        };
        let refused =
            |message: String| Error::new(ErrorKind::Usage, message).hint("--exec -- CMD ARGUMENT…");
        // An option that takes words with hyphens takes the -- as well.
        let exec = match exec.split_first() {
            Some((first, rest)) if first == "--" => rest,
            // More likely an option of ours than a program.
            Some((first, _)) if first.as_bytes().starts_with(b"-") => {
                return Err(refused(format!(
                    "all words after --exec are the command, and '{}' looks like an option: \
                     those of ipc stand before --exec",
                    escaped(first.as_bytes())
                )));
            }
            _ => exec.as_slice(),
        };
        let command = [exec, self.command.as_slice()].concat();
        if command.is_empty() {
            return Err(refused("--exec needs a command to run".to_owned()));
        }
        Ok(Some(command))
    }

    fn amount(&self) -> Amount {
        match self.count {
            _ if self.follow => Amount::Follow,
            _ if self.drain => Amount::Drain,
            Some(count) => Amount::Count(count.get()),
            None => Amount::Count(1),
        }
    }

    fn form(&self, context: &Context) -> Form {
        match () {
            () if context.out.is_json() => Form::Json,
            () if self.null => Form::Separated(0),
            () if context.out.is_terminal() => Form::Terminal,
            () if self.newline => Form::Separated(b'\n'),
            () => Form::Raw,
        }
    }
}
