//! What was done to each target, what became of it, and how it is shown.

use serde_json::{Value, json};

use super::explain::Traces;
use crate::cmd::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escaped;
use crate::exit::Exit;
use crate::output::tell;
use crate::process::identity::{Row, command_of, ticks_of};
use crate::process::selection::{Member, Selection, Stray, Verdict};
use crate::process::signal::Signal;
use crate::process::target::Target;

/// All targets of one invocation.
pub(super) struct Outcome {
    signal: Option<Signal>,
    value: Option<i32>,
    pub(super) is_dry: bool,
    aims: Vec<Aim>,
    failed: Vec<(Target, String, Exit)>,
    has_waited: bool,
}

/// One target, and how it went so far.
pub(super) struct Aim {
    pub(super) selection: Selection,
    pub(super) exit: Exit,
    strays: Vec<Stray>,
}

impl Outcome {
    pub(super) fn new(signal: Option<Signal>, value: Option<i32>) -> Outcome {
        Outcome {
            signal,
            value,
            is_dry: false,
            aims: Vec::new(),
            failed: Vec::new(),
            has_waited: false,
        }
    }

    pub(super) fn add(&mut self, selection: Selection) {
        self.aims.push(Aim {
            selection,
            exit: Exit::Done,
            strays: Vec::new(),
        });
    }

    /// A target that stands for nothing that can be signalled.
    pub(super) fn fail(&mut self, target: Target, message: String, exit: Exit) {
        self.failed.push((target, message, exit));
    }

    pub(super) fn signal(&self) -> Option<Signal> {
        self.signal
    }

    /// Alike stays, mixed is partly done.
    pub(super) fn exit(&self) -> Exit {
        let aims = self.aims.iter().map(|aim| aim.exit);
        let all = aims.chain(self.failed.iter().map(|(_, _, exit)| *exit));
        all.reduce(Exit::and).unwrap_or(Exit::Done)
    }

    pub(super) fn has_pattern(&self) -> bool {
        let found = self.aims.iter().map(|aim| &aim.selection.target);
        let failed = self.failed.iter().map(|(target, _, _)| target);
        found.chain(failed).any(Target::is_pattern)
    }

    pub(super) fn aims(&mut self) -> impl Iterator<Item = &mut Aim> {
        self.aims.iter_mut()
    }

    /// All processes that are meant.
    pub(super) fn members(&self) -> impl Iterator<Item = &Member> {
        self.aims.iter().flat_map(|aim| aim.selection.members())
    }

    /// Takes the verdicts into the exit code.
    pub(super) fn judge(&mut self, late: Option<&Error>) {
        self.has_waited = true;
        let there = match late.map(Error::kind) {
            Some(ErrorKind::WouldBlock) => Exit::No,
            _ => Exit::TimedOut,
        };
        for aim in &mut self.aims {
            let exits = aim
                .selection
                .members()
                .map(|member| match Verdict::of(member) {
                    verdict if verdict.is_end() => Exit::Done,
                    Verdict::Denied => Exit::Denied,
                    _ => there,
                });
            aim.exit = exits.reduce(Exit::and).unwrap_or(Exit::Done);
        }
    }

    /// Tells of what a tree may have left, and of what was spared.
    pub(super) fn find_strays(&mut self, context: &Context) -> Result<()> {
        for aim in &mut self.aims {
            let target = &aim.selection.target;
            aim.strays = aim.selection.strays()?;
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
            if !aim.strays.is_empty() || !aim.selection.spared.is_empty() {
                aim.exit = Exit::Partly;
            }
        }
        Ok(())
    }

    /// Shows what would be done.
    pub(super) fn print_plan(&self, context: &mut Context, traces: Option<&Traces>) -> Result<()> {
        if context.out.is_json() {
            return context.out.json(&self.document(traces));
        }
        for member in self.members() {
            let what = match self.signal {
                Some(signal) => format!("would send {signal} to"),
                None => "would ask".to_owned(),
            };
            let command = command(&member.row);
            let name = named(&member.row);
            context.out.line(format_args!("{what} {name}  {command}"))?;
        }
        let spared = self.aims.iter().flat_map(|aim| &aim.selection.spared);
        for (pid, reason) in spared {
            context
                .out
                .line(format_args!("would spare {pid}, which {reason}"))?;
        }
        match traces {
            Some(traces) => traces.print(context),
            None => Ok(()),
        }
    }

    /// Shows the verdicts, if they were waited for.
    pub(super) fn print(&self, context: &mut Context) -> Result<()> {
        if context.out.is_json() {
            return context.out.json(&self.document(None));
        }
        if !self.has_waited {
            return Ok(());
        }
        for member in self.members() {
            let verdict = Verdict::of(member).sentence();
            context
                .out
                .line(format_args!("{} {verdict}", member.row.pid))?;
        }
        Ok(())
    }

    fn document(&self, traces: Option<&Traces>) -> Value {
        let found = self.aims.iter().map(|aim| {
            let selection = &aim.selection;
            json!({
                "target": selection.target.to_string(),
                "error": null,
                "processes": selection.members().map(|one| self.process(one)).collect::<Vec<_>>(),
                "spared": selection.spared.iter()
                    .map(|(pid, reason)| json!({ "pid": pid, "reason": reason }))
                    .collect::<Vec<_>>(),
                "strays": aim.strays.iter().map(stray).collect::<Vec<_>>(),
            })
        });
        let failed = self.failed.iter().map(|(target, message, _)| {
            json!({
                "target": target.to_string(), "error": message,
                "processes": [], "spared": [], "strays": [],
            })
        });
        json!({
            "signal": self.signal.map(Signal::name),
            "value": self.value,
            "dry_run": self.is_dry,
            "targets": found.chain(failed).collect::<Vec<_>>(),
            "effects": traces.map(Traces::document),
        })
    }

    fn process(&self, member: &Member) -> Value {
        let sent: Vec<String> = member.sent.iter().map(|signal| signal.name()).collect();
        json!({
            "pid": member.row.pid,
            "start": ticks_of(member.row.start),
            "command": command_of(member.row.pid).unwrap_or_else(|| comm(&member.row)),
            "sent": sent,
            "error": member.refusal.as_ref().map(ToString::to_string),
            "verdict": self.has_waited.then(|| Verdict::of(member).word()),
        })
    }
}

fn stray(stray: &Stray) -> Value {
    json!({
        "pid": stray.row.pid,
        "start": ticks_of(stray.row.start),
        "command": command_of(stray.row.pid).unwrap_or_else(|| comm(&stray.row)),
        "because": stray.because,
    })
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

fn comm(row: &Row) -> String {
    String::from_utf8_lossy(&row.comm).into_owned()
}

/// What a process runs, safe to show.
pub(super) fn command(row: &Row) -> String {
    let command = command_of(row.pid).unwrap_or_else(|| comm(row));
    escaped(command.as_bytes())
}
