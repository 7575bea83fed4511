//! `ipc event set`.

use clap::Args;
use serde_json::json;

use super::Target;
use crate::cmd::context::Context;
use crate::exit::Exit;
use crate::facts::Label;

const MORE: &str = "\
Examples:
  ipc event set ready
      Lets all go on that wait for ready, now and later.

Exit status:
  5  permission denied
  7  not an event

See also: ipc-event-wait(1)";

/// Set an event: all who wait go on, and those who come later do not wait
///
/// The event is made when it is missing. It stays set until it is cleared.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Set {
    #[command(flatten)]
    target: Target,
}

impl Set {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let (name, event) = self.target.open(context)?;
        let was_set = event.set();
        if context.out.is_json() {
            let label = Label::new(context.inner(&name));
            context
                .out
                .json(&json!({ "name": label.name, "set": true, "was_set": was_set }))?;
        }
        Ok(Exit::Done)
    }
}
