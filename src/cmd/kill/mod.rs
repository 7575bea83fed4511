//! `ipc kill`.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::time::Duration;

use clap::Args;

use self::explain::Traces;
use self::outcome::{Intent, Outcome};
use super::complete;
use super::context::{Context, ending};
use super::leaf::{self, Parsed};
use crate::deadline::{Deadline, parse_span};
use crate::error::{Error, ErrorKind, Result};
use crate::exit::Exit;
use crate::process::selection::{Member, Protected, Selection, until_ended};
use crate::process::signal::Signal;
use crate::process::supervise;
use crate::process::target::Target;

mod explain;
mod outcome;
mod show;
mod words;

pub(crate) use words::shielded;

const MORE: &str = "\
Examples:
  ipc kill 4711
      Asks a process to end, with SIGTERM.
  ipc kill -s RTMIN+2 --queue 42 4711
      Sends a real-time signal with a value.
  ipc kill --tree --wait 5s 4711
      Ends a process and everything below it, and says what became of each.
  ipc kill 4711 --then KILL --after 10s --wait 1s
      Asks, and ends it ten seconds later if it is still there.
  ipc kill --explain --tree 4711
      Shows what would end, what would be freed, and what would be left.
  ipc kill -s TERM -- -4711
      Signals the process group 4711, as kill(1) has it: the same as pgid:4711.
  ipc kill -s HUP --yes 'name:web-*'
      Signals all processes whose programs are called so.

Exit status:
  0    every signal was sent; with --wait: every process has ended
  1    the process is spared: process 1, this one, or an ancestor; --wait 0 and still there
  2    a word is no target or no signal, and nothing was sent
  3    there is no such process, it is a zombie, or another one has its number
  5    permission denied
  8    some of several were not signalled or have not ended, or a tree has left something behind
  124  the time of --wait is over and processes are still there

See also: ipc-signal-ls(1), ipc-signal-explain(1), ipc-signal-wait(1), kill(1), pidfd_send_signal(2)";

/// Send signals to processes, groups, sessions and whole trees
///
/// A process is opened first, then compared with what was asked for, and only then sent
/// the signal: one that was given the number of another is never signalled. A target is
/// PID or pid:N, pid:N:START with the 22nd field of /proc/N/stat, pgid:N for a group,
/// sid:N for a session, proc:NAME for the command of a named process, or name:PATTERN for
/// the names of programs. Numbers are plain decimal. A group is also -N, as in kill(1),
/// behind a signal or behind --; -1, all processes, is refused. A name is that of all
/// processes of this program and acts at once; with *, ?, [ ] or { } in it, unless a
/// backslash stands before them, it is a pattern, and patterns only show what they would
/// do, until --yes is given. A process that several targets stand for is signalled once, and
/// told of with the first of them.
///
/// The signal is written -s SIG, -TERM or -9, and 0 sends none and asks whether it could
/// be sent. RTMIN+N and RTMAX-N are real-time signals; the numbers from 32 up to RTMIN, which
/// the C library keeps for its threads, are sent as they are, and most programs end by
/// them. A zombie is no process that a signal could reach: for every signal, and for 0,
/// the exit code is 3, as when its parent had reaped it already; with --wait it has ended.
///
/// Process 1, this process and its ancestors are spared unless --force is given or it is
/// only asked, with -0, whether they are there, and it
/// is told which. --dry-run and --explain show those too, what would be sent later, and
/// what a tree would leave.
///
/// With --tree everything below the target is sent the signal too. For a signal that ends
/// processes the tree is stopped first, and walked until nothing new is found, so that no
/// part of it can get away by starting another; then the signal is sent to all, and what
/// was not stopped before goes on. For KILL a tree that has a cgroup of version 2 to itself,
/// which this user may write, is ended by cgroup.kill first, at one blow: in a container, a
/// service or a scope of its own. What lost its parent is still found when it is in a
/// group or session that the tree has made, or below a subreaper that is in the tree.
/// A process that left all of them cannot be told for certain: one that was started later
/// than the target, has lost its parent, and has its group or its environment is named on
/// standard error, is not signalled, and makes the exit code 8; not so when it has become
/// a child of a subreaper above the tree, and of the same session. Should this command be
/// killed with SIGKILL at the wrong moment, the tree stays stopped.
#[derive(Debug, Args)]
#[command(after_long_help = MORE, override_usage = "ipc kill [OPTIONS] [-SIG] TARGET...")]
pub(crate) struct Kill {
    /// What to signal: PID, pid:N, pid:N:START, pgid:N, sid:N, proc:NAME, name:PATTERN
    #[arg(value_name = "TARGET", required = true, add = complete::processes())]
    targets: Vec<OsString>,

    /// The signal by name or number: TERM, SIGTERM, 15, RTMIN+2; 0 only asks
    #[arg(long, short, value_name = "SIG", add = complete::signals())]
    signal: Option<String>,

    /// Send this value with the signal, as sigqueue(3) does
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true)]
    queue: Option<i32>,

    /// Signal everything below the target too
    #[arg(long)]
    tree: bool,

    /// Wait until all have ended, at most this long, and say what became of each
    #[arg(long, value_name = "DURATION", value_parser = parse_span)]
    wait: Option<Duration>,

    /// Send SIG to what is still there when the time of --after is over; repeatable
    #[arg(long, value_name = "SIG", requires = "after", value_parser = str::parse::<Signal>)]
    #[arg(add = complete::signals())]
    then: Vec<Signal>,

    /// How long to wait before the SIG of --then: one for each, in order
    #[arg(long, value_name = "DURATION", requires = "then", value_parser = parse_span)]
    after: Vec<Duration>,

    /// Only show what would be signalled
    #[arg(long)]
    dry_run: bool,

    /// Only show what would be signalled, freed, released and left behind
    #[arg(long)]
    explain: bool,

    /// Signal process 1, this process and its ancestors too
    #[arg(long)]
    force: bool,

    /// Signal what a pattern matches, instead of only showing it
    #[arg(long)]
    yes: bool,
}

/// Parses the words behind `kill`, whose first stands for the program.
pub(crate) fn leaf<V>(wrap: fn(Kill) -> V, words: &[OsString]) -> Option<Parsed<V>> {
    let line = [&[OsString::from("ipc")], words].concat();
    let words = shielded(&line)?;
    Some(leaf::parse(wrap, &words[1..]))
}

impl Kill {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let operands = words::operands(&self.targets, self.signal.is_some())?;
        let option = self.signal.as_deref().map(words::sendable).transpose()?;
        let signal = option.or(operands.signal).unwrap_or(Some(Signal::TERM));
        self.check(signal)?;
        let mut outcome = Outcome::new(Intent {
            signal,
            value: self.queue,
            then: self
                .then
                .iter()
                .copied()
                .zip(self.after.iter().copied())
                .collect(),
            wait: self.wait,
        });
        let mut seen = HashSet::new();
        for target in operands.targets {
            if seen.insert(target.clone()) {
                self.select(context, target, &mut outcome);
            }
        }
        let needs_yes = outcome.has_pattern() && !self.yes && signal.is_some();
        if self.dry_run || self.explain || needs_yes {
            outcome.plan()?;
            let traces = self.explain.then(|| Traces::of(&outcome)).transpose()?;
            outcome.print_plan(context, traces.as_ref())?;
            let is_asked = self.dry_run || self.explain;
            if needs_yes && !is_asked && outcome.members().next().is_some() {
                context.out.say("hint: --yes signals them");
            }
            return Ok(outcome.exit());
        }
        if self.wait.is_some() || context.out.is_json() {
            // What became of them could not be told any more.
            context.out.stdout().check()?;
        }
        match signal {
            Some(signal) => self.act(context, &mut outcome, signal)?,
            None => ask(context, &mut outcome),
        }
        outcome.print(context)?;
        Ok(outcome.exit())
    }

    /// Sends, waits and sends again, as was asked for.
    fn act(&self, context: &Context, outcome: &mut Outcome, signal: Signal) -> Result<()> {
        send(context, outcome, signal, self.queue);
        for (next, after) in outcome.intent.then.clone() {
            if wait(context, outcome, after)?.is_none() {
                break;
            }
            send(context, outcome, next, None);
        }
        if let Some(span) = self.wait {
            let late = wait(context, outcome, span)?;
            outcome.judge(late.as_ref());
        }
        outcome.tell_rest(context)
    }

    /// What the parser cannot see.
    fn check(&self, signal: Option<Signal>) -> Result<()> {
        let refuse = |message: &str| Err(Error::new(ErrorKind::Usage, message));
        if self.then.len() != self.after.len() {
            return refuse("every --then needs an --after, and every --after a --then");
        }
        if signal.is_none()
            && (self.queue.is_some() || !self.then.is_empty() || self.wait.is_some())
        {
            return refuse("signal 0 is not sent: --queue, --then and --wait have no use");
        }
        Ok(())
    }

    fn selected(
        &self,
        context: &Context,
        target: &Target,
        protected: &Protected,
    ) -> Result<Selection> {
        let Target::Named(name) = target else {
            return Selection::of(target.clone(), self.tree, protected);
        };
        let process = supervise::running(&context.name(OsStr::new(name))?)?;
        Selection::of_named(target.clone(), &process, self.tree, protected)
    }

    fn select(&self, context: &Context, target: Target, outcome: &mut Outcome) {
        // To ask does no harm; a name is about other processes all the same.
        let only_asks = outcome.intent.signal.is_none() && outcome.intent.then.is_empty();
        let is_name = matches!(target, Target::Name(_));
        let protected = if self.force || only_asks && !is_name {
            Protected::none()
        } else {
            Protected::usual()
        };
        match self.selected(context, &target, &protected) {
            Ok(selection) => outcome.add(selection),
            Err(error) => {
                let error = error.or_about(&target);
                let message = error.to_string();
                let exit = ending(&error.into(), |failure| context.report(failure));
                outcome.fail(target, message, exit);
            }
        }
    }
}

/// Sends one signal to all; what it did not reach is told at once.
fn send(context: &Context, outcome: &mut Outcome, signal: Signal, value: Option<i32>) {
    let has_wait = outcome.intent.wait.is_some();
    for index in 0..outcome.count() {
        let Some(aim) = outcome.turn(index) else {
            continue;
        };
        let sent = aim.selection.send(signal, value);
        aim.take(|member| match member.had_ended {
            // Its end is what is waited for.
            true if has_wait => Exit::Done,
            true => ended(context, member),
            false => told(context, member),
        });
        if let Err(error) = sent {
            aim.spoil(ending(&error.into(), |failure| context.report(failure)));
        }
        if !aim.selection.has_settled() {
            let text = "the tree grows faster than it can be stopped";
            let error = Error::new(ErrorKind::Limit, text).about(&aim.selection.target);
            context.report(&error.into());
        }
    }
}

/// The exit that stands for one member, told when it is not success.
fn told(context: &Context, member: &Member) -> Exit {
    let Some(refusal) = &member.refusal else {
        return Exit::Done;
    };
    let error = Error::new(refusal.kind(), refusal.to_string());
    ending(&error.into(), |failure| context.report(failure))
}

/// A zombie takes signals, and nothing comes of them: as missing as one that
/// its parent has reaped, whichever came first.
fn ended(context: &Context, member: &Member) -> Exit {
    let message = format!(
        "has ended: a zombie, until its parent {} reaps it",
        member.row.ppid
    );
    let error = Error::new(ErrorKind::Missing, message);
    let error = error.about(format!("process {}", member.row.pid));
    ending(&error.into(), |failure| context.report(failure))
}

/// Waits for the ends; the error when some did not come in time.
fn wait(context: &Context, outcome: &Outcome, span: Duration) -> Result<Option<Error>> {
    let members: Vec<&Member> = outcome.members().collect();
    let mut wait = context.wait(Deadline::after(span), "processes to end".to_owned());
    match until_ended(&members, &mut wait) {
        Ok(()) => Ok(None),
        Err(error) => match error.kind() {
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Ok(Some(error)),
            _ => Err(error),
        },
    }
}

/// Signal 0: whether each could be sent a signal.
fn ask(context: &Context, outcome: &mut Outcome) {
    for index in 0..outcome.count() {
        let Some(aim) = outcome.turn(index) else {
            continue;
        };
        aim.selection.ask();
        aim.take(|member| match member.process.is_dead() {
            true => ended(context, member),
            false => told(context, member),
        });
    }
}
