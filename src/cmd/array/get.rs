//! `ipc array get`.

use std::ffi::OsString;
use std::ops::Range;

use clap::Args;
use serde_json::{Value, json};

use super::Target;
use crate::backing::Access;
use crate::cmd::context::{Context, bytes};
use crate::cmd::element::{answered, operand, print_before, print_raw};
use crate::cmd::options::Waiting;
use crate::error::Result;
use crate::exit::Exit;
use crate::facts::Label;
use crate::shared::array::Array;
use crate::shared::scalar::Scalar;
use crate::shared::select::Selection;
use crate::wait::Wait;

const MORE: &str = "\
Examples:
  ipc array get hits 3
      Prints the fourth element.
  ipc array get hits -5:
      Prints the last five, a line each.
  ipc array get grid 1,:
      Prints the second row.
  ipc array get grid ::-1,0 --consistent --json
      Prints the first column from below, as it was at one moment.

Exit status:
  1    under --try: a writer is at work on it
  2    what was given is no index or slice
  3    there is no such array
  6    the index is beyond the end (ERANGE), or under --consistent: writers leave
       no moment to copy it
  7    no array; under --consistent, and for elements of more than 8 bytes, also torn: a
       writer was killed in the middle of a change
  124  the time is over

See also: ipc-array-set(1), ipc-value-get(1)";

/// Print elements of an array
///
/// INDEX is an index or slice as in Python: 3, -1, 2:5, ::2, ::-1; with commas there
/// is one for each dimension. An index beyond the end is an error, a slice is cut.
/// Elements are printed a line each; of two dimensions or more each row is a line,
/// with tabs in it.
///
/// Each element is whole, but others may change while some are read. --consistent
/// copies them at one moment: it reads again when a writer came between. That holds
/// for writers of ipc; numpy does not tell that it writes.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Get {
    #[command(flatten)]
    target: Target,

    /// Index or slice; all elements if left out
    #[arg(value_name = "INDEX", allow_hyphen_values = true, value_parser = operand())]
    index: Option<OsString>,

    /// Print a copy of one moment
    #[arg(long)]
    consistent: bool,

    /// Print the bytes as they lie in memory, without tabs and line ends
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
        let shape = &array.header().shape;
        let selection = match &self.index {
            Some(index) => Selection::parse(bytes(index), shape),
            None => Ok(Selection::all(shape)),
        };
        let selection = selection.map_err(|error| error.about(&name))?;
        let mut wait = context.wait(deadline, format!("the writer of array {name}"));
        let mut reader = Reader::new(&array, &selection, self.consistent, &mut wait)
            .map_err(|error| error.about(&name))?;
        let mut read = |index| reader.read(index).map_err(|error| error.about(&name));
        if context.out.is_json() {
            let label = Label::new(context.inner(&name));
            let value = nested(&selection.shape(), &mut selection.indexes(), &mut read)?;
            let kind = array.header().element.to_string();
            return context.out.json(&json!({
                "name": label.name, "type": kind, "shape": selection.shape(), "value": value,
            }));
        }
        if self.raw {
            return selection
                .indexes()
                .try_for_each(|index| print_raw(context, &array, &read(index)?));
        }
        print_rows(context, &selection, read)
    }
}

/// Elements one by one, or out of a copy of one moment.
struct Reader<'a> {
    array: &'a Array,
    copy: Option<(Range<usize>, Vec<u8>)>,
    wait: &'a mut Wait,
}

impl<'a> Reader<'a> {
    fn new(
        array: &'a Array,
        selection: &Selection,
        consistent: bool,
        wait: &'a mut Wait,
    ) -> Result<Reader<'a>> {
        let copy = if consistent {
            let span = selection.span();
            let bytes = array.read_steady(span.clone(), wait)?;
            Some((span, bytes))
        } else {
            None
        };
        Ok(Reader { array, copy, wait })
    }

    fn read(&mut self, index: usize) -> Result<Scalar> {
        let element = self.array.header().element;
        match &self.copy {
            Some((span, bytes)) => {
                let start = (index - span.start) * element.width;
                Ok(element.decode_bytes(&bytes[start..start + element.width]))
            }
            None => self.array.get(index, self.wait),
        }
    }
}

fn print_rows(
    context: &mut Context,
    selection: &Selection,
    mut read: impl FnMut(usize) -> Result<Scalar>,
) -> Result<()> {
    let shape = selection.shape();
    let row = match shape.as_slice() {
        [] | [_] => 1,
        [.., last] => *last,
    };
    for (number, index) in (1..).zip(selection.indexes()) {
        let separator = if number % row == 0 { b'\n' } else { b'\t' };
        print_before(context, &read(index)?, separator)?;
    }
    Ok(())
}

/// Lists in lists, as deep as there are dimensions; a single element is itself.
fn nested(
    shape: &[usize],
    indexes: &mut dyn Iterator<Item = usize>,
    read: &mut dyn FnMut(usize) -> Result<Scalar>,
) -> Result<Value> {
    let Some((length, inner)) = shape.split_first() else {
        // A scalar always has a form.
        let scalar = indexes.next().map(read).transpose()?;
        return Ok(serde_json::to_value(scalar).unwrap_or(Value::Null));
    };
    // A dimension without elements may come before one of any length.
    if inner.contains(&0) && *length > 1 << 20 {
        return Ok(Value::Array(Vec::new()));
    }
    (0..*length)
        .map(|_| nested(inner, indexes, read))
        .collect::<Result<Vec<_>>>()
        .map(Value::Array)
}
