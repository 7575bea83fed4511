//! `ipc signal`: waiting for signals, and what processes do about them.

use clap::Subcommand;

use super::context::Context;
use super::leaf::{self, Parsed};
use crate::exit::Exit;

mod explain;
mod ls;
mod wait;

/// The verbs of signals.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum Verb {
    Wait(wait::Wait),
    #[command(visible_alias = "list")]
    Ls(ls::Ls),
    Explain(explain::Explain),
}

/// Parses one verb alone; nothing when the word is no verb.
pub(crate) fn leaf(verb: &str, words: &[std::ffi::OsString]) -> Option<Parsed<Verb>> {
    Some(match verb {
        "wait" => leaf::parse(Verb::Wait, words),
        "ls" | "list" => leaf::parse(Verb::Ls, words),
        "explain" => leaf::parse(Verb::Explain, words),
        _ => return None,
    })
}

impl Verb {
    /// The full name of the command.
    pub(crate) fn path(&self) -> &'static str {
        match self {
            Verb::Wait(_) => "signal wait",
            Verb::Ls(_) => "signal ls",
            Verb::Explain(_) => "signal explain",
        }
    }

    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        match self {
            Verb::Wait(verb) => verb.run(context),
            Verb::Ls(verb) => verb.run(context),
            Verb::Explain(verb) => verb.run(context),
        }
    }
}
