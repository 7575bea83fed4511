//! `ipc signal explain`.

use clap::Args;
use serde_json::json;

use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::error::{Error, ErrorKind};
use crate::exit::Exit;
use crate::output::payload::with_entries;
use crate::process::identity::{CommandLine, Dispositions, Process, Row};
use crate::process::signal::Signals;
use crate::process::target::parse_number;

const MORE: &str = "\
Examples:
  ipc signal explain $$
      Shows what this shell does about signals.
  ipc signal explain 4711 --json | jq .ignored
      Prints those that a process ignores.

Exit status:
  3  there is no such process
  5  its signals are hidden from this user

See also: ipc-signal-ls(1), ipc-kill(1), signal(7)";

/// Show which signals a process blocks, ignores and handles, and which wait for it
///
/// Blocked means blocked in all of its threads: such a signal waits, is pending, until
/// one of them lets it in. Signals that are not shown do what they do by default.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Explain {
    /// The process
    #[arg(value_name = "PID", value_parser = parse_number, add = complete::processes())]
    pid: i32,
}

impl Explain {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let process = Process::open(self.pid)?;
        let about = format!("process {}", self.pid);
        let found = Dispositions::of(self.pid).ok_or_else(|| {
            let (kind, message) = if process.is_dead() {
                (ErrorKind::Missing, "no such process")
            } else {
                (ErrorKind::Denied, "its signals are hidden from this user")
            };
            Error::new(kind, message).about(&about)
        })?;
        let sets = [
            ("blocked", found.blocked),
            ("ignored", found.ignored),
            ("caught", found.caught),
            ("pending", found.pending),
        ];
        if context.out.is_json() {
            let [blocked, ignored, caught, pending] = sets.map(|(_, set)| names(set));
            let state = Row::of(self.pid).map(|row| row.state.word());
            let document = json!({
                "pid": self.pid, "state": state,
                "blocked": blocked, "ignored": ignored, "caught": caught, "pending": pending,
            });
            context
                .out
                .json(&with_entries(document, &CommandLine::of(self.pid)))?;
            return Ok(Exit::Done);
        }
        for (word, set) in sets {
            let names = names(set).join(" ");
            let names = if names.is_empty() { "-" } else { &names };
            let word = format!("{word}:");
            context.out.line(format_args!("{word:<9}{names}"))?;
        }
        Ok(Exit::Done)
    }
}

fn names(set: Signals) -> Vec<String> {
    set.iter().map(|signal| signal.name()).collect()
}
