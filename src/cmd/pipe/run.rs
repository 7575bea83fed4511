//! `ipc pipe run`.

use clap::Args;

use super::pipeline::Commands;
use crate::cmd::context::Context;
use crate::exit::Exit;

const MORE: &str = "\
Examples:
  ipc pipe run --pipefail -- sort names :: uniq -c :: sort -rn
      Runs three commands, and fails when one of them does.
  ipc pipe run --stat --size 1MiB -- tar -c . :: gzip > all.tar.gz
      Tells at the end what each took and used.
  ipc pipe run --report status.json -- ./produce :: ./consume
      Leaves how each ended in a file.
  ipc pipe run --separator , -- echo :: , cat
      Gives :: to a command as an argument.

Exit status:
  The exit code of the last command, 128+N when signal N ended it; with --pipefail of the
  last one that did not end with 0; and
  125       ipc itself failed: nothing is left running; or the report of --json or
            --report could not be written
  126, 127  that command cannot be executed, is not found

See also: pipe(7), ipc-pipe-duplex(1), ipc-pipe-send(1)";

/// Run a pipeline, and tell how each command ended
///
/// Each command reads what the one before it writes. No shell is in between, so that
/// nothing is quoted and nothing is expanded; the first reads standard input and the
/// last writes standard output. ipc waits for all. How those ended that failed is said on
/// standard error; with --json how all ended is said there in one document, for standard
/// output is that of the last command. --report puts that document into a file.
///
/// A command that cannot be started ends with 126 or 127 and the others run, as in a
/// shell. Ending signals are passed on to all. When ipc is killed by SIGKILL, the kernel
/// kills the commands too.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Run {
    #[command(flatten)]
    commands: Commands,
}

impl Run {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        self.commands.run(context, false)
    }
}
