//! `ipc signal ls`.

use clap::Args;
use serde_json::{Value, json};

use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::exit::Exit;
use crate::output::table::{Column, Layout, Show};
use crate::process::signal::Signal;

const MORE: &str = "\
Examples:
  ipc signal ls
      Shows all signals.
  ipc signal ls TERM 9 RTMIN+2
      Shows these, by name or number.
  ipc signal ls --json | jq '.objects[] | select(.action == \"stop\").name'
      Prints the names of those that stop a process.

Exit status:
  2  a word is not a signal

See also: ipc-signal-explain(1), ipc-kill(1), signal(7)";

const COLUMNS: [Column; 5] = [
    Column::new("number", "NUMBER", Show::Number),
    Column::new("name", "NAME", Show::Text),
    Column::new("action", "ACTION", Show::Text),
    Column::new("queued", "QUEUED", Show::Text),
    Column::new("description", "DESCRIPTION", Show::Text),
];

/// List signals, with what each does to a process that does nothing about it
///
/// RTMIN and those behind it are the real-time signals that the C library leaves to
/// programs. Those before it, from 32 on, it keeps for its threads: they have no names
/// and nobody can wait for them, and ipc kill sends them when they are written as numbers;
/// most programs end by them. Of a signal that is queued each one sent arrives, in order;
/// of the others a second one is lost while the first has not been taken.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Ls {
    /// Show only these, by name or number
    #[arg(value_name = "SIG", value_parser = str::parse::<Signal>, add = complete::signals())]
    signals: Vec<Signal>,

    /// Show these columns, in this order
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    columns: Option<Vec<String>>,

    /// Leave out the headings
    #[arg(long)]
    no_headings: bool,
}

impl Ls {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let shown: Vec<Signal> = match &self.signals[..] {
            [] => Signal::every().collect(),
            asked => asked.to_vec(),
        };
        let rows: Vec<Value> = shown.into_iter().map(row).collect();
        if context.out.is_json() {
            context.out.json(&json!({ "objects": rows }))?;
            return Ok(Exit::Done);
        }
        let layout = Layout {
            columns: self.columns,
            no_headings: self.no_headings,
            exact: false,
        };
        context.out.table(&COLUMNS, &rows, &layout)?;
        Ok(Exit::Done)
    }
}

fn row(signal: Signal) -> Value {
    json!({
        "number": signal.number(),
        "name": signal.name(),
        "action": signal.action().word(),
        "queued": signal.is_real_time(),
        "description": signal.description(),
    })
}
