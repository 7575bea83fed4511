//! What would come of it: `--explain`.

use serde_json::{Value, json};

use super::outcome::Outcome;
use crate::cmd::context::Context;
use crate::error::Result;
use crate::output::payload::with_entries;
use crate::process::identity::{CommandLine, Dispositions};
use crate::process::signal::Signal;
use crate::survey::traces;

/// What the processes would leave, and what they do about the signal.
pub(super) struct Traces {
    left: traces::Traces,
    /// Pid, command, and what becomes of the signal, where it does not just end.
    fates: Vec<(i32, CommandLine, &'static str)>,
    signal: Option<Signal>,
}

impl Traces {
    pub(super) fn of(outcome: &Outcome) -> Result<Traces> {
        let signal = outcome.intent.signal;
        let members = outcome.members().filter(|_| outcome.is_deadly());
        let ending = members.map(|member| member.row.pid).collect();
        let fates = outcome.members().filter_map(|member| {
            let fate = Dispositions::of(member.row.pid)?.fate(signal?);
            (fate != "default").then(|| (member.row.pid, CommandLine::of_row(&member.row), fate))
        });
        Ok(Traces {
            left: traces::Traces::of(&ending)?,
            fates: fates.collect(),
            signal,
        })
    }

    pub(super) fn print(&self, context: &mut Context) -> Result<()> {
        let out = &mut context.out;
        for (pid, command, fate) in &self.fates {
            let signal = self.signal.map(Signal::name).unwrap_or_default();
            out.line(format_args!("{signal} is {fate} by {pid}  {command}"))?;
        }
        for lock in &self.left.freed {
            let waiters = match &lock.waiters[..] {
                [] => String::new(),
                pids => format!(", released to {}", listed(pids)),
            };
            let held = format!("held by {} ({})", lock.pid, lock.mode);
            let name = &lock.label;
            out.line(format_args!("frees lock {name} {held}{waiters}"))?;
        }
        for object in &self.left.orphaned {
            let what = match object.kind {
                _ if object.removed => "frees removed",
                // No file is left of it: the name goes with its last user.
                "sock" if object.label.name.starts_with('@') => "frees",
                "sock" => "leaves stale",
                _ => "orphans",
            };
            let (kind, name) = (object.kind, &object.label);
            let users = listed(&object.users);
            out.line(format_args!("{what} {kind} {name} used by {users}"))?;
        }
        for child in &self.left.children {
            out.line(format_args!(
                "leaves child {} of {} to another parent  {}",
                child.pid, child.parent, child.command
            ))?;
        }
        Ok(())
    }

    pub(super) fn document(&self) -> Value {
        let fates = self
            .fates
            .iter()
            .map(|(pid, command, fate)| with_entries(json!({ "pid": pid, "fate": fate }), command));
        json!({
            "fates": fates.collect::<Vec<_>>(),
            "freed": self.left.freed,
            "orphaned": self.left.orphaned,
            "children": self.left.children,
        })
    }
}

fn listed(pids: &[i32]) -> String {
    let pids: Vec<String> = pids.iter().map(i32::to_string).collect();
    pids.join(", ")
}
