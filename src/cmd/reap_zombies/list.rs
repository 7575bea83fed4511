//! The list of zombies, by parent.

use std::time::Duration;

use nix::poll::{PollTimeout, poll};
use serde_json::{Value, json};

use super::Zombies;
use crate::cmd::context::Context;
use crate::deadline::monotonic_now;
use crate::error::Result;
use crate::escape::escaped;
use crate::facts::text_and_bytes;
use crate::output::payload::with_entries;
use crate::process::ending::in_words;
use crate::process::identity::Process;
use crate::process::zombies::{Parent, Zombie, find};
use crate::sys::wait::Ending;

impl Zombies {
    /// The zombies that are meant.
    pub(super) fn find(&self) -> Result<Vec<Parent>> {
        let only: Vec<i32> = self.parent.iter().copied().chain(self.inject).collect();
        for pid in &only {
            Process::open(*pid)?;
        }
        let mut parents = find(&only)?;
        if !self.settle.is_zero() {
            pause(self.settle);
            for parent in &mut parents {
                parent.zombies.retain(Zombie::is_there);
            }
        }
        for parent in &mut parents {
            parent.zombies.retain(|zombie| zombie.age >= self.older);
        }
        parents.retain(|parent| !parent.zombies.is_empty());
        Ok(parents)
    }
}

fn pause(span: Duration) {
    let until = monotonic_now().saturating_add(span);
    loop {
        let left = until.saturating_sub(monotonic_now());
        if left.is_zero() {
            return;
        }
        // Rounded up: zero would be no sleep at all.
        let left = left.min(Duration::from_secs(3600)) + Duration::from_millis(1);
        let _ = poll(
            &mut [],
            PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX),
        );
    }
}

pub(super) fn show(context: &mut Context, parents: &[Parent]) -> Result<()> {
    if context.out.is_json() {
        let count: usize = parents.iter().map(|parent| parent.zombies.len()).sum();
        let parents: Vec<Value> = parents.iter().map(document).collect();
        return context
            .out
            .json(&json!({ "zombies": count, "parents": parents }));
    }
    for parent in parents {
        print(context, parent)?;
    }
    Ok(())
}

fn document(parent: &Parent) -> Value {
    let situation = &parent.situation;
    let reasons: Vec<Value> = parent
        .reasons()
        .into_iter()
        .map(|reason| json!({ "reason": reason.word, "sentence": reason.sentence }))
        .collect();
    let zombies: Vec<Value> = parent
        .zombies
        .iter()
        .map(|zombie| {
            let (name, bytes) = text_and_bytes(&zombie.name);
            let mut document = json!({
                "pid": zombie.pid, "name": name, "age": zombie.age.as_secs_f64(),
                "exit_code": zombie.ending.and_then(Ending::code),
                "signal": zombie.ending.and_then(Ending::signal),
            });
            if let Some(bytes) = bytes {
                document["name_bytes"] = json!(bytes);
            }
            document
        })
        .collect();
    let document = json!({
        "pid": parent.pid, "state": situation.state,
        "on_sigchld": situation.on_child, "call": situation.call,
        "wait_function": situation.wait_function, "tracer": situation.tracer,
        "reasons": reasons, "zombies": zombies,
    });
    with_entries(document, &parent.command)
}

fn print(context: &mut Context, parent: &Parent) -> Result<()> {
    let count = match parent.zombies.len() {
        1 => "1 zombie".to_owned(),
        count => format!("{count} zombies"),
    };
    context.out.line(format_args!(
        "{} has {count}: {}",
        parent.pid, parent.command
    ))?;
    for reason in parent.reasons() {
        context
            .out
            .line(format_args!("  why: {}", reason.sentence))?;
    }
    for zombie in &parent.zombies {
        let seconds = Duration::from_secs(zombie.age.as_secs());
        context.out.line(format_args!(
            "  {} {} {}, started {} ago",
            zombie.pid,
            escaped(&zombie.name),
            ended(zombie.ending),
            humantime::format_duration(seconds)
        ))?;
    }
    Ok(())
}

/// The end of a zombie is known, if not to everybody.
fn ended(ending: Option<Ending>) -> String {
    match ending {
        None => "ended, how is hidden".to_owned(),
        known => in_words(known),
    }
}
