//! `ipc sem create`.

use std::ffi::OsString;

use clap::Args;
use serde_json::json;

use crate::cmd::context::Context;
use crate::cmd::options::Creation;
use crate::exit::Exit;
use crate::object::sem::{MAX_VALUE, Semaphore, peek};

const MORE: &str = "\
Examples:
  ipc sem create printer
      One unit: who has it, has the printer.
  ipc sem create builders 4 --mode 0660
      Four units, for the group too.
  ipc sem create ready 0
      Nothing to take until somebody releases.

Exit status:
  4  the semaphore exists
  7  under --if-exists: what exists is no semaphore

See also: sem_overview(7), sem_open(3), ipc-sem-acquire(1)";

/// Create a semaphore
///
/// It is the same object that sem_open(3) of a 64-bit glibc program finds under
/// this name, and posix_ipc and multiprocessing in Python. Under --if-exists replace,
/// programs that have the former one open keep it: a semaphore does not know its users.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Create {
    /// Name of the new semaphore
    #[arg(value_name = "NAME")]
    name: OsString,

    /// How many units there are to take
    #[arg(value_name = "VALUE", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=i64::from(MAX_VALUE)))]
    value: u32,

    #[command(flatten)]
    creation: Creation,
}

impl Create {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let name = context.name(&self.name)?;
        let outcome = self.creation.if_exists.apply(
            || Semaphore::create(&name, self.value, self.creation.mode.mode),
            // Any value is the right geometry: others may have taken units.
            || peek(&name).map(drop),
            // What is no semaphore is left alone.
            || peek(&name).and_then(|_| Semaphore::unlink(&name)),
        )?;
        let exit = outcome.print(context, "sem", &name, || {
            Ok(json!({ "value": peek(&name).ok() }))
        })?;
        Ok(exit)
    }
}
