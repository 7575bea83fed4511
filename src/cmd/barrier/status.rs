//! `ipc barrier status`.

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
  ipc barrier status start
      Shows how many have arrived, and which processes wait.

Exit status:
  3  there is no such barrier
  7  not a barrier

See also: ipc-barrier-wait(1), ipc-barrier-stat(1)";

/// Show who has arrived at a barrier
///
/// Needs read permission alone, and never makes the barrier.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Status {
    /// Name of the barrier
    #[arg(value_name = "NAME", add = complete::names::<Barriers>())]
    name: OsString,
}

impl Status {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let name = context.name(&self.name)?;
        let barrier = Barrier::look(&name)?;
        let (arrived, generation) = barrier.arrived();
        let fallen = barrier.fallen();
        let members = barrier.members().map_err(|error| error.about(&name))?;
        if context.out.is_json() {
            let label = Label::new(context.inner(&name));
            context.out.json(&json!({
                "name": label.name, "parties": barrier.parties(), "arrived": arrived,
                "generation": generation, "members": members, "fallen": fallen,
            }))?;
            return Ok(Exit::Done);
        }
        let parties = barrier.parties();
        context.out.line(format_args!(
            "{arrived} of {parties} arrived, generation {generation}"
        ))?;
        for member in members {
            context
                .out
                .line(format_args!("member {}  {}", member.pid, member.command))?;
        }
        if let Some(pid) = fallen {
            let what = "died while it waited: the next wait starts a new generation";
            context.out.line(format_args!("member {pid} {what}"))?;
        }
        Ok(Exit::Done)
    }
}
