//! `ipc pipe recv`.

use std::ffi::OsString;

use clap::Args;

use super::reception::{Amount, Form, Reception};
use super::{Patience, Pipes};
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::options::Waiting;
use crate::error::{Error, ErrorKind};
use crate::exit::Exit;
use crate::object::fifo::{Reader, enlarge, resize};
use crate::size::Size;

const MORE: &str = "\
Examples:
  ipc pipe recv log > build.log
      Takes what comes, until the last writer closes the FIFO.
  line=$(ipc pipe recv jobs --line --timeout 10s) || exit
      Takes one line, or gives up.
  ipc pipe recv jobs --follow | while read -r job; do work \"$job\"; done
      Takes lines for ever, from one writer after the other.
  ipc pipe recv ./in -n 512 > header
      Takes 512 bytes, and leaves the rest to the next reader.

Exit status:
  1    under --try: less than asked for was there (nothing is said); with -n, --line or
       --null: the stream ended before that, and what came is printed
  3    there is no such pipe
  6    standard output cannot take the bytes: they stay in the FIFO
  7    the pipe was removed while waiting, or is no FIFO
  124  the time is over: no writer, or it sends nothing

See also: fifo(7), pipe(7), ipc-pipe-send(1), ipc-pipe-create(1)";

/// Take bytes from a FIFO, waiting for a writer
///
/// Everything up to the end, which comes when the last writer has closed the FIFO or
/// has been killed. Bytes come out as they were sent; on a terminal control bytes are
/// escaped. Nothing is taken while standard output is known to be bad, and what it does
/// not accept stays in the FIFO: bytes are moved by splice(2), not read and written.
///
/// With -n, --line and --null exactly that is taken, and several ipc that do so get their
/// part whole. Bytes are printed as they come: when the time is over or the stream ends
/// before all of it has come, what came is printed and no longer in the FIFO, and the exit
/// code says that it is not whole. With --try it is all of it or nothing, and what is
/// there stays there. But a FIFO holds bytes only while somebody has it open: between two
/// calls a shell keeps it open with exec 3<>PATH, else a writer is told that its reader is
/// gone. With --json the bytes are in one document, with --follow in one for each line.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Recv {
    /// Name of the FIFO, or its path
    #[arg(value_name = "NAME", add = complete::names_or_paths::<Pipes>())]
    name: OsString,

    /// Take exactly this many bytes: 512, 4K, 1MiB
    #[arg(long, short = 'n', value_name = "BYTES", value_parser = str::parse::<Size>)]
    #[arg(conflicts_with_all = ["line", "null", "follow"])]
    bytes: Option<Size>,

    /// Take one line, with its end
    ///
    /// A stream may end without the end of its last line: that is printed as it is, and
    /// the exit code is 1, as that of read in a shell. Whoever takes such a line too
    /// writes: line=$(ipc pipe recv NAME --line) || [ -n "$line" ]
    #[arg(long, short, conflicts_with_all = ["null", "follow"])]
    line: bool,

    /// Take one record that ends with a NUL byte, with it
    ///
    /// A last one without that byte is printed, and the exit code is 1.
    #[arg(long, short = '0', conflicts_with = "follow")]
    null: bool,

    /// After the last writer wait for the next one, for ever
    #[arg(long, conflicts_with = "try_once")]
    follow: bool,

    /// Let the FIFO hold SIZE bytes, until nobody has it open: 64K, 1MiB
    ///
    /// Without it streams are given 1 MiB, where the system has so much for a pipe.
    #[arg(long, value_name = "SIZE", value_parser = super::pipe_size)]
    size: Option<Size>,

    #[command(flatten)]
    waiting: Waiting,

    #[command(flatten)]
    patience: Patience,
}

impl Recv {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let deadline = self.waiting.deadline();
        let patience = self.patience.moment();
        let place = context.place(&self.name)?;
        let fifo = super::find(&place)?;
        // Before the FIFO is opened, which lets in a writer that waits.
        context.out.stdout().check()?;
        let about = |error: Error| error.or_about(&place);
        let reader = Reader::open(fifo, patience).map_err(about)?;
        match self.size {
            Some(size) => resize(&reader, size.0).map_err(about)?,
            None if self.is_stream() => enlarge(&reader),
            None => {}
        }
        let wait = context.wait(deadline, format!("a writer of pipe {place}"));
        let form = match () {
            () if context.out.is_json() => Form::Json,
            () if context.out.is_terminal() => Form::Terminal,
            () => Form::Raw,
        };
        let label = place.label(&context.scope);
        let mut reception = Reception::new(reader, (&place, label), form, &mut context.out, wait);
        match reception.run(self.amount()) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Exit::No),
            result => Ok(result.map_err(about)?),
        }
    }

    /// Whether all is taken that comes, however much that is.
    fn is_stream(&self) -> bool {
        matches!(self.amount(), Amount::Whole | Amount::Follow)
    }

    fn amount(&self) -> Amount {
        match self.bytes {
            Some(bytes) => Amount::Bytes(bytes.0),
            None if self.line => Amount::Record(b'\n'),
            None if self.null => Amount::Record(0),
            None if self.follow => Amount::Follow,
            None => Amount::Whole,
        }
    }
}
