//! `ipc barrier reset`.

use std::ffi::OsString;

use clap::Args;
use serde_json::json;

use super::Barriers;
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::exit::Exit;
use crate::facts::Label;
use crate::shared::barrier::Barrier;

const MORE: &str = "\
Examples:
  ipc barrier reset start
      Sends all home who wait at the barrier.

Exit status:
  1  nobody waited
  3  there is no such barrier
  7  not a barrier

See also: ipc-barrier-wait(1)";

/// Break the present generation of a barrier
///
/// Those who wait end with exit code 7, and the next wait starts a new generation.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Reset {
    /// Name of the barrier
    #[arg(value_name = "NAME", add = complete::names::<Barriers>())]
    name: OsString,
}

impl Reset {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let name = context.name(&self.name)?;
        let waited = Barrier::open(&name)?.reset();
        if context.out.is_json() {
            let label = Label::new(context.inner(&name));
            context
                .out
                .json(&json!({ "name": label.name, "waited": waited }))?;
        }
        Ok(if waited > 0 { Exit::Done } else { Exit::No })
    }
}
