//! What was done to each target, and what became of it.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::time::Duration;

use crate::cmd::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escaped;
use crate::exit::Exit;
use crate::output::tell;
use crate::process::identity::Row;
use crate::process::selection::{Identity, Member, Selection, Stray, Verdict};
use crate::process::signal::Signal;
use crate::process::target::Target;

/// How what was spared is signalled too.
pub(super) const INSIST: &str = "hint: --force signals what was spared too";

/// What is to be done to all targets.
pub(super) struct Intent {
    /// None only asks.
    pub(super) signal: Option<Signal>,
    pub(super) value: Option<i32>,
    /// Signals for what is still there after so long, in order.
    pub(super) then: Vec<(Signal, Duration)>,
    pub(super) wait: Option<Duration>,
}

/// All targets of one invocation.
pub(super) struct Outcome {
    pub(super) intent: Intent,
    pub(super) is_dry: bool,
    pub(super) aims: Vec<Aim>,
    pub(super) failed: Vec<(Target, String, Exit)>,
    /// What became of each, once it was waited for: looked at but once, so that
    /// the exit code and what is printed cannot differ.
    verdicts: Option<HashMap<Identity, Verdict>>,
    /// Which target sees to which process.
    owners: HashMap<Identity, usize>,
    /// The target that had its turn last.
    last: usize,
}

/// One target, and how it went so far.
pub(super) struct Aim {
    pub(super) selection: Selection,
    exit: Option<Exit>,
    /// What went wrong with it as a whole, whatever becomes of its processes.
    failure: Option<Exit>,
    pub(super) strays: Vec<Stray>,
    /// Cgroups that would be killed whole.
    pub(super) cgroups: Vec<PathBuf>,
}

impl Aim {
    /// The exit that its processes come to; one whose processes are all
    /// others' says nothing.
    pub(super) fn take(&mut self, exits: impl Fn(&Member) -> Exit) {
        self.exit = self.selection.members().map(exits).reduce(Exit::and);
    }

    /// Takes what went wrong with it as a whole.
    pub(super) fn spoil(&mut self, exit: Exit) {
        self.failure = self.failure.into_iter().chain([exit]).reduce(Exit::and);
    }

    /// Both, and that a tree was not brought to rest, if it is so still.
    fn exit(&self) -> Option<Exit> {
        let unsettled = (!self.selection.has_settled()).then_some(Exit::Partly);
        let all = self.exit.into_iter().chain(self.failure).chain(unsettled);
        all.reduce(Exit::and)
    }
}

impl Outcome {
    pub(super) fn new(intent: Intent) -> Outcome {
        Outcome {
            intent,
            is_dry: false,
            aims: Vec::new(),
            failed: Vec::new(),
            verdicts: None,
            owners: HashMap::new(),
            last: 0,
        }
    }

    pub(super) fn add(&mut self, selection: Selection) {
        self.aims.push(Aim {
            selection,
            exit: None,
            failure: None,
            strays: Vec::new(),
            cgroups: Vec::new(),
        });
        self.turn(self.aims.len() - 1);
    }

    /// How many targets stand for something.
    pub(super) fn count(&self) -> usize {
        self.aims.len()
    }

    /// One of these targets, with what the others see to left to them: a
    /// process that several targets stand for is the first one's alone.
    pub(super) fn turn(&mut self, index: usize) -> Option<&mut Aim> {
        // Only the last one to have its turn can have found more.
        if let Some(last) = self.aims.get(self.last) {
            for member in last.selection.members() {
                self.owners.entry(member.identity()).or_insert(self.last);
            }
        }
        self.last = index;
        let aim = self.aims.get_mut(index)?;
        aim.selection.share(&self.owners, index);
        Some(aim)
    }

    /// A target that stands for nothing that can be signalled.
    pub(super) fn fail(&mut self, target: Target, message: String, exit: Exit) {
        self.failed.push((target, message, exit));
    }

    /// Whether any of its signals ends processes that do nothing about it.
    pub(super) fn is_deadly(&self) -> bool {
        let then = self.intent.then.iter().map(|(signal, _)| *signal);
        let mut signals = self.intent.signal.into_iter().chain(then);
        signals.any(|signal| signal.action().is_deadly())
    }

    /// Alike stays, mixed is partly done.
    pub(super) fn exit(&self) -> Exit {
        let aims = self.aims.iter().filter_map(Aim::exit);
        let all = aims.chain(self.failed.iter().map(|(_, _, exit)| *exit));
        all.reduce(Exit::and).unwrap_or(Exit::Done)
    }

    pub(super) fn has_pattern(&self) -> bool {
        let found = self.aims.iter().map(|aim| &aim.selection.target);
        let failed = self.failed.iter().map(|(target, _, _)| target);
        found.chain(failed).any(Target::is_pattern)
    }

    /// All processes that are meant.
    pub(super) fn members(&self) -> impl Iterator<Item = &Member> {
        self.aims.iter().flat_map(|aim| aim.selection.members())
    }

    /// Takes the verdicts into the exit code.
    pub(super) fn judge(&mut self, late: Option<&Error>) {
        let verdicts: HashMap<Identity, Verdict> = self
            .members()
            .map(|member| (member.identity(), Verdict::of(member)))
            .collect();
        let there = match late.map(Error::kind) {
            Some(ErrorKind::WouldBlock) => Exit::No,
            _ => Exit::TimedOut,
        };
        for aim in &mut self.aims {
            aim.take(|member| match verdicts.get(&member.identity()) {
                Some(verdict) if verdict.is_end() => Exit::Done,
                Some(Verdict::Denied) => Exit::Denied,
                _ => there,
            });
        }
        self.verdicts = Some(verdicts);
    }

    /// What became of a process, if that was waited for.
    pub(super) fn verdict(&self, member: &Member) -> Option<Verdict> {
        self.verdicts.as_ref()?.get(&member.identity()).copied()
    }

    /// Finds what trees may have left, each process once.
    fn find_strays(&mut self) -> Result<()> {
        let mut seen = HashSet::new();
        for index in 0..self.count() {
            let Some(aim) = self.turn(index) else {
                continue;
            };
            aim.strays = aim.selection.strays()?;
            aim.strays
                .retain(|stray| seen.insert((stray.row.pid, stray.row.start)));
        }
        Ok(())
    }

    /// Tells of what a tree may have left, and of what was spared.
    pub(super) fn tell_rest(&mut self, context: &Context) -> Result<()> {
        self.find_strays()?;
        let mut has_spared = false;
        for aim in &mut self.aims {
            let target = &aim.selection.target;
            for Stray { row, because } in &aim.strays {
                tell(format_args!(
                    "ipc: kill: {target}: process {} ({}) was left: it has lost its parent \
                     and may have come from there, {because}",
                    row.pid,
                    escaped(&row.comm)
                ));
                tell(format_args!("hint: ipc kill {}", named(row)));
            }
            for (pid, reason) in &aim.selection.spared {
                let words = format_args!("{target}: process {pid} {reason}, and was spared");
                context.out.say(words);
            }
            has_spared |= !aim.selection.spared.is_empty();
            if !aim.strays.is_empty() || aim.selection.is_spared_in_part() {
                aim.spoil(Exit::Partly);
            }
        }
        if has_spared {
            context.out.say(INSIST);
        }
        Ok(())
    }

    /// Looks at what would be done, beyond the members.
    pub(super) fn plan(&mut self) -> Result<()> {
        self.is_dry = true;
        let (signal, has_wait) = (self.intent.signal, self.intent.wait.is_some());
        for index in 0..self.count() {
            let Some(aim) = self.turn(index) else {
                continue;
            };
            if signal == Some(Signal::KILL) {
                aim.cgroups = aim.selection.cgroups()?;
            }
            aim.selection.ask();
            aim.take(|member| match member.is_refused() {
                _ if member.had_ended && has_wait => Exit::Done,
                _ if member.had_ended => Exit::Missing,
                true => Exit::Denied,
                false => Exit::Done,
            });
        }
        match signal {
            Some(_) => self.find_strays(),
            // A question leaves nothing behind.
            None => Ok(()),
        }
    }
}

/// The process as a target that no other process is.
pub(super) fn named(row: &Row) -> String {
    let start = Some(row.start).filter(|start| !start.is_zero());
    Target::Process {
        pid: row.pid,
        start,
    }
    .to_string()
}
