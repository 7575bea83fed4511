//! `ipc reap-zombies`: who has zombies, why, and what gets rid of them.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::context::Context;
use crate::deadline::parse_span;
use crate::exit::Exit;
use crate::process::target::parse_number;

mod cure;
mod list;
mod run;

const MORE: &str = "\
Examples:
  ipc reap-zombies
      Shows all zombies, by parent, and why they are there.
  ipc reap-zombies --older 10m --max 20 --quiet > /dev/null || echo 'too many zombies'
      For monitoring.
  ipc reap-zombies --parent 4711 --nudge
      Reminds the parent, and tells whether it helped.
  ipc reap-zombies --parent 4711 --end-parent --yes
      Ends the parent, so that its heir reaps.
  ipc reap-zombies --inject 4711
      Makes the parent reap, and goes on.

Exit status:
  0  shown; under --max: there are not more; or all zombies have been reaped
  1  under --max: there are more; none has been reaped, or there was none
  3  there is no such process
  5  the parent belongs to another user
  6  --inject is refused, with the reason
  8  some have been reaped, and some not

See also: ipc-reap-zombies-run(1), ipc-tree(1), wait(2), ptrace(2)";

/// Zombies: who does not reap them, and why; and a parent that does
///
/// A zombie is a process that has ended and whose parent has not asked how. It takes a
/// number and nothing else, and no signal gets rid of it: its parent has to. For each
/// parent the zombies are shown with the way in which they ended, and what keeps the
/// parent from reaping: no handler for SIGCHLD, SIGCHLD blocked or ignored, stopped, a
/// debugger, or the call that it is in.
///
/// The kernel does not keep when a process ended: the age of a zombie counts from its
/// start, and it has been a zombie for less than that. With --settle only those count
/// that are still there after a while.
///
/// --inject stops the parent by ptrace(2), has it call wait4(2), and lets it go on where
/// it was. It is for a parent that must not end, and sleeps; whatever is known to go
/// wrong is refused before the parent is touched: a call that would end with EINTR
/// (epoll_wait, sigtimedwait, semop and the like), a parent that is running, stopped,
/// traced, the first process of a pid namespace or within another one, a 32-bit program,
/// or under a seccomp filter. What remains: if ipc is killed within the same 50
/// microseconds, the parent is damaged, and a parent that waits for that very child
/// later finds none. On x86-64 alone.
#[derive(Debug, Args)]
#[command(after_long_help = MORE, args_conflicts_with_subcommands = true)]
#[command(subcommand_value_name = "VERB", subcommand_help_heading = "Verbs")]
pub(crate) struct ReapZombies {
    #[command(subcommand)]
    verb: Option<Verb>,

    #[command(flatten)]
    zombies: Zombies,
}

/// What to show, and what to do about it.
#[derive(Debug, Args)]
struct Zombies {
    /// Only the zombies of this parent; may be given several times
    #[arg(long, value_name = "PID", value_parser = parse_number)]
    parent: Vec<i32>,

    /// Only zombies that started DURATION ago or earlier: 250ms, 2s, 1m30s
    #[arg(long, value_name = "DURATION", value_parser = parse_span, default_value = "0s")]
    older: Duration,

    /// Only zombies that are still there after DURATION
    #[arg(long, value_name = "DURATION", value_parser = parse_span, default_value = "0s")]
    settle: Duration,

    /// Exit with 1 when there are more than COUNT
    #[arg(long, value_name = "COUNT")]
    max: Option<usize>,

    /// Send SIGCHLD to the parents, and tell whether it helped
    #[arg(long, conflicts_with_all = ["end_parent", "inject", "max"])]
    nudge: bool,

    /// Ask the parents to end, by SIGTERM, so that their heirs reap
    #[arg(long, requires = "parent", conflicts_with_all = ["inject", "max"])]
    end_parent: bool,

    /// Make the process PID reap its zombies, by ptrace
    #[arg(long, value_name = "PID", conflicts_with_all = ["parent", "max"])]
    #[arg(value_parser = parse_number)]
    inject: Option<i32>,

    /// Wait for the effect of --nudge or --end-parent for DURATION at most
    #[arg(long, value_name = "DURATION", value_parser = parse_span, default_value = "1s")]
    wait: Duration,

    /// Do not ask before a parent is ended
    #[arg(long, requires = "end_parent")]
    yes: bool,
}

/// The verbs of zombies.
#[derive(Debug, Subcommand)]
enum Verb {
    Run(run::Run),
}

impl ReapZombies {
    /// The full name of the command.
    pub(crate) fn path(&self) -> &'static str {
        match self.verb {
            Some(Verb::Run(_)) => "reap-zombies run",
            None => "reap-zombies",
        }
    }

    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        match self.verb {
            Some(Verb::Run(run)) => run.run(context),
            None => self.zombies.run(context),
        }
    }
}

impl Zombies {
    fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let parents = self.find()?;
        if self.nudge || self.end_parent || self.inject.is_some() {
            return self.cure(context, &parents);
        }
        list::show(context, &parents)?;
        let count: usize = parents.iter().map(|parent| parent.zombies.len()).sum();
        Ok(match self.max {
            Some(max) if count > max => Exit::No,
            _ => Exit::Done,
        })
    }
}
