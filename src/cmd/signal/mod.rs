//! `ipc signal`: waiting for signals, and what processes do about them.

use clap::Subcommand;

use super::context::Context;
use super::leaf::{self, Parsed};
use super::verbs::verbs;
use crate::exit::Exit;

mod explain;
mod ls;
mod wait;

verbs! {
    /// The verbs of signals.
    "signal" {
        "wait" => wait::Wait,
        "ls" | "list" => ls::Ls,
        "explain" => explain::Explain,
    }
}
