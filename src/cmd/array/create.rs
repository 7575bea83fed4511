//! `ipc array create`.

use std::ffi::OsString;
use std::io::Read;
use std::path::PathBuf;

use clap::Args;
use clap::builder::TypedValueParser;
use serde_json::json;

use crate::cmd::context::{Context, bytes};
use crate::cmd::element::{NewType, TYPES, elements, operand, parse_shape};
use crate::cmd::options::{Creation, open_file};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::name::Name;
use crate::shared::array::{Array, Contents, Family};
use crate::shared::scalar::Scalar;

const MORE: &str = "\
Examples:
  ipc array create hits int64 24
      Makes 24 zeros.
  ipc array create grid f32 2x3 --from 1 2 3 4 5 -6
      Makes two rows of three.
  cut -d, -f2 prices.csv | ipc array create prices f64 --from-file -
      Makes an array as long as the column.
  ipc array create text uint8 --bytes 'hello, world'
      Makes an array of the bytes of a text.

Exit status:
  2  an element does not fit the type, or there are not as many as LENGTH says
  4  the object exists, or under --if-exists open has another type or shape
  6  there is no space: nothing is left behind
  7  under --if-exists: what exists is no array

See also: shm_overview(7), ipc-array-get(1), ipc-array-set(1), ipc-value-create(1)";

/// Create a typed array
///
/// It is a file of numpy's own format in shared memory: in Python,
/// a = np.load('/dev/shm/NAME', mmap_mode='r+') is the same memory. It appears
/// complete or not at all, and its memory is reserved now. A whole .npy file is made
/// an array by ipc shm create NAME --from FILE.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Create {
    /// Name of the new array
    #[arg(value_name = "NAME", value_parser = operand())]
    name: OsString,

    #[arg(value_name = "TYPE", value_parser = str::parse::<NewType>, long_help = TYPES)]
    #[arg(help = "Type: int8 to int64, uint8 to uint64, float32, float64, bool, or bytesN")]
    kind: NewType,

    /// Elements: 3, or 2x3 (or 2,3) for two dimensions; as many as are given if left out
    #[arg(value_name = "LENGTH", value_parser = operand(), required_unless_present_any = ["from", "from_file", "bytes"])]
    length: Option<OsString>,

    /// Take these elements, row by row
    #[arg(long, value_name = "VALUE", num_args = 1.., allow_negative_numbers = true)]
    #[arg(value_parser = operand(), conflicts_with_all = ["from_file", "bytes"])]
    from: Vec<OsString>,

    /// Take the elements from the text of FILE, - for standard input: apart by blanks
    /// or line ends, for bytesN by line ends alone
    #[arg(long, value_name = "FILE", conflicts_with = "bytes")]
    #[arg(value_parser = operand().map(PathBuf::from))]
    from_file: Option<PathBuf>,

    /// Take the bytes of TEXT as the memory of the elements
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, value_parser = operand())]
    bytes: Option<OsString>,

    #[command(flatten)]
    creation: Creation,
}

impl Create {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let name = context.name(&self.name)?;
        let shape = self.length.as_deref().map(parse_shape).transpose()?;
        // Read once: a replacement is a second attempt.
        let text = self.text()?;
        let text = text.as_deref();
        let outcome = self.creation.if_exists.apply(
            || self.create(&name, shape.clone(), text),
            || self.check_existing(&name, shape.as_deref(), text),
            || Array::unlink(&name, Family::Array),
        )?;
        self.kind.explain(context);
        let exit = outcome.print(context, "array", &name, || {
            let shape = self.shape_or_count(shape.as_deref(), text);
            Ok(json!({ "type": self.kind.element.to_string(), "shape": shape }))
        })?;
        Ok(exit)
    }

    fn text(&self) -> Result<Option<Vec<u8>>> {
        let Some(path) = &self.from_file else {
            return Ok(None);
        };
        let mut text = Vec::new();
        open_file(path)?
            .read_to_end(&mut text)
            .map_err(|refusal| Error::os(refusal).about(path.display()))?;
        Ok(Some(text))
    }

    fn create(&self, name: &Name, shape: Option<Vec<usize>>, text: Option<&[u8]>) -> Result<()> {
        let element = self.kind.element;
        let mode = self.creation.mode.mode;
        let read = |word: &[u8]| -> Result<Scalar> { element.parse(word) };
        let made = match (text, &self.bytes) {
            (Some(text), _) => {
                let mut given = elements(element, text).map(read);
                Array::create(name, element, shape, Contents::Elements(&mut given), mode)
            }
            (_, Some(raw)) => Array::create(name, element, shape, Contents::Raw(bytes(raw)), mode),
            _ if self.from.is_empty() => Array::create(name, element, shape, Contents::Zeros, mode),
            _ => {
                let mut given = self.from.iter().map(|word| read(bytes(word)));
                Array::create(name, element, shape, Contents::Elements(&mut given), mode)
            }
        };
        made.map(drop)
    }

    fn check_existing(
        &self,
        name: &Name,
        shape: Option<&[usize]>,
        text: Option<&[u8]>,
    ) -> Result<()> {
        let shape = self.shape_or_count(shape, text);
        Array::require_like(name, self.kind.element, Some(&shape))
    }

    /// The shape that was asked for, or follows from the elements.
    fn shape_or_count(&self, shape: Option<&[usize]>, text: Option<&[u8]>) -> Vec<usize> {
        let element = self.kind.element;
        match (shape, text, &self.bytes) {
            (Some(shape), ..) => shape.to_vec(),
            (_, Some(text), _) => vec![elements(element, text).count()],
            (_, _, Some(raw)) => vec![raw.len() / element.width],
            _ => vec![self.from.len()],
        }
    }
}
