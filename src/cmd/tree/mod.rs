//! `ipc tree`.

use clap::Args;
use nix::unistd::geteuid;
use serde_json::{Value, json};

use super::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::exit::Exit;
use crate::output::branches::{Dot, branches};
use crate::output::payload::with_entries;
use crate::process::ending::in_words;
use crate::process::identity::{CommandLine, Process, Row, Table, user_of};
use crate::process::target::parse_number;
use crate::survey::holdings::{Holding, Holdings};
use crate::sys::wait::Ending;

const MORE: &str = "\
Examples:
  ipc tree
      Shows what this shell has started.
  ipc tree 1 --brief
      Shows all processes, as fast as they can be read.
  ipc tree $! --json
      For a program.
  ipc tree $$ --dot | dot -Tsvg > tree.svg
      Draws it.

Exit status:
  3  there is no such process

See also: ipc-fork-tree(1), ipc-reap-zombies(1), pstree(1), ps(1)";

/// Show the tree of processes below one
///
/// A line for each process: number, state, command, and in brackets the named objects
/// that it holds (locks), has open or has mapped. Of zombies it tells how they ended.
/// Sockets are shown where they are bound, connections are not. Objects of other programs
/// are found too, those that have lost their name included; with a scope, only those
/// within it, and FIFOs and sockets that have a path instead of a name.
///
/// Objects of processes of other users are seen by root only. The process that shows
/// the tree is left out.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Tree {
    /// The process at the top, instead of the parent of this one
    #[arg(value_name = "PID", value_parser = parse_number)]
    pid: Option<i32>,

    /// Show neither objects nor command lines, only states and short names
    #[arg(long)]
    brief: bool,

    /// Print a graph for dot(1)
    #[arg(long, conflicts_with = "json")]
    dot: bool,
}

/// How many characters of a command line are shown as text.
const LONGEST: usize = 100;

/// One process as it is shown.
struct Shown {
    row: Row,
    parent: Option<usize>,
    depth: usize,
    command: CommandLine,
    ending: Option<Ending>,
    holdings: Vec<Holding>,
    /// Whether what it has open can be seen.
    is_visible: bool,
}

impl Tree {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let top = match self.pid {
            Some(pid) => pid,
            None => Process::parent()
                .map_err(|error| error.hint("ipc tree PID"))?
                .pid(),
        };
        let table = Table::read()?;
        let Some(row) = table.get(top) else {
            // Says whether the number is that of a thread.
            Process::open(top)?;
            let gone = Error::new(ErrorKind::Missing, "is hidden from this user");
            return Err(gone.about(format!("process {top}")).into());
        };
        let holdings = (!self.brief).then(|| Holdings::look(&context.scope));
        let shown = collect(&table, row, holdings.as_ref());
        if context.out.is_json() {
            print_json(context, top, &shown)?;
        } else if self.dot {
            context.out.line(graph(&shown))?;
        } else {
            print(context, &shown)?;
        }
        let hidden = shown.iter().filter(|one| !one.is_visible).count();
        if hidden > 0 {
            context.out.say(format_args!(
                "ipc: tree: what {hidden} of these processes have open is hidden from this user"
            ));
        }
        Ok(Exit::Done)
    }
}

/// The processes from the top on, each before those below it.
fn collect(table: &Table, top: &Row, holdings: Option<&Holdings>) -> Vec<Shown> {
    let this = std::process::id().cast_signed();
    let mut found: Vec<Shown> = Vec::new();
    let mut left = vec![(top, None, 0)];
    while let Some((row, parent, depth)) = left.pop() {
        // Numbers that change hands while they are read could close a ring.
        if row.pid == this || depth > table.rows().len() {
            continue;
        }
        let index = found.len();
        found.push(Shown::of(row, parent, depth, holdings));
        let mut below: Vec<&Row> = table.children_of(row.pid).collect();
        below.reverse();
        left.extend(
            below
                .into_iter()
                .map(|child| (child, Some(index), depth + 1)),
        );
    }
    found
}

impl Shown {
    fn of(row: &Row, parent: Option<usize>, depth: usize, holdings: Option<&Holdings>) -> Shown {
        let is_zombie = row.is_zombie();
        let command = match holdings {
            Some(_) if !is_zombie => CommandLine::of_row(row),
            _ => CommandLine::short(row),
        };
        let (holdings, is_visible) = match holdings {
            Some(holdings) if !is_zombie && !row.is_kernel_thread() => {
                let (found, is_visible) = holdings.of(row.pid);
                // One that has ended meanwhile hides nothing.
                (found, is_visible || user_of(row.pid).is_none())
            }
            _ => (Vec::new(), true),
        };
        let ending = (is_zombie && tells_its_end(row)).then(|| Ending::of_status(row.exit_code));
        Shown {
            row: row.clone(),
            parent,
            depth,
            command,
            ending,
            holdings,
            is_visible,
        }
    }

    fn line(&self) -> String {
        let mut line = format!("{} {} ", self.row.pid, self.row.state.word());
        line.push_str(&cut(self.command.to_string()));
        if self.ending.is_some() {
            line.push_str(&format!(" ({})", in_words(self.ending)));
        }
        if self.row.threads > 1 {
            line.push_str(&format!(" {{{} threads}}", self.row.threads));
        }
        if !self.holdings.is_empty() {
            let has = self.holdings.iter().map(|one| {
                let removed = if one.removed { " removed" } else { "" };
                format!("{one} {}{removed}", one.how)
            });
            line.push_str(&format!(" [{}]", has.collect::<Vec<_>>().join(", ")));
        }
        line
    }
}

/// A command line that leaves room for others; JSON has it whole.
fn cut(command: String) -> String {
    match command.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &command[..at]),
        None => command,
    }
}

/// The kernel shows the status of a zombie to its own user and to root; to
/// others it is 0.
fn tells_its_end(row: &Row) -> bool {
    let this = geteuid();
    row.exit_code != 0 || this.is_root() || user_of(row.pid) == Some(this.as_raw())
}

fn print(context: &mut Context, shown: &[Shown]) -> Result<()> {
    let parents: Vec<Option<usize>> = shown.iter().map(|one| one.parent).collect();
    for (branch, one) in branches(&parents).into_iter().zip(shown) {
        context.out.line(format_args!("{branch}{}", one.line()))?;
    }
    Ok(())
}

fn print_json(context: &mut Context, top: i32, shown: &[Shown]) -> Result<()> {
    let processes: Vec<Value> = shown
        .iter()
        .map(|one| {
            let process = json!({
                "pid": one.row.pid, "ppid": one.row.ppid, "depth": one.depth,
                "state": one.row.state.word(),
                "threads": one.row.threads, "start": one.row.start.as_secs_f64(),
                "exit_code": one.ending.and_then(Ending::code),
                "signal": one.ending.and_then(Ending::signal),
                "objects": one.is_visible.then_some(&one.holdings),
            });
            with_entries(process, &one.command)
        })
        .collect();
    context
        .out
        .json(&json!({ "pid": top, "processes": processes }))
}

fn graph(shown: &[Shown]) -> String {
    let mut dot = Dot::new("tree");
    for one in shown {
        dot.node(one.row.pid, &one.line());
        if let Some(parent) = one.parent {
            dot.edge(shown[parent].row.pid, one.row.pid);
        }
    }
    dot.finish()
}
