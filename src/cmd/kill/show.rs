//! How it is shown what would be done, what was done, and what became of it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::explain::Traces;
use super::outcome::{INSIST, Outcome, named};
use crate::cmd::context::Context;
use crate::error::Result;
use crate::escape::escaped;
use crate::output::payload::with_entries;
use crate::process::identity::{CommandLine, ticks_of};
use crate::process::selection::{Member, Stray, Verdict};
use crate::process::signal::Signal;

impl Outcome {
    /// Shows what would be done.
    pub(super) fn print_plan(&self, context: &mut Context, traces: Option<&Traces>) -> Result<()> {
        if context.out.is_json() {
            return context.out.json(&self.document(traces));
        }
        for member in self.members() {
            let what = match self.intent.signal {
                _ if member.had_ended => "would not reach the zombie".to_owned(),
                _ if member.is_refused() => "would not be permitted to signal".to_owned(),
                Some(signal) => format!("would send {signal} to"),
                None => "would ask".to_owned(),
            };
            let command = CommandLine::of_row(&member.row);
            let name = named(&member.row);
            context.out.line(format_args!("{what} {name}  {command}"))?;
        }
        for folder in self.aims.iter().flat_map(|aim| &aim.cgroups) {
            let folder = escaped(folder.as_os_str().as_encoded_bytes());
            let line = format_args!("would kill all of cgroup {folder} at one blow");
            context.out.line(line)?;
        }
        self.print_intent(context)?;
        self.print_rest(context)?;
        match traces {
            Some(traces) => traces.print(context),
            None => Ok(()),
        }
    }

    /// Shows what would follow the signal.
    fn print_intent(&self, context: &mut Context) -> Result<()> {
        if self.members().next().is_none() {
            return Ok(());
        }
        let out = &mut context.out;
        for (signal, after) in &self.intent.then {
            let after = humantime::format_duration(*after);
            let line = format_args!("would send {signal} to what is still there {after} later");
            out.line(line)?;
        }
        if let Some(span) = self.intent.wait {
            let span = humantime::format_duration(span);
            out.line(format_args!("would wait {span} at most for all to end"))?;
        }
        Ok(())
    }

    /// Shows what would not be signalled, though it may have been meant.
    fn print_rest(&self, context: &mut Context) -> Result<()> {
        let spared = self.aims.iter().flat_map(|aim| &aim.selection.spared);
        let spared: BTreeMap<_, _> = spared.collect();
        for (pid, reason) in &spared {
            let command = CommandLine::of(**pid);
            let line = format_args!("would spare {pid}, which {reason}  {command}");
            context.out.line(line)?;
        }
        for aim in &self.aims {
            let target = &aim.selection.target;
            for Stray { row, because } in &aim.strays {
                let (name, command) = (named(row), CommandLine::of_row(row));
                context.out.line(format_args!(
                    "would leave {name}, which has lost its parent and may have come from \
                     {target}, {because}  {command}"
                ))?;
            }
        }
        if !spared.is_empty() {
            context.out.say(INSIST);
        }
        Ok(())
    }

    /// Shows the verdicts, if they were waited for.
    pub(super) fn print(&self, context: &mut Context) -> Result<()> {
        if context.out.is_json() {
            return context.out.json(&self.document(None));
        }
        for member in self.members() {
            if let Some(verdict) = self.verdict(member) {
                let (pid, verdict) = (member.row.pid, verdict.sentence());
                context.out.line(format_args!("{pid} {verdict}"))?;
            }
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
                "cgroups": aim.cgroups.iter().map(PathBuf::as_path)
                    .chain(selection.struck())
                    .map(|folder| folder.to_string_lossy())
                    .collect::<Vec<_>>(),
            })
        });
        let failed = self.failed.iter().map(|(target, message, _)| {
            json!({
                "target": target.to_string(), "error": message,
                "processes": [], "spared": [], "strays": [], "cgroups": [],
            })
        });
        json!({
            "signal": self.intent.signal.map(Signal::name),
            "value": self.intent.value,
            "then": self.intent.then.iter()
                .map(|(signal, after)| json!({ "signal": signal.name(), "after": after.as_secs_f64() }))
                .collect::<Vec<_>>(),
            "wait": self.intent.wait.map(|span| span.as_secs_f64()),
            "dry_run": self.is_dry,
            "targets": found.chain(failed).collect::<Vec<_>>(),
            "effects": traces.map(Traces::document),
        })
    }

    fn process(&self, member: &Member) -> Value {
        let is_lost = member.had_ended && self.intent.wait.is_none();
        let ended = is_lost.then(|| "has ended: a zombie".to_owned());
        let sent: Vec<String> = member.sent.iter().map(|signal| signal.name()).collect();
        let document = json!({
            "pid": member.row.pid,
            "start": ticks_of(member.row.start),
            "sent": sent,
            "error": ended.or_else(|| member.refusal.as_ref().map(ToString::to_string)),
            "verdict": self.verdict(member).map(Verdict::word),
        });
        with_entries(document, &CommandLine::of_row(&member.row))
    }
}

fn stray(stray: &Stray) -> Value {
    let document = json!({
        "pid": stray.row.pid,
        "start": ticks_of(stray.row.start),
        "because": stray.because,
    });
    with_entries(document, &CommandLine::of_row(&stray.row))
}
