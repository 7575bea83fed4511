//! `ipc value create`.

use std::ffi::OsString;

use clap::Args;
use serde_json::json;

use crate::backing::Access;
use crate::cmd::context::{Context, bytes};
use crate::cmd::element::{NewType, TYPES};
use crate::cmd::options::Creation;
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::shared::array::{Array, Contents, Family};
use crate::wait::Wait;

const MORE: &str = "\
Examples:
  ipc value create money int64 5000
      Makes a number that any shell can add to.
  ipc value create load f64 0.5 --mode 0644
      Makes one that everybody can read.
  ipc value create phase bytes16 starting --if-exists replace
      Makes a word of up to 16 bytes in place of a former value.

Exit status:
  2  the initial value does not fit the type
  4  the object exists, or under --if-exists open is of another type
  7  under --if-exists: what exists is no value

See also: shm_overview(7), ipc-value-get(1), ipc-value-add(1), ipc-array-create(1)";

/// Create a typed value
///
/// It is a file of numpy's own format in shared memory: in Python,
/// v = np.load('/dev/shm/NAME', mmap_mode='r+') is the same memory, and v[()] its
/// contents. It appears complete or not at all.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Create {
    /// Name of the new value
    #[arg(value_name = "NAME")]
    name: OsString,

    #[arg(value_name = "TYPE", value_parser = str::parse::<NewType>, long_help = TYPES)]
    #[arg(help = "Type: int8 to int64, uint8 to uint64, float32, float64, bool, or bytesN")]
    kind: NewType,

    /// What it is at first
    #[arg(value_name = "INITIAL", allow_hyphen_values = true)]
    initial: OsString,

    #[command(flatten)]
    creation: Creation,
}

impl Create {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let name = context.name(&self.name)?;
        let element = self.kind.element;
        let initial = element.parse(bytes(&self.initial))?;
        let mode = self.creation.mode.mode;
        let outcome = self.creation.if_exists.apply(
            || Array::create(&name, element, Some(vec![]), Contents::All(&initial), mode).map(drop),
            || Array::require_like(&name, element, Some(&[])),
            || Array::unlink(&name, Family::Value),
        )?;
        self.kind.explain(context);
        let exit = outcome.print(context, "value", &name, || {
            let value = Array::open(&name, Family::Value, Access::Read)
                .and_then(|array| array.get(0, &mut Wait::until(Deadline::Now)));
            Ok(json!({ "type": element.to_string(), "value": value.ok() }))
        })?;
        Ok(exit)
    }
}
