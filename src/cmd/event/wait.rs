//! `ipc event wait`.

use clap::Args;
use serde_json::json;

use super::Target;
use crate::cmd::context::Context;
use crate::cmd::options::Waiting;
use crate::error::ErrorKind;
use crate::exit::Exit;
use crate::facts::Label;
use crate::process::identity::Process;
use crate::process::target::parse_number;

const MORE: &str = "\
Examples:
  ipc event wait ready --timeout 30s
      Waits until ready is set or pulsed, or gives up with exit code 124.
  server & ipc event wait ready --or-exit $! || echo 'the server did not start'
      Does not wait for a server that has ended.

Exit status:
  1    under --try: the event is not set
  3    the process of --or-exit ended first, or there is none
  7    not an event, or removed while waiting
  124  the time is over

See also: ipc-event-set(1), ipc-event-pulse(1)";

/// Wait until an event is set or pulsed
///
/// The event is made when it is missing, so that it does not matter who is first. Any
/// number of processes may wait. One that was there before a pulse always sees it.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Wait {
    #[command(flatten)]
    target: Target,

    /// Give up with exit code 3 when this process ends first
    #[arg(long, value_name = "PID", value_parser = parse_number)]
    or_exit: Option<i32>,

    #[command(flatten)]
    waiting: Waiting,
}

impl Wait {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let deadline = self.waiting.deadline();
        let (name, event) = self.target.open(context)?;
        let process = self.or_exit.map(Process::open);
        // An event that is set counts even when the process has ended already.
        let process = match process {
            Some(Err(_)) if event.state().set => None,
            other => other.transpose()?,
        };
        let mut wait = context.wait(deadline, format!("event {name}"));
        match event.wait(process, &mut wait) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Exit::No),
            result => result.map_err(|error| error.about(&name))?,
        }
        if context.out.is_json() {
            let label = Label::new(context.inner(&name));
            let state = event.state();
            context
                .out
                .json(&json!({ "name": label.name, "set": state.set, "count": state.count }))?;
        }
        Ok(Exit::Done)
    }
}
