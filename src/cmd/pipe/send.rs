//! `ipc pipe send`.

use std::ffi::OsString;

use clap::Args;
use serde::Serialize;

use super::{Patience, Pipes};
use crate::cmd::complete;
use crate::cmd::context::{Context, bytes};
use crate::cmd::options::{Source, Waiting};
use crate::error::{ErrorKind, Result};
use crate::exit::Exit;
use crate::facts::Label;
use crate::object::fifo::{self, Writer, enlarge, resize};
use crate::size::Size;
use crate::wait::Wait;

const MORE: &str = "\
Examples:
  ipc pipe send log --lines 'build started'
      Sends a line.
  make 2>&1 | ipc pipe send log --timeout 1h
      Sends a stream, until its end.
  ipc pipe send ./in -f page.ps --open-timeout 10s
      Sends a file, or gives up when nobody reads within ten seconds.

Exit status:
  1    under --try: there is no reader (nothing is said), or no room
  3    there is no such pipe
  6    --size is beyond a limit, or the input cannot be read
  7    the last reader is gone and has not read everything, the pipe was removed, or
       it is no FIFO
  124  the time is over: no reader, or it does not read

See also: fifo(7), pipe(7), ipc-pipe-recv(1), ipc-pipe-create(1)";

/// Send bytes to a FIFO, waiting for a reader
///
/// The arguments put together, or standard input, or a file, as they are. With --lines or
/// --null each argument, or each line or record of the input, is sent with its separator.
/// Of those, as many as fit into 4096 bytes (PIPE_BUF) go in one write, so that records up
/// to that length stay whole however many processes send at the same time; longer
/// ones may be mixed with those of others.
///
/// What is sent waits in the FIFO until it is read, and is gone when the last process
/// closes the FIFO before that. When the last reader has left, what comes next on the
/// input cannot be sent: exit code 7. Until then ipc waits for the input, and a reader
/// that comes meanwhile goes on where the one before it stopped. At the end of the input
/// 0 says that somebody still reads, or that everything was read.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Send {
    /// Name of the FIFO, or its path
    #[arg(value_name = "NAME", add = complete::names_or_paths::<Pipes>())]
    name: OsString,

    /// The bytes; - or none at all is standard input
    #[arg(value_name = "DATA")]
    data: Vec<OsString>,

    #[command(flatten)]
    source: Source,

    /// Send each argument or line of the input with a line end, whole up to 4096 bytes
    #[arg(long, short, conflicts_with = "null")]
    lines: bool,

    /// Send each argument or record with a NUL byte behind it, whole up to 4096 bytes
    #[arg(long, short = '0')]
    null: bool,

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

#[derive(Serialize)]
struct Document {
    #[serde(flatten)]
    label: Label,
    sent: u64,
    records: Option<u64>,
}

impl Send {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let deadline = self.waiting.deadline();
        let patience = self.patience.moment();
        let place = context.place(&self.name)?;
        let fifo = super::find(&place)?;
        // Opened first: a file that is missing must not wake a reader.
        let source = match self.source.is_stream(&self.data) {
            true => Some(fifo::Source::new(self.source.descriptor()?)),
            false => None,
        };
        let mut wait = context.wait(deadline, format!("a reader of pipe {place}"));
        let about = |error: crate::error::Error| error.or_about(&place);
        let mut writer = match Writer::open(&fifo, patience, &mut wait) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Exit::No),
            result => result.map_err(about)?,
        };
        let result = self.send(&mut writer, source.as_ref(), &mut wait);
        if context.out.is_json() {
            let label = place.label(&context.scope);
            let records = result.as_ref().ok().copied().flatten();
            let sent = writer.sent();
            context.out.json(&Document {
                label,
                sent,
                records,
            })?;
        }
        match result {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let sent = writer.sent();
                context.out.say(format_args!(
                    "ipc: pipe send: {place}: full; {sent} bytes are sent"
                ));
                Ok(Exit::No)
            }
            result => Ok(result.map(|_| Exit::Done).map_err(about)?),
        }
    }

    /// Sends everything; says how many records that were, where there are any.
    fn send(
        &self,
        writer: &mut Writer,
        source: Option<&fifo::Source>,
        wait: &mut Wait,
    ) -> Result<Option<u64>> {
        match self.size {
            Some(size) => resize(&*writer, size.0)?,
            None if source.is_some() => enlarge(&*writer),
            None => {}
        }
        match (source, self.separator()) {
            (Some(source), Some(separator)) => {
                writer.send_records(source, separator, wait).map(Some)
            }
            (Some(source), None) => writer.send_all(source, wait).map(|()| None),
            (None, None) => {
                let all: Vec<u8> = self.data.iter().flat_map(bytes).copied().collect();
                writer.send(&all, wait).map(|()| None)
            }
            (None, Some(separator)) => {
                for word in &self.data {
                    writer.send(&[bytes(word), &[separator]].concat(), wait)?;
                }
                Ok(Some(self.data.len() as u64))
            }
        }
    }

    fn separator(&self) -> Option<u8> {
        match () {
            () if self.lines => Some(b'\n'),
            () if self.null => Some(0),
            () => None,
        }
    }
}
