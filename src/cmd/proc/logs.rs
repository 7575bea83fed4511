//! `ipc proc logs`.

use std::ffi::OsString;

use clap::Args;

use super::Processes;
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::output::stdout_descriptor;
use crate::process::supervise::{Following, Log};
use crate::wait::Wait;

const MORE: &str = "\
Examples:
  ipc proc logs web -n 20
      Prints the last twenty lines of what it has printed.
  ipc proc logs web --follow | grep -m1 ready
      Waits until it says that it is ready, or has ended.

Exit status:
  3  there is no such process, or its log has gone
  6  its log is no regular file

See also: ipc-proc-start(1), tail(1)";

/// Print what a named process has printed
///
/// Standard output and standard error of all its runs, byte by byte as they came.
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
        if !self.follow {
            loop {
                let bytes = log.read()?;
                if bytes.is_empty() {
                    return Ok(Exit::Done);
                }
                context.out.bytes(&bytes)?;
            }
        }
        let mut wait = Wait::until(Deadline::Never);
        let mut following = Following::new(&name, log)?;
        while let Some(bytes) = following.next(stdout_descriptor(), &mut wait)? {
            context.out.bytes(&bytes)?;
            context.out.flush()?;
        }
        Ok(Exit::Done)
    }
}
