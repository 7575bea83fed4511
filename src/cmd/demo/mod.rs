//! `ipc demo`.

use clap::Args;

use super::context::Context;
use crate::exit::Exit;

/// Show the main jobs on real objects, with real processes
#[derive(Debug, Args)]
pub(crate) struct Demo {}

impl Demo {
    pub(crate) fn run(self, _context: &mut Context) -> anyhow::Result<Exit> {
        Ok(Exit::Done)
    }
}
