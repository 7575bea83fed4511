//! `ipc proc stop`.

use std::ffi::OsString;
use std::time::Duration;

use clap::Args;

use super::{Processes, document};
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::deadline::parse_span;
use crate::exit::Exit;
use crate::facts::Label;
use crate::process::ending::in_words;
use crate::process::signal::Signal;
use crate::process::supervise::Named;

const MORE: &str = "\
Examples:
  ipc proc stop web
      Asks it to end, and kills it ten seconds later if it has not.
  ipc proc stop web db --signal INT --after 1m
      Asks two with SIGINT and leaves each a minute.
  ipc proc stop web --after 0
      Kills it.

Exit status:
  3  there is no such process
  5  it belongs to another user by now
  6  it was started in another pid namespace, or the request cannot be written
  7  its record is corrupt, or was replaced by a file that its supervisor does not read
  8  some of several could not be stopped, or what may be of it was left alone

See also: ipc-proc-start(1), ipc-proc-rm(1), ipc-kill(1)";

/// Stop named processes, and what they have left
///
/// The command and everything that it left is sent a signal, and SIGKILL when the time is
/// over. Returns when nothing is left, and says how the command ended. The name stays,
/// with the exit code. One that has ended already is no error.
///
/// When its supervisor was killed, this command does its work: it ends the command, if
/// that lives on, and what came from it, as far as that has kept IPC_PROC_SUPERVISOR in
/// its environment or has a parent that has. What is only in the session of the command
/// is named and left alone. How the command ended is written down, where it can be known.
///
/// Several stops at once do not disturb each other: the signal of each is sent, and of
/// their deadlines the earliest counts.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Stop {
    /// Names of the processes
    #[arg(value_name = "NAME", required = true, add = complete::names::<Processes>())]
    names: Vec<OsString>,

    /// The signal that asks them to end, by name or number
    #[arg(long, short, value_name = "SIG", default_value = "TERM", value_parser = str::parse::<Signal>)]
    #[arg(add = complete::signals())]
    signal: Signal,

    /// Kill what has not ended DURATION later; without it as said at the start, or 10s
    #[arg(long, value_name = "DURATION", value_parser = parse_span)]
    after: Option<Duration>,
}

impl Stop {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let mut has_left = false;
        let stopped = context.each(&self.names, |context, raw| {
            let name = context.name(raw)?;
            let stopped = Named::open(&name)?.stop(self.signal, self.after)?;
            if let Some(error) = stopped.refusal() {
                context.report(&error.about(&name).into());
                has_left = true;
            }
            let ending = stopped.ending;
            if context.out.is_json() {
                let label = Label::new(context.inner(&name));
                return context.out.json(&document(&label.name, ending));
            }
            context.out.say(format_args!("{name} {}", in_words(ending)));
            Ok(())
        });
        Ok(if has_left {
            stopped.and(Exit::Partly)
        } else {
            stopped
        })
    }
}
