//! `ipc proc join`.

use std::ffi::OsString;

use clap::Args;

use super::{Processes, document};
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::options::{Conflict, TRY_FOR_A_CODE, Waiting};
use crate::error::{Error, ErrorKind};
use crate::exit::Exit;
use crate::facts::Label;
use crate::process::ending::in_words;
use crate::process::supervise::Observer;

const MORE: &str = "\
Examples:
  ipc proc join job; echo \"it ended with $?\"
      Waits for the end of a process that any shell has started.
  ipc proc join job --timeout 10s || ipc proc stop job
      Gives it ten seconds more.

Exit status:
  The exit code of the process, 128+N when signal N ended it, and
  124  it still runs: under --try, or the time is over (or --conflict-code)
  125  ipc itself failed, there is no such process, or how it ended cannot be known

See also: ipc-proc-start(1), ipc-proc-status(1), ipc-wait(1)";

/// Wait until a named process has ended, and end with its exit code
///
/// Any number of shells may join, also after the end, as long as the name is there. A
/// process that is run again after a failure has ended when it is not run again. When its
/// supervisor was killed, how it ended is known if somebody had joined by then: the first
/// who is told by the kernel writes it down for those who come later.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
#[command(mut_arg("try_once", |option| option.help(TRY_FOR_A_CODE)))]
pub(crate) struct Join {
    /// Name of the process
    #[arg(value_name = "NAME", add = complete::names::<Processes>())]
    name: OsString,

    #[command(flatten)]
    waiting: Waiting,

    #[command(flatten)]
    conflict: Conflict,
}

impl Join {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let deadline = self.waiting.deadline();
        let name = context.name(&self.name)?;
        let mut observer = Observer::of(&name)?;
        let mut wait = context.wait(deadline, format!("process {name}"));
        let ending = match observer.wait(&mut wait) {
            Err(error) => return self.conflict.or_fail(context, error.or_about(&name)),
            Ok(ending) => ending,
        };
        if context.out.is_json() {
            let label = Label::new(context.inner(&name));
            context.out.json(&document(&label.name, ending))?;
        }
        match ending {
            // A signal too as a number: this process was not ended by it.
            Some(ending) => Ok(Exit::Command(Exit::from(ending).code())),
            None => {
                let message = format!("{}: its supervisor was killed", in_words(None));
                Err(Error::new(ErrorKind::Missing, message).about(&name).into())
            }
        }
    }
}
