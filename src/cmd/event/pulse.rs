//! `ipc event pulse`.

use clap::Args;
use serde_json::json;

use super::Target;
use crate::cmd::context::Context;
use crate::exit::Exit;
use crate::facts::Label;

const MORE: &str = "\
Examples:
  ipc event pulse tick
      Lets all go on that wait for tick now.

Exit status:
  5  permission denied
  7  not an event

See also: ipc-event-wait(1)";

/// Let all go on who wait for an event at this moment
///
/// The event is made when it is missing. Nothing changes for those who come later. A
/// waiter that was there before the pulse always sees it, however short it is.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Pulse {
    #[command(flatten)]
    target: Target,
}

impl Pulse {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let (name, event) = self.target.open(context)?;
        event.pulse();
        if context.out.is_json() {
            let label = Label::new(context.inner(&name));
            context
                .out
                .json(&json!({ "name": label.name, "set": event.state().set }))?;
        }
        Ok(Exit::Done)
    }
}
