//! `ipc value get`.

use clap::Args;
use serde_json::json;

use super::Target;
use crate::backing::Access;
use crate::cmd::context::Context;
use crate::cmd::element::{answered, print, print_raw};
use crate::cmd::options::Waiting;
use crate::error::Result;
use crate::exit::Exit;
use crate::facts::Label;

const MORE: &str = "\
Examples:
  ipc value get money
      Prints the number.
  ipc value get phase --raw | od -c
      Shows the bytes in memory, padding included.

Exit status:
  1    under --try: a writer is at work on it
  3    there is no such value
  7    no value, or torn: its writer was killed in the middle of a change
  124  the time is over

See also: ipc-value-set(1), ipc-value-wait(1)";

/// Print a value
///
/// Needs read permission alone. Types of 1, 2, 4 and 8 bytes are read in one step
/// and never waited for. Wider bytesN are changed under the word of their writer:
/// the reader waits for its end, and says so when it was killed in the middle.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Get {
    #[command(flatten)]
    target: Target,

    /// Print the bytes as they lie in memory, without a line end
    #[arg(long)]
    raw: bool,

    #[command(flatten)]
    waiting: Waiting,
}

impl Get {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        Ok(answered(self.get(context))?)
    }

    fn get(&self, context: &mut Context) -> Result<()> {
        let deadline = self.waiting.deadline();
        let (name, array) = self.target.open(context, Access::Read)?;
        let mut wait = context.wait(deadline, format!("the writer of value {name}"));
        let scalar = array.get(0, &mut wait).map_err(|e| e.about(&name))?;
        if context.out.is_json() {
            let label = Label::new(context.inner(&name));
            let kind = array.header().element.to_string();
            context
                .out
                .json(&json!({ "name": label.name, "type": kind, "value": scalar }))
        } else if self.raw {
            print_raw(context, &array, &scalar)
        } else {
            print(context, &scalar)
        }
    }
}
