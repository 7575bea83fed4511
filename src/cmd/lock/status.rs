//! `ipc lock status`.

use std::ffi::OsString;

use clap::Args;
use serde_json::json;

use super::Locks;
use super::taking::holder;
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::error::Result;
use crate::exit::Exit;
use crate::facts::{Described, Label};
use crate::name::Name;
use crate::output::payload::with_entries;
use crate::output::table::moment;
use crate::process::identity::CommandLine;
use crate::process::target::parse_number;
use crate::shared::lock::{Lock, LockInfo};
use crate::survey::users;

const MORE: &str = "\
Examples:
  ipc lock status deploy
      Shows who holds it, since when, and who waits.
  ipc lock status deploy --mine && echo 'we hold it'
      Asks whether this shell holds it, for instance after an acquire was killed.

Exit status:
  0  shown; under --mine: the owner holds it
  1  under --mine: the owner does not hold it
  3  there is no such lock
  7  not a lock

See also: ipc-lock-acquire(1), ipc-lock-verify(1)";

/// Show who holds a lock and who waits for it
///
/// Needs read permission alone and never makes the lock. Waiters of other users are
/// seen by root only. A holder of another pid or time namespace is marked: its number is the
/// one there.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Status {
    /// Name of the lock
    #[arg(value_name = "NAME", add = complete::names::<Locks>())]
    name: OsString,

    /// Only tell by the exit code whether the owner holds it, and print its token
    #[arg(long)]
    mine: bool,

    /// The process to ask for under --mine, instead of the parent of this one
    #[arg(long, value_name = "PID", requires = "mine", value_parser = parse_number)]
    owner: Option<i32>,
}

impl Status {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let name = context.name(&self.name)?;
        let lock = Lock::look(&name)?;
        if self.mine {
            return self.answer(context, &name, &lock);
        }
        let info = LockInfo::look(&name)?;
        let holders: Vec<i32> = info
            .holders
            .iter()
            .flatten()
            .filter(|holder| !holder.foreign)
            .map(|holder| holder.pid.cast_signed())
            .collect();
        let users = users::of_file(info.facts().device, info.facts().inode);
        let waiters: Vec<i32> = users
            .into_iter()
            .filter(|pid| !holders.contains(pid))
            .collect();
        if context.out.is_json() {
            let label = Label::new(context.inner(&name));
            let waiters: Vec<_> = waiters
                .iter()
                .map(|pid| with_entries(json!({ "pid": pid }), &CommandLine::of(*pid)))
                .collect();
            context.out.json(&json!({
                "name": label.name, "state": info.state, "slots": info.slots,
                "holders": info.holders, "waiters": waiters,
            }))?;
            return Ok(Exit::Done);
        }
        print(context, &info, &waiters)?;
        Ok(Exit::Done)
    }

    fn answer(&self, context: &mut Context, name: &Name, lock: &Lock) -> anyhow::Result<Exit> {
        lock.require_this_namespace()
            .map_err(|error| error.about(name))?;
        let owner = holder(self.owner, lock)?;
        let token = lock.hold_of(&owner).map(|(_, word)| word.stamp().0);
        if context.out.is_json() {
            let label = Label::new(context.inner(name));
            let document = json!({ "name": label.name, "owner": owner.pid(), "mine": token.is_some(), "token": token });
            context.out.json(&document)?;
        } else if let Some(token) = token {
            context.out.line(token)?;
        }
        Ok(if token.is_some() {
            Exit::Done
        } else {
            Exit::No
        })
    }
}

fn print(context: &mut Context, info: &LockInfo, waiters: &[i32]) -> Result<()> {
    let held = info
        .holders
        .iter()
        .flatten()
        .filter(|holder| holder.mode != "pending")
        .count();
    let slots = info.slots.map(|count| format!(", {held} of {count} slots"));
    context.out.line(format_args!(
        "{}{}",
        info.state.unwrap_or("unknown"),
        slots.unwrap_or_default()
    ))?;
    for holder in info.holders.iter().flatten() {
        let command = match holder.foreign {
            true => "(a process of another namespace)".to_owned(),
            false => holder.command.to_string(),
        };
        context.out.line(format_args!(
            "holder {} {} since {} token {}  {}",
            holder.pid,
            holder.mode,
            moment(holder.since),
            holder.token,
            command
        ))?;
    }
    for pid in waiters {
        let command = CommandLine::of(*pid);
        context.out.line(format_args!("waiter {pid}  {command}"))?;
    }
    Ok(())
}
