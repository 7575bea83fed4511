//! `ipc event status`.

use std::ffi::OsString;

use clap::Args;
use serde_json::json;

use super::Events;
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::exit::Exit;
use crate::facts::Label;
use crate::shared::event::Event;

const MORE: &str = "\
Examples:
  ipc event status ready
      Prints set or clear.
  ipc event wait ready --try && echo 'it is set'
      Asks by the exit code.

Exit status:
  3  there is no such event
  7  not an event

See also: ipc-event-wait(1), ipc-event-stat(1)";

/// Print whether an event is set
///
/// Needs read permission alone, and never makes the event.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Status {
    /// Name of the event
    #[arg(value_name = "NAME", add = complete::names::<Events>())]
    name: OsString,
}

impl Status {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let name = context.name(&self.name)?;
        let state = Event::look(&name)?.state();
        if context.out.is_json() {
            let label = Label::new(context.inner(&name));
            context
                .out
                .json(&json!({ "name": label.name, "set": state.set, "count": state.count }))?;
        } else {
            context.out.line(if state.set { "set" } else { "clear" })?;
        }
        Ok(Exit::Done)
    }
}
