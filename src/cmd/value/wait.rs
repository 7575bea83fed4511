//! `ipc value wait`.

use std::ffi::OsString;
use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::json;

use super::Target;
use crate::backing::Access;
use crate::cmd::context::{Context, bytes};
use crate::cmd::element::{answered, print};
use crate::cmd::options::Waiting;
use crate::deadline::parse_span;
use crate::error::{Error, ErrorKind, Result};
use crate::exit::Exit;
use crate::facts::Label;
use crate::shared::array::Array;
use crate::shared::comparison::{COMPARISONS, Comparison};
use crate::shared::scalar::Scalar;
use crate::wait::Wait as Waiter;

const MORE: &str = "\
Examples:
  ipc value wait arrived '>=' 5 --timeout 30s
      Goes on when five have arrived.
  ipc value wait money lt 0 && echo overdrawn
      The words eq, ne, lt, le, gt and ge need no quotes.
  old=$(ipc value get x); while old=$(ipc value wait x ne \"$old\"); do echo \"$old\"; done
      Follows a value without missing where it ends up.

Exit status:
  1    under --try: not so
  2    the value to compare with does not fit the type
  3    there is no such value
  7    no value, removed while waiting, or torn by a writer that was killed
  124  the time is over

See also: ipc-value-get(1), ipc-value-set(1), ipc-value-add(1)";

/// Wait until a value is as wanted, and print it
///
/// Every change by ipc wakes the waiter at once. Plain writers such as numpy wake
/// nobody: they are noticed by a look every second, or as often as --recheck says.
/// Looking again costs next to nothing. --change ends with the first write by ipc
/// after the start, be it of the same value, or when the value is seen to differ.
/// NaN is unlike everything: only != holds for it.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Wait {
    #[command(flatten)]
    target: Target,

    /// Comparison: == != < <= > >= or eq ne lt le gt ge; = is ==
    #[arg(
        value_name = "OP",
        required_unless_present = "change",
        requires = "value"
    )]
    #[arg(hide_possible_values = true, value_parser = operator_parser())]
    operator: Option<Comparison>,

    /// What to compare the value with
    #[arg(value_name = "VALUE", allow_hyphen_values = true)]
    value: Option<OsString>,

    /// Wait for any change instead
    #[arg(long, conflicts_with = "operator")]
    change: bool,

    /// Look for changes by other programs this often
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = parse_period)]
    recheck: Duration,

    #[command(flatten)]
    waiting: Waiting,
}

fn operator_parser() -> impl TypedValueParser<Value = Comparison> {
    let words = COMPARISONS.iter().map(|(word, _)| *word);
    PossibleValuesParser::new(words).try_map(|word| word.parse())
}

fn parse_period(text: &str) -> Result<Duration> {
    let period = parse_span(text)?;
    if period < Duration::from_millis(1) {
        let message = "looking again takes at least a millisecond";
        return Err(Error::new(ErrorKind::Usage, message));
    }
    Ok(period)
}

impl Wait {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        Ok(answered(self.wait(context))?)
    }

    fn wait(&self, context: &mut Context) -> Result<()> {
        let deadline = self.waiting.deadline();
        let (name, array) = self.target.open(context, Access::Read)?;
        let mut wait = context.wait(deadline, format!("value {name} to change"));
        let scalar = match (self.operator, &self.value) {
            (Some(operator), Some(value)) => {
                let wanted = array.header().element.parse(bytes(value))?;
                array.wait_until(self.recheck, &mut wait, |now, _| {
                    operator.holds(now.compare(&wanted))
                })
            }
            _ => self.wait_for_change(&array, &mut wait),
        };
        let scalar = scalar.map_err(|error| error.about(&name))?;
        if context.out.is_json() {
            let label = Label::new(context.inner(&name));
            return context
                .out
                .json(&json!({ "name": label.name, "value": scalar }));
        }
        print(context, &scalar)
    }

    fn wait_for_change(&self, array: &Array, wait: &mut Waiter) -> Result<Scalar> {
        let mut first: Option<Scalar> = None;
        array.wait_until(self.recheck, wait, |now, written| {
            let start = first.get_or_insert_with(|| now.clone());
            written || !now.is_same(start)
        })
    }
}
