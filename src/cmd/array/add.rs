//! `ipc array add`.

use std::ffi::OsString;

use clap::Args;
use serde_json::json;

use super::Target;
use crate::backing::Access;
use crate::cmd::context::{Context, bytes};
use crate::cmd::element::{operand, print};
use crate::deadline::Deadline;
use crate::error::Result;
use crate::exit::Exit;
use crate::facts::Label;
use crate::shared::array::Change;
use crate::shared::select::Selection;
use crate::wait::Wait;

const MORE: &str = "\
Examples:
  ipc array add hits 3 1
      Counts one more in the fourth element, and prints how many there are.
  ipc array add hits -1 -5 --old
      Takes five off the last one, and prints what it was.
  ipc array add grid 1,: 10
      Adds to each element of a row.

Exit status:
  2  no number, or the array is of type bool or bytes
  3  there is no such array
  6  the sum does not fit the type (EOVERFLOW), or the index is beyond the end (ERANGE);
     or standard output takes nothing: before the change, or as the message says after it
  7  no array

See also: ipc-array-set(1), ipc-value-add(1)";

/// Add to elements of an array, each in one step, and print the new ones
///
/// No addition is lost, however many processes add at once; plain writers such as
/// numpy do not take part in that. INDEX is an index or slice as in Python, with
/// commas one for each dimension. Of several elements each has a step of its own:
/// when one sum does not fit, those before it are done. A sum of finite floats that
/// would become infinite does not fit; with inf and nan sums are as IEEE 754 has them.
///
/// Standard output is looked at before anything is changed, so that a script that tries
/// again counts once.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Add {
    #[command(flatten)]
    target: Target,

    /// Index or slice
    #[arg(value_name = "INDEX", allow_hyphen_values = true, value_parser = operand())]
    index: OsString,

    /// What to add; may be negative for every type
    #[arg(value_name = "OPERAND", allow_hyphen_values = true, value_parser = operand())]
    operand: OsString,

    /// Print the former elements instead
    #[arg(long)]
    old: bool,

    /// Let the sum go around at the ends of the type
    #[arg(long)]
    wrap: bool,
}

impl Add {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let (name, array) = self.target.open(context, Access::Write)?;
        let header = array.header();
        let selection = Selection::parse(bytes(&self.index), &header.shape)
            .map_err(|error| error.about(&name))?;
        let more = header.element.parse_operand(bytes(&self.operand));
        let more = more.map_err(|error| error.about(&name))?;
        // Known before anything is changed: a retry would count twice.
        context.out.stdout().check()?;
        let mut last = String::new();
        // Numbers are changed in one step: there is nobody to wait for.
        let mut wait = Wait::until(Deadline::Never);
        for index in selection.indexes() {
            let sum = |now: &_| header.element.sum(now, &more, self.wrap).map(Some);
            let change = array.update(index, &mut wait, sum);
            let change = change.map_err(|error| error.about(&name))?;
            let label = Label::new(context.inner(&name));
            let (old, new) = (change.old.shown(), change.new.shown());
            last = format!("{name}[{index}] was {old} and is {new} now");
            self.report(context, &label, index, &change)?;
        }
        if !last.is_empty() {
            context.deliver(|| format!("{last}, but not all could be printed"))?;
        }
        Ok(Exit::Done)
    }

    fn report(
        &self,
        context: &mut Context,
        label: &Label,
        index: usize,
        change: &Change,
    ) -> Result<()> {
        if context.out.is_json() {
            return context.out.json(&json!({
                "name": label.name, "index": index, "old": change.old, "new": change.new,
            }));
        }
        print(context, if self.old { &change.old } else { &change.new })
    }
}
