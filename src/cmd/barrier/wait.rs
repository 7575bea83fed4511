//! `ipc barrier wait`.

use std::ffi::OsString;

use clap::Args;
use serde_json::json;

use super::Barriers;
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::options::{NewMode, Waiting};
use crate::error::{ErrorKind, Result};
use crate::exit::Exit;
use crate::facts::Label;
use crate::name::Name;
use crate::process::identity::Process;
use crate::shared::barrier::Barrier;

const MORE: &str = "\
Examples:
  ipc barrier wait start --parties 4
      Goes on when four have arrived, and prints how many were there before.
  [ \"$(ipc barrier wait start --parties 4 -t 1m)\" = 0 ] && echo 'first'
      The same with a time limit; one of the four is the first.

Exit status:
  1    under --try: not all have arrived
  3    there is no such barrier, and --parties was not given
  4    the barrier has another number of parties
  6    standard output takes nothing: before it arrives, or as the message says after all
       have
  7    broken: another member died or gave up, or it was reset or removed
  124  the time is over: the others end with 7

See also: ipc-barrier-reset(1), ipc-barrier-status(1), ipc-event-wait(1)";

/// Wait at a barrier until all have arrived, and print the arrival index
///
/// The barrier is made on first use with the number of parties given there, and can be
/// used again and again: when all have arrived a new generation starts. A member is this
/// process and its parent. When one of them dies, or the time of one is over, the
/// generation is broken for the others, which end with exit code 7; the next wait starts a
/// new one.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Wait {
    /// Name of the barrier
    #[arg(value_name = "NAME", add = complete::names::<Barriers>())]
    name: OsString,

    /// How many have to arrive, 1 to 240
    #[arg(long, short = 'n', value_name = "PARTIES")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=240))]
    parties: Option<u32>,

    #[command(flatten)]
    waiting: Waiting,

    #[command(flatten)]
    mode: NewMode,
}

impl Wait {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let deadline = self.waiting.deadline();
        let name = context.name(&self.name)?;
        // A member that arrives, and then fails to say so, would arrive twice.
        context.out.stdout().check()?;
        let barrier = self.open(&name)?;
        let mut wait = context.wait(deadline, format!("barrier {name}"));
        let passed = match barrier.wait(Process::parent().ok(), &mut wait) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Exit::No),
            result => result.map_err(|error| error.about(&name))?,
        };
        if context.out.is_json() {
            let label = Label::new(context.inner(&name));
            context.out.json(&json!({
                "name": label.name, "index": passed.index, "generation": passed.generation,
                "parties": barrier.parties(),
            }))?;
        } else {
            context.out.line(passed.index)?;
        }
        context.deliver(|| {
            format!(
                "{name} was passed with arrival index {}, but that could not be printed",
                passed.index
            )
        })?;
        Ok(Exit::Done)
    }

    /// Opens the barrier; with `--parties` it is made on first use.
    fn open(&self, name: &Name) -> Result<Barrier> {
        let Some(parties) = self.parties else {
            return Barrier::open(name).map_err(|error| match error.kind() {
                ErrorKind::Missing => error.hint("--parties N makes it"),
                _ => error,
            });
        };
        loop {
            match Barrier::open(name) {
                Err(error) if error.kind() == ErrorKind::Missing => {
                    match Barrier::create(name, parties, self.mode.mode) {
                        // Somebody else was faster: theirs is as good.
                        Err(error) if error.kind() == ErrorKind::Exists => {}
                        result => result?,
                    }
                }
                result => {
                    let barrier = result?;
                    barrier
                        .require(parties)
                        .map_err(|error| error.about(name))?;
                    return Ok(barrier);
                }
            }
        }
    }
}
