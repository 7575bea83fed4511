//! `ipc sem run`.

use std::ffi::OsString;

use clap::Args;

use super::{Semaphores, open_or_create};
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::options::{Conflict, NewMode, TRY_FOR_A_CODE, Waiting};
use crate::exit::Exit;
use crate::object::sem::MAX_VALUE;
use crate::process::blocked::Blocked;

const MORE: &str = "\
Examples:
  ipc sem run builders -- make
      Takes a unit, runs make, gives the unit back.
  ipc sem run printer --create=1 --timeout 1m -- lpr page
      The same with a semaphore that is made when it is missing.

Exit status:
  The exit code of the command, 128+N when signal N ended it, and
  124       busy under --try, or the time is over (or --conflict-code)
  125       ipc itself failed
  126, 127  the command cannot be executed, is not found

See also: sem_overview(7), ipc-sem-acquire(1), ipc-lock-run(1)";

/// Run a command that has a unit of a semaphore
///
/// The unit goes back when the command ends, however it ends. Signals that would end
/// ipc are passed on to the command, and its end decides: a command that handles one
/// and exits has its exit code, and ipc dies of a signal only when the command did.
/// SIGKILL of ipc ends the command too, and the unit is lost, as it must be with a
/// plain POSIX semaphore: ipc lock run --slots gives slots that come back by themselves.
///
/// SIGTSTP and SIGSTOP stop ipc alone, unless they come from the terminal, which stops
/// both; SIGPIPE is the command's own affair.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
#[command(mut_arg("try_once", |option| option.help(TRY_FOR_A_CODE)))]
pub(crate) struct Run {
    /// Name of the semaphore
    #[arg(value_name = "NAME", add = complete::names::<Semaphores>())]
    name: OsString,

    /// Take this many units
    #[arg(long, short = 'n', value_name = "UNITS", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_VALUE)))]
    count: u32,

    #[command(flatten)]
    waiting: Waiting,

    #[command(flatten)]
    conflict: Conflict,

    /// Make the semaphore if it is missing, with VALUE units (1 if not given)
    #[arg(long, value_name = "VALUE", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "1")]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=i64::from(MAX_VALUE)))]
    create: Option<u32>,

    #[command(flatten)]
    mode: NewMode,

    /// The command and its arguments
    #[arg(value_name = "CMD", last = true, required = true)]
    command: Vec<OsString>,
}

impl Run {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let deadline = self.waiting.deadline();
        let name = context.name(&self.name)?;
        let semaphore = open_or_create(&name, self.create, self.mode.mode)?;
        let mut wait = context.wait(deadline, format!("semaphore {name}"));
        // A unit that was taken must not be lost on the way to the command: a
        // signal is noted, and strikes when there is nothing to give back.
        wait.stop_on_signals()?;
        if let Err(error) = semaphore.acquire(self.count, &mut wait) {
            return self.conflict.or_fail(context, error.about(&name));
        }
        let blocked = Blocked::new()?;
        if let Err(interrupted) = wait.interrupted() {
            semaphore.release(self.count)?;
            return Err(interrupted.into());
        }
        // Its handlers would swallow what strikes after the command.
        drop(wait);
        let spawn = context.spawn(&self.command)?.dying_with_us();
        let ending = spawn.run(None, &blocked);
        semaphore
            .release(self.count)
            .map_err(|error| error.about(&name))?;
        // A signal that came was for the command: how that ended is the answer.
        context.explain_start(&spawn.name(), ending?.exit)
    }
}
