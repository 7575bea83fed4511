//! `ipc barrier create`.

use std::ffi::OsString;

use clap::Args;
use serde_json::json;

use crate::cmd::context::Context;
use crate::cmd::options::Creation;
use crate::exit::Exit;
use crate::shared::barrier::Barrier;

const MORE: &str = "\
Examples:
  ipc barrier create start 4 --mode 0660
      Makes a barrier of four for the group.

Exit status:
  4  the barrier exists, or under --if-exists open has other parties
  7  under --if-exists: what exists is no barrier

See also: ipc-barrier-wait(1)";

/// Create a barrier at which nobody waits
///
/// There is seldom a need: wait makes the barrier when it is missing. Those who wait at
/// one that is replaced end with exit code 7, as when it is removed.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Create {
    /// Name of the new barrier
    #[arg(value_name = "NAME")]
    name: OsString,

    /// How many have to arrive
    #[arg(value_name = "PARTIES", value_parser = clap::value_parser!(u32).range(1..=240))]
    parties: u32,

    #[command(flatten)]
    creation: Creation,
}

impl Create {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let name = context.name(&self.name)?;
        let outcome = self.creation.if_exists.apply(
            || Barrier::create(&name, self.parties, self.creation.mode.mode),
            || {
                Barrier::look(&name)?
                    .require(self.parties)
                    .map_err(|error| error.about(&name))
            },
            // What is no barrier is left alone.
            || Barrier::look(&name).and_then(|_| Barrier::unlink(&name)),
        )?;
        let exit = outcome.print(context, "barrier", &name, || {
            Ok(json!({ "parties": self.parties }))
        })?;
        Ok(exit)
    }
}
