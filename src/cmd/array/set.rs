//! `ipc array set`.

use std::ffi::OsString;
use std::io::Read;
use std::path::PathBuf;

use clap::Args;
use clap::builder::TypedValueParser;
use serde_json::json;

use super::Target;
use crate::backing::Access;
use crate::cmd::context::{Context, bytes};
use crate::cmd::element::{answered, elements, operand};
use crate::cmd::options::{Waiting, open_file};
use crate::error::{Error, ErrorKind, Result};
use crate::exit::Exit;
use crate::facts::Label;
use crate::shared::element::Element;
use crate::shared::scalar::Scalar;
use crate::shared::select::Selection;

const MORE: &str = "\
Examples:
  ipc array set hits 3 17
      Replaces the fourth element.
  ipc array set grid 1,: 4 5 6
      Replaces the second row at once.
  ipc array set hits ::2 0
      Puts zero into every second element.
  ipc array set hits : --from-file column.txt
      Takes all elements from a file.

Exit status:
  1    under --try: another writer is at work on it
  2    an element does not fit the type, or there are not as many as INDEX means
  3    there is no such array
  6    the index is beyond the end (ERANGE)
  7    no array
  124  the time is over

See also: ipc-array-get(1), ipc-array-fill(1), ipc-array-add(1)";

/// Replace elements of an array
///
/// INDEX is an index or slice as in Python, with commas one for each dimension. One
/// value goes into all elements that it means; several are as many as those. A
/// single element of 1, 2, 4 or 8 bytes changes in one step; several are written in
/// the turn of one writer, and ipc array get --consistent sees all or none of them.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Set {
    #[command(flatten)]
    target: Target,

    /// Index or slice
    #[arg(value_name = "INDEX", allow_hyphen_values = true, value_parser = operand())]
    index: OsString,

    /// The values, row by row
    #[arg(value_name = "VALUE", allow_negative_numbers = true, value_parser = operand())]
    #[arg(required_unless_present = "from_file", conflicts_with = "from_file")]
    values: Vec<OsString>,

    /// Take the values from the text of FILE, - for standard input: apart by blanks or
    /// line ends, for bytesN by line ends alone
    #[arg(long, value_name = "FILE", value_parser = operand().map(PathBuf::from))]
    from_file: Option<PathBuf>,

    #[command(flatten)]
    waiting: Waiting,
}

impl Set {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        Ok(answered(self.set(context))?)
    }

    fn set(&self, context: &mut Context) -> Result<()> {
        let deadline = self.waiting.deadline();
        let (name, array) = self.target.open(context, Access::Write)?;
        let header = array.header();
        let selection = Selection::parse(bytes(&self.index), &header.shape)
            .map_err(|error| error.about(&name))?;
        let values = self.values(header.element)?;
        let count = selection.count();
        if values.len() != count && values.len() != 1 {
            let message = format!("{} values for {count} elements", values.len());
            return Err(Error::new(ErrorKind::Usage, message).about(&name));
        }
        let mut wait = context.wait(deadline, format!("another writer of array {name}"));
        let pairs = selection
            .indexes()
            .enumerate()
            .map(|(number, index)| (index, values[number % values.len()].clone()));
        array
            .put(selection.span(), pairs, &mut wait)
            .map_err(|error| error.about(&name))?;
        if context.out.is_json() {
            let label = Label::new(context.inner(&name));
            context
                .out
                .json(&json!({ "name": label.name, "written": count }))?;
        }
        Ok(())
    }

    fn values(&self, element: Element) -> Result<Vec<Scalar>> {
        let Some(path) = &self.from_file else {
            let words = self.values.iter().map(bytes);
            return words.map(|word| element.parse(word)).collect();
        };
        let mut text = Vec::new();
        open_file(path)?
            .read_to_end(&mut text)
            .map_err(|refusal| Error::os(refusal).about(path.display()))?;
        elements(element, &text)
            .map(|word| element.parse(word))
            .collect()
    }
}
