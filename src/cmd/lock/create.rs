//! `ipc lock create`.

use std::ffi::OsString;

use clap::Args;
use serde_json::json;

use crate::cmd::context::Context;
use crate::cmd::options::Creation;
use crate::error::Result;
use crate::exit::Exit;
use crate::name::Name;
use crate::shared::lock::{Geometry, Lock};

const MORE: &str = "\
Examples:
  ipc lock create builders --slots 4 --mode 0660
      Makes a lock of four slots for the group.

Exit status:
  1  under --if-exists replace: it is held
  4  the lock exists, or under --if-exists open has other slots
  7  under --if-exists: what exists is no lock

See also: ipc-lock-acquire(1), ipc-lock-run(1)";

/// Create a lock that nobody holds
///
/// There is seldom a need: acquire and run make the lock when it is missing.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Create {
    /// Name of the new lock
    #[arg(value_name = "NAME")]
    name: OsString,

    /// Let this many hold it at once, instead of one writer or many readers
    #[arg(long, value_name = "SLOTS", value_parser = clap::value_parser!(u32).range(1..=240))]
    slots: Option<u32>,

    #[command(flatten)]
    creation: Creation,

    /// With --if-exists replace: replace also a lock that is held
    #[arg(long, short)]
    force: bool,
}

impl Create {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let name = context.name(&self.name)?;
        let geometry = Geometry::of_slots(self.slots)?;
        let outcome = self.creation.if_exists.apply(
            || Lock::create(&name, geometry, self.creation.mode.mode),
            || {
                Lock::look(&name)?
                    .require(geometry)
                    .map_err(|error| error.about(&name))
            },
            || self.remove(&name),
        )?;
        let exit = outcome.print(context, "lock", &name, || {
            Ok(json!({ "slots": self.slots }))
        })?;
        Ok(exit)
    }

    /// Makes room for another lock, as `rm` does; what is no lock is left alone.
    fn remove(&self, name: &Name) -> Result<()> {
        Lock::look(name)?;
        if self.force {
            return Lock::unlink(name);
        }
        Lock::unlink_unheld(name).map_err(|error| error.about(name))
    }
}
