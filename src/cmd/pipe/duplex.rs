//! `ipc pipe duplex`.

use clap::Args;

use super::pipeline::Commands;
use crate::cmd::context::Context;
use crate::error::{Error, ErrorKind};
use crate::exit::Exit;

const MORE: &str = "\
Examples:
  ipc pipe duplex -- ./guess :: ./answer
      Each reads what the other writes.
  ipc pipe duplex -- sh -c 'echo 6*7; read -r x; echo \"$x\" >&2' :: bc
      A shell asks a calculator, and shows what it answers.

Exit status:
  The exit code of the second command, 128+N when signal N ended it; with --pipefail of the
  last one that did not end with 0; and
  125       ipc itself failed: nothing is left running; or the report of --json or
            --report could not be written
  126, 127  that command cannot be executed, is not found

See also: pipe(7), ipc-pipe-run(1)";

/// Let two commands talk to each other, both ways
///
/// What either writes to standard output the other reads from standard input. When one
/// closes its output or ends, the other reads the end. Each must hand on what it writes
/// without waiting for more: a program that keeps its output in a buffer of its own, as
/// most do when it is no terminal, waits for an answer to what it never sent. All else is as
/// with ipc pipe run.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Duplex {
    #[command(flatten)]
    commands: Commands,
}

impl Duplex {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        match self.commands.stages()?.len() {
            2 => self.commands.run(context, true),
            count => Err(Error::new(
                ErrorKind::Usage,
                format!("two commands can talk to each other, not {count}"),
            )
            .hint("ipc pipe duplex -- A ARGUMENT… :: B ARGUMENT…")
            .into()),
        }
    }
}
