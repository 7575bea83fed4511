//! `ipc demo`.

use clap::Args;
use serde_json::json;

use self::stage::Stage;
use super::context::Context;
use crate::exit::Exit;
use crate::sys::signal::StopFlag;

mod account;
mod buffer;
mod handover;
mod heir;
mod limit;
mod picture;
mod readers;
mod rendezvous;
mod stage;

const MORE: &str = "\
Examples:
  ipc demo
      Plays all scenes; takes less than three seconds.

Exit status:
  0  every scene came out right
  1  one did not

See also: ipc(1), ipc(7)";

/// Play short scenes with real objects and real processes
///
/// Each scene starts separate processes of this very binary, shows what they do,
/// and checks what came of it. The objects have names of their own and are removed
/// at the end.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Demo {}

/// A title, and what happens; it fails when the outcome is not as it must be.
type Scene = (&'static str, fn(&mut Stage<'_>) -> anyhow::Result<()>);

const SCENES: [Scene; 8] = [
    (
        "One producer and three consumers share a queue of four messages",
        buffer::play,
    ),
    (
        "A semaphore lets three of eight workers in at a time",
        limit::play,
    ),
    (
        "Two processes book on one account, and the balance comes out exact",
        account::play,
    ),
    (
        "A picture goes from one process to another through shared memory",
        picture::play,
    ),
    (
        "Four walkers meet at a barrier before each stage",
        rendezvous::play,
    ),
    (
        "Three readers share a lock, and a writer has it alone",
        readers::play,
    ),
    (
        "A lock whose owner is killed goes to the one who waits",
        heir::play,
    ),
    (
        "An open file goes to a process that could not open it itself",
        handover::play,
    ),
];

impl Demo {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let interrupted = StopFlag::install()?;
        let mut all_right = true;
        for (title, play) in SCENES {
            let mut stage = Stage::new(context)?;
            stage.announce(title)?;
            let result = play(&mut stage);
            // What the scene made goes away before anything else is said.
            drop(stage);
            if let Some(signal) = interrupted.raised() {
                return Ok(Exit::Signal(signal));
            }
            all_right &= result.is_ok();
            conclude(context, title, result)?;
        }
        Ok(if all_right { Exit::Done } else { Exit::No })
    }
}

fn conclude(context: &mut Context, title: &str, result: anyhow::Result<()>) -> anyhow::Result<()> {
    if context.out.is_json() {
        context
            .out
            .json(&json!({ "scene": title, "ok": result.is_ok() }))?;
    } else {
        let word = if result.is_ok() { "right" } else { "WRONG" };
        context.out.line(format_args!("  {word}\n"))?;
    }
    if let Err(failure) = result {
        context.report(&failure);
    }
    Ok(context.out.flush()?)
}
