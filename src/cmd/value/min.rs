//! `ipc value min`.

use std::cmp::Ordering;

use clap::Args;

use super::operands::Operands;
use super::{Target, became, report};
use crate::backing::Access;
use crate::cmd::context::Context;
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::wait::Wait;

const MORE: &str = "\
Examples:
  ipc value min fastest 17
      Keeps the smallest time that anybody reported.
  sort -R numbers | ipc value min bound --lines | tail -n 1
      Finds the smallest of a column.

Exit status:
  2  no number, or the value is of type bool or bytes
  3  there is no such value
  6  standard output takes nothing: before the change, or as the message says after it
  7  no value

See also: ipc-value-max(1), ipc-value-add(1)";

/// Replace a value by a smaller one in one step, and print what it is then
///
/// Nothing is written, and nobody woken, when the value is not smaller. NaN is no
/// number: it never replaces one, and any number replaces it.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Min {
    #[command(flatten)]
    target: Target,

    #[command(flatten)]
    operands: Operands,

    /// Print the former value instead
    #[arg(long)]
    old: bool,
}

impl Min {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let (name, array) = self.target.open(context, Access::Write)?;
        let element = array.header().element;
        element
            .require_number()
            .map_err(|error| error.about(&name))?;
        // Numbers are changed in one step: there is nobody to wait for.
        let mut wait = Wait::until(Deadline::Never);
        // A retry would count twice.
        context.out.stdout().check()?;
        self.operands.change(context, |context, text| {
            let given = element.parse(text)?;
            let change = array.update(0, &mut wait, |now| {
                let wins = given.compare(now) == Some(Ordering::Less) || now.is_nan();
                Ok(wins.then(|| given.clone()))
            });
            let change = change.map_err(|error| error.about(&name))?;
            report(context, &self.target.name, &change, self.old)?;
            Ok(became(&name, &change))
        })
    }
}
