//! `ipc fork-tree`.

use std::ffi::OsString;
use std::time::Duration;

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};
use serde_json::{Value, json};

use super::context::Context;
use crate::deadline::parse_span;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escaped;
use crate::exit::Exit;
use crate::output::branches::{Dot, branches};
use crate::process::blocked::Blocked;
use crate::process::ending::in_words;
use crate::process::fork_tree::{Grown, Plan, Shape, State};
use crate::process::spawn::Spawn;
use crate::sys::wait::Ending;

const MORE: &str = "\
Examples:
  ipc fork-tree --shape 'a(b,c(d))' -- sh -c 'echo $IPC_TREE_PATH; sleep 1'
      Four processes, each with a command of its own.
  ipc fork-tree --depth 3 --fanout 10 --hold 1m &
      1111 processes that live for a minute.
  ipc fork-tree --depth 0 --zombies 5 --orphans 2 --hold 1m --json
      A process that does not reap its children, and two that lost their parent.
  ipc fork-tree --shape 'a(b,c)' --dot | dot -Tsvg > tree.svg
      Draws the tree.

Exit status:
  0    every node and its command ended with 0
  125  with CMD: ipc itself failed
  126, 127  the command cannot be executed, is not found
  6    without CMD: no room for so many processes
  8    nodes ended otherwise: without CMD; with it, when not all that failed did so alike
  With CMD, where all that failed did so alike: its exit code, or 128+N when signal N ended it.

See also: ipc-tree(1), ipc-reap-zombies(1), fork(2)";

/// Build a tree of real processes
///
/// Every node is a process, forked by the one above it. When all of them are there, the
/// tree is printed with their numbers, and only then each node runs CMD, as a child of
/// its own, and stays for the time of --hold. A node ends when its command, its time
/// and all nodes below it have ended, with the code of its command. How nodes ended is
/// printed at the end, unless it was with 0.
///
/// The command finds its place in the environment: IPC_TREE_PATH (a/c/d), IPC_TREE_NAME
/// (d), IPC_TREE_DEPTH (2; the root has 0), IPC_TREE_INDEX (3; the root has 0, and each
/// node comes before those below it), IPC_TREE_NODES (how many there are) and
/// IPC_TREE_PID (the process that made the tree).
///
/// When INT, TERM, HUP or QUIT ends ipc, all is killed before it returns, with whatever
/// the commands started, daemons too. A node that a signal ends, SIGKILL too, takes along
/// the nodes below it and their commands, by the kernel; what those commands started goes
/// too, as far as it has kept IPC_TREE_PID and IPC_TREE_INDEX in its environment: ipc
/// waits for the end of the rest. When ipc itself is killed by SIGKILL, the kernel kills
/// nodes, orphans and commands; what the commands had started is not killed then, for
/// nobody is left to do it. At the normal end ipc waits for what the commands left
/// running in the background.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct ForkTree {
    /// How many generations there are below the root
    #[arg(
        long,
        value_name = "DEPTH",
        default_value_t = 1,
        conflicts_with = "shape"
    )]
    depth: usize,

    /// How many children each node has that has any; their names are 0, 1, 2…
    #[arg(
        long,
        value_name = "FANOUT",
        default_value_t = 2,
        conflicts_with = "shape"
    )]
    fanout: usize,

    /// The tree itself, by the names of its nodes, such as a(b,c(d))
    #[arg(long, value_name = "SHAPE", value_parser = OsStringValueParser::new().try_map(shape))]
    shape: Option<Shape>,

    /// Let each node live for DURATION at least: 250ms, 2s, 1m30s
    #[arg(long, value_name = "DURATION", value_parser = parse_span, default_value = "0s")]
    hold: Duration,

    /// Let the root have COUNT zombies as long as it lives; they ended with 1, 2, 3…
    #[arg(long, value_name = "COUNT", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=65_536))]
    zombies: u32,

    /// Make COUNT processes whose parent has gone; they live as long as the root
    #[arg(long, value_name = "COUNT", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=65_536))]
    orphans: u32,

    /// Print the tree as a graph for dot(1)
    #[arg(long, conflicts_with = "json")]
    dot: bool,

    /// The command and its arguments
    #[arg(value_name = "CMD", last = true)]
    command: Vec<OsString>,
}

impl ForkTree {
    /// Whether the exit code is that of a command.
    pub(crate) fn is_run_like(&self) -> bool {
        !self.command.is_empty()
    }

    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let shape = match &self.shape {
            Some(shape) => shape.clone(),
            None => Shape::regular(self.depth, self.fanout)?,
        };
        let plan = Plan {
            shape: &shape,
            command: &self.command,
            hold: self.hold,
            zombies: self.zombies,
            orphans: self.orphans,
        };
        let blocked = Blocked::new()?;
        let grown = plan.grow(&blocked)?;
        self.show(context, &shape, &grown)?;
        context.out.flush()?;
        let ended = grown.run()?;
        report(context, &shape, &ended, self.dot)?;
        let exit = self.overall(&ended);
        if self.command.is_empty() {
            return Ok(exit);
        }
        context.explain_start(&Spawn::new(&self.command)?.name(), exit)
    }

    fn show(&self, context: &mut Context, shape: &Shape, grown: &Grown<'_>) -> Result<()> {
        if context.out.is_json() {
            let nodes = shape.nodes().iter().zip(grown.nodes()).enumerate();
            let nodes: Vec<Value> = nodes
                .map(|(index, (node, state))| {
                    json!({
                        "index": index, "path": shape.path(index), "depth": node.depth,
                        "pid": state.pid, "parent": node.parent,
                    })
                })
                .collect();
            return context.out.json(&json!({
                "event": "built", "nodes": nodes,
                "zombies": grown.zombies(), "orphans": grown.orphans(),
            }));
        }
        if self.dot {
            return context.out.line(graph(shape, grown));
        }
        let parents: Vec<Option<usize>> = shape.nodes().iter().map(|node| node.parent).collect();
        let lines = branches(&parents).into_iter().zip(shape.nodes());
        for ((branch, node), state) in lines.zip(grown.nodes()) {
            context
                .out
                .line(format_args!("{branch}{} {}", node.name, state.pid))?;
        }
        let root = grown.nodes().first().map_or(0, |root| root.pid);
        for pid in grown.zombies() {
            context.out.line(format_args!("zombie {pid} of {root}"))?;
        }
        for pid in grown.orphans() {
            context.out.line(format_args!("orphan {pid}"))?;
        }
        Ok(())
    }

    /// The code for all nodes together.
    fn overall(&self, ended: &[State]) -> Exit {
        let mut failed = ended
            .iter()
            .map(|node| node.exit().unwrap_or(Exit::Failed))
            .filter(|exit| exit.code() != 0);
        match failed.next() {
            None => Exit::Done,
            Some(first) if self.is_run_like() && failed.all(|other| other == first) => first,
            Some(_) => Exit::Partly,
        }
    }
}

fn shape(word: OsString) -> Result<Shape> {
    let text = word.to_str().ok_or_else(|| {
        let word = escaped(word.as_encoded_bytes());
        Error::new(
            ErrorKind::Usage,
            format!("a shape is like a(b,c(d)), and its names are UTF-8: {word} is not"),
        )
    });
    text.and_then(Shape::parse)
}

fn graph(shape: &Shape, grown: &Grown<'_>) -> String {
    let mut dot = Dot::new("tree");
    let pid = |index: usize| grown.nodes()[index].pid;
    for (index, node) in shape.nodes().iter().enumerate() {
        dot.node(pid(index), &format!("{}\n{}", node.name, pid(index)));
        if let Some(parent) = node.parent {
            dot.edge(pid(parent), pid(index));
        }
    }
    for zombie in grown.zombies() {
        dot.node(zombie, &format!("zombie\n{zombie}"));
        dot.edge(pid(0), zombie);
    }
    for orphan in grown.orphans() {
        dot.node(orphan, &format!("orphan\n{orphan}"));
    }
    dot.finish()
}

fn report(context: &mut Context, shape: &Shape, ended: &[State], as_graph: bool) -> Result<()> {
    if context.out.is_json() {
        let nodes: Vec<Value> = ended
            .iter()
            .enumerate()
            .map(|(index, state)| {
                let ending = state.exit().map(Ending::from);
                json!({
                    "index": index, "path": shape.path(index), "pid": state.pid,
                    "code": ending.and_then(Ending::code),
                    "signal": ending.and_then(Ending::signal),
                })
            })
            .collect();
        return context
            .out
            .json(&json!({ "event": "ended", "nodes": nodes }));
    }
    for (index, state) in ended.iter().enumerate() {
        let ending = state.exit().map(Ending::from);
        if ending == Some(Ending::Code(0)) {
            continue;
        }
        let how = in_words(ending);
        let line = format!("{} {} {how}", shape.path(index), state.pid);
        if as_graph {
            // What is on standard output has to stay a graph.
            context.out.say(line);
        } else {
            context.out.line(line)?;
        }
    }
    Ok(())
}
