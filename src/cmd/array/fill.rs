//! `ipc array fill`.

use std::ffi::OsString;

use clap::Args;
use serde_json::json;

use super::Target;
use crate::backing::Access;
use crate::cmd::context::{Context, bytes};
use crate::cmd::element::{answered, operand};
use crate::cmd::options::Waiting;
use crate::error::Result;
use crate::exit::Exit;
use crate::facts::Label;

const MORE: &str = "\
Examples:
  ipc array fill hits 0
      Puts zero into every element.
  ipc array fill grid -inf --timeout 2s
      Gives up when another writer does not come to an end.

Exit status:
  1    under --try: another writer is at work on it
  2    the value does not fit the type
  3    there is no such array
  7    no array
  124  the time is over

See also: ipc-array-set(1), ipc-array-create(1)";

/// Put one value into all elements of an array
///
/// They are written in the turn of one writer: ipc array get --consistent sees all of
/// them or none. An array that a killed writer left torn is whole again afterwards.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Fill {
    #[command(flatten)]
    target: Target,

    /// The value
    #[arg(value_name = "VALUE", allow_hyphen_values = true, value_parser = operand())]
    value: OsString,

    #[command(flatten)]
    waiting: Waiting,
}

impl Fill {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        Ok(answered(self.fill(context))?)
    }

    fn fill(&self, context: &mut Context) -> Result<()> {
        let deadline = self.waiting.deadline();
        let (name, array) = self.target.open(context, Access::Write)?;
        let scalar = array.header().element.parse(bytes(&self.value))?;
        let count = array.header().count();
        let mut wait = context.wait(deadline, format!("another writer of array {name}"));
        array
            .put(
                0..count,
                (0..count).map(|index| (index, scalar.clone())),
                &mut wait,
            )
            .map_err(|error| error.about(&name))?;
        if context.out.is_json() {
            let label = Label::new(context.inner(&name));
            context
                .out
                .json(&json!({ "name": label.name, "written": count }))?;
        }
        Ok(())
    }
}
