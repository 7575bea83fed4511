//! `ipc proc logs`.

use std::ffi::OsString;

use clap::Args;
use serde_json::{Value, json};

use super::Processes;
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::deadline::Deadline;
use crate::error::Result;
use crate::exit::Exit;
use crate::output::payload::Payload;
use crate::output::stdout_descriptor;
use crate::process::supervise::{Following, Log};
use crate::wait::Wait;

const MORE: &str = "\
Examples:
  ipc proc logs web -n 20
      Prints the last twenty lines of what it has printed.
  ipc proc logs web --json | jq -r .data
      The same through another program.
  ipc proc logs web --follow | grep -m1 ready
      Waits until it says that it is ready, or has ended.

Exit status:
  3  there is no such process, or its log has gone
  6  its log is no regular file

See also: ipc-proc-start(1), tail(1)";

/// Print what a named process has printed
///
/// Standard output and standard error of all its runs, byte by byte as they came. With
/// --json a document for each line: its bytes without the line end in data, as text or
/// in base64, as encoding says; complete is false for a last line without an end.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Logs {
    /// Name of the process
    #[arg(value_name = "NAME", add = complete::names::<Processes>())]
    name: OsString,

    /// Go on until the process has ended
    #[arg(long, short)]
    follow: bool,

    /// Print the last LINES lines only
    #[arg(long, short = 'n', value_name = "LINES")]
    lines: Option<u64>,
}

impl Logs {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let name = context.name(&self.name)?;
        let mut log = Log::open(&name, self.lines)?;
        let mut lines = Lines::default();
        if self.follow {
            let mut wait = Wait::until(Deadline::Never);
            let mut following = Following::new(&name, log)?;
            while let Some(bytes) = following.next(stdout_descriptor(), &mut wait)? {
                lines.print(context, &bytes)?;
                context.out.flush()?;
            }
        } else {
            loop {
                let bytes = log.read()?;
                if bytes.is_empty() {
                    break;
                }
                lines.print(context, &bytes)?;
            }
        }
        lines.finish(context)?;
        Ok(Exit::Done)
    }
}

/// What has come of a line that has not come to its end, for JSON.
#[derive(Debug, Default)]
struct Lines {
    begun: Vec<u8>,
}

impl Lines {
    fn print(&mut self, context: &mut Context, bytes: &[u8]) -> Result<()> {
        if !context.out.is_json() {
            return context.out.bytes(bytes);
        }
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.begun.extend_from_slice(part);
            if self.begun.pop_if(|last| *last == b'\n').is_some() {
                context.out.json(&document(&self.begun, true))?;
                self.begun.clear();
            }
        }
        Ok(())
    }

    /// Prints what has no end.
    fn finish(&self, context: &mut Context) -> Result<()> {
        if self.begun.is_empty() {
            return Ok(());
        }
        context.out.json(&document(&self.begun, false))
    }
}

fn document(line: &[u8], is_complete: bool) -> Value {
    let Payload { encoding, data } = Payload::new(line);
    json!({ "encoding": encoding, "data": data, "complete": is_complete })
}
