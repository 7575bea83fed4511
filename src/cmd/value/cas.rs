//! `ipc value cas`.

use std::ffi::OsString;

use clap::Args;
use serde_json::json;

use super::{Target, became};
use crate::backing::Access;
use crate::cmd::context::{Context, bytes};
use crate::cmd::element::print;
use crate::cmd::options::Waiting;
use crate::error::ErrorKind;
use crate::exit::Exit;
use crate::facts::Label;

const MORE: &str = "\
Examples:
  ipc value cas leader 0 $$ && echo 'I lead'
      One of several shells becomes the leader.
  until new=$(ipc value cas x \"$old\" $((old * 2))); do old=$new; done
      Doubles a number, whoever else changes it.

Exit status:
  1    not equal: nothing is changed; or under --try: another writer is at work
  2    a value does not fit the type
  3    there is no such value
  6    standard output takes nothing: before the change, or as the message says after it
  7    no value, or torn: its writer was killed in the middle of a change
  124  the time is over

See also: ipc-value-swap(1), ipc-value-add(1)";

/// Replace a value if it is what was expected, in one step (compare and swap)
///
/// Prints what the value is afterwards: the new one, or what was there instead of
/// the expected one. Floats are compared as numbers of their type, and NaN equals
/// NaN here, so that it can be replaced.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Cas {
    #[command(flatten)]
    target: Target,

    /// What it must be
    #[arg(value_name = "EXPECTED", allow_hyphen_values = true)]
    expected: OsString,

    /// What it becomes
    #[arg(value_name = "NEW", allow_hyphen_values = true)]
    new: OsString,

    #[command(flatten)]
    waiting: Waiting,
}

impl Cas {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let deadline = self.waiting.deadline();
        let (name, array) = self.target.open(context, Access::Write)?;
        let element = array.header().element;
        let expected = element.parse(bytes(&self.expected))?;
        let new = element.parse(bytes(&self.new))?;
        // Known before anything is changed: a retry would find the new value.
        context.out.stdout().check()?;
        let mut wait = context.wait(deadline, format!("another writer of value {name}"));
        let mut equal = false;
        let change = array.update(0, &mut wait, |now| {
            equal = now.is_same(&expected);
            Ok(equal.then(|| new.clone()))
        });
        let change = match change {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Exit::No),
            result => result.map_err(|error| error.about(&name))?,
        };
        if context.out.is_json() {
            let label = Label::new(context.inner(&name));
            context
                .out
                .json(&json!({ "name": label.name, "equal": equal, "value": change.new }))?;
        } else {
            print(context, &change.new)?;
        }
        if equal {
            context.deliver(|| became(&name, &change))?;
        }
        Ok(if equal { Exit::Done } else { Exit::No })
    }
}
