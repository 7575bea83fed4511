//! `ipc event create`.

use std::ffi::OsString;

use clap::Args;
use serde_json::Value;

use crate::cmd::context::Context;
use crate::cmd::options::Creation;
use crate::exit::Exit;
use crate::shared::event::Event;

const MORE: &str = "\
Examples:
  ipc event create ready --mode 0660
      Makes an event that the group may set and wait for.

Exit status:
  4  the event exists
  7  under --if-exists: what exists is no event

See also: ipc-event-set(1), ipc-event-wait(1)";

/// Create an event that is not set
///
/// There is seldom a need: set, clear, pulse and wait make the event when it is missing.
/// Those who wait for one that is replaced end with exit code 7.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Create {
    /// Name of the new event
    #[arg(value_name = "NAME")]
    name: OsString,

    #[command(flatten)]
    creation: Creation,
}

impl Create {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let name = context.name(&self.name)?;
        let outcome = self.creation.if_exists.apply(
            || Event::create(&name, self.creation.mode.mode),
            || Event::look(&name).map(drop),
            // What is no event is left alone.
            || Event::look(&name).and_then(|_| Event::unlink(&name)),
        )?;
        let exit = outcome.print(context, "event", &name, || Ok(Value::Null))?;
        Ok(exit)
    }
}
