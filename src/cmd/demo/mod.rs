//! `ipc demo`.

use clap::Args;
use serde_json::json;

use self::place::Place;
use self::stage::Stage;
use super::context::Context;
use crate::error::{Error, ErrorKind};
use crate::escape::escaped_text;
use crate::exit::Exit;
use crate::output;
use crate::sys::signal::StopFlag;

mod account;
mod buffer;
mod careless;
mod chat;
mod felled;
mod handover;
mod heir;
mod limit;
mod picture;
mod place;
mod readers;
mod rendezvous;
mod stage;
mod worker;

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
/// and checks what came of it. The objects and the runtime folder are its own: they
/// are removed at the end, and when a signal ends it, after the scene that plays. What
/// SIGKILL makes it leave the next demo removes; a process that waits then ends within
/// 20 seconds by itself.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Demo {}

/// A title, and what happens; it fails when the outcome is not as it must be.
type Scene = (&'static str, fn(&mut Stage<'_>) -> anyhow::Result<()>);

const SCENES: [Scene; 12] = [
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
    ("Two shells chat over a duplex pipe", chat::play),
    (
        "A tree of processes is shown, and ended to the last of them",
        felled::play,
    ),
    (
        "A careless parent leaves five zombies, and is helped",
        careless::play,
    ),
    (
        "A worker is started by one process and joined by another",
        worker::play,
    ),
    (
        "An open file goes to a process that could not open it itself",
        handover::play,
    ),
];

impl Demo {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let interrupted = StopFlag::install()?;
        let place = Place::new()?;
        let mut all_right = true;
        for (title, play) in SCENES {
            let mut stage = Stage::new(context, &place);
            stage.announce(title)?;
            let result = play(&mut stage);
            // What the scene made goes away before anything else is said.
            drop(stage);
            if let Some(signal) = interrupted.raised() {
                return Ok(Exit::Signal(signal));
            }
            all_right &= result.is_ok();
            conclude(context, title, result, &place)?;
        }
        Ok(if all_right { Exit::Done } else { Exit::No })
    }
}

fn conclude(
    context: &mut Context,
    title: &str,
    result: anyhow::Result<()>,
    place: &Place,
) -> anyhow::Result<()> {
    let result = match result {
        // Nothing is wrong with the scene, and nobody would see the others.
        Err(failure) if is_about_output(&failure) => return Err(failure),
        result => result,
    };
    let words = std::fs::read(place.words()).unwrap_or_default();
    let _ = std::fs::remove_file(place.words());
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
        if !words.is_empty() {
            output::tell(escaped_text(&words).trim_end());
        }
    }
    Ok(context.out.flush()?)
}

fn is_about_output(failure: &anyhow::Error) -> bool {
    let kind = failure.downcast_ref::<Error>().map(Error::kind);
    matches!(
        kind,
        Some(ErrorKind::OutputClosed | ErrorKind::OutputFailed)
    )
}
