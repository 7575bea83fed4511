//! `ipc value add`.

use clap::Args;

use super::update::Update;
use crate::cmd::context::Context;
use crate::exit::Exit;
use crate::shared::element::Element;

const MORE: &str = "\
Examples:
  ipc value add money -120
      Takes 120 off, whoever else is adding, and prints what is left.
  n=$(ipc value add tickets 1 --old)
      Draws a number that nobody else gets.
  awk '{ print $3 }' bookings | ipc value add money --lines | tail -n 1
      Adds a column with one process, each line in a step of its own.

Exit status:
  2  no number, or the value is of type bool or bytes
  3  there is no such value
  6  the sum does not fit the type (EOVERFLOW): nothing is added; or standard output
     takes nothing: before the change, or as the message says after it
  7  no value

See also: ipc-value-get(1), ipc-value-cas(1), ipc-value-wait(1)";

/// Add to a value in one step, and print the new one
///
/// No addition is lost, however many processes add at once; plain writers such as
/// numpy do not take part in that. The operand may be negative for every type. A
/// sum of floats is rounded as the processor does; one of finite numbers that would
/// become infinite is refused like any other that does not fit. With inf and nan,
/// where they are written or stored, sums are as IEEE 754 has them.
///
/// Standard output is looked at before anything is changed, so that a script that tries
/// again counts once. What can only fail later, as a full disk does, says what the
/// value was and is.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Add {
    #[command(flatten)]
    update: Update,

    /// Let the sum go around at the ends of the type
    #[arg(long)]
    wrap: bool,
}

impl Add {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        self.update
            .run(context, Element::parse_operand, |element, now, more| {
                element.sum(now, more, self.wrap).map(Some)
            })
    }
}
