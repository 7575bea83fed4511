//! `ipc event clear`.

use clap::Args;
use serde_json::json;

use super::Target;
use crate::cmd::context::Context;
use crate::exit::Exit;
use crate::facts::Label;

const MORE: &str = "\
Examples:
  ipc event clear ready
      From now on ready has to be waited for.

Exit status:
  5  permission denied
  7  not an event

See also: ipc-event-wait(1)";

/// Clear an event: those who come later wait
///
/// The event is made when it is missing. Those whom it let go on are not called back.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Clear {
    #[command(flatten)]
    target: Target,
}

impl Clear {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let (name, event) = self.target.open(context)?;
        let was_set = event.clear();
        if context.out.is_json() {
            let label = Label::new(context.inner(&name));
            context
                .out
                .json(&json!({ "name": label.name, "set": false, "was_set": was_set }))?;
        }
        Ok(Exit::Done)
    }
}
