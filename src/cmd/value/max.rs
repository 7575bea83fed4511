//! `ipc value max`.

use std::cmp::Ordering;

use clap::Args;

use super::update::{Update, if_it_is};
use crate::cmd::context::Context;
use crate::exit::Exit;
use crate::shared::element::Element;

const MORE: &str = "\
Examples:
  ipc value max peak 512
      Keeps the highest mark that anybody reported.
  sort -R numbers | ipc value max bound --lines | tail -n 1
      Finds the largest of a column.

Exit status:
  2  no number, or the value is of type bool or bytes
  3  there is no such value
  6  standard output takes nothing: before the change, or as the message says after it
  7  no value

See also: ipc-value-min(1), ipc-value-add(1)";

/// Replace a value by a larger one in one step, and print what it is then
///
/// Nothing is written, and nobody woken, when the value is not larger. NaN is no
/// number: it never replaces one, and any number replaces it.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Max {
    #[command(flatten)]
    update: Update,
}

impl Max {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        self.update.run(context, Element::parse, |_, now, given| {
            Ok(if_it_is(Ordering::Greater, now, given))
        })
    }
}
