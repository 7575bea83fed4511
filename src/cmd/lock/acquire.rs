//! `ipc lock acquire`.

use std::ffi::OsString;

use clap::Args;
use serde_json::json;

use super::Locks;
use super::taking::{Taking, owner, tell_of_subshell};
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::options::Waiting;
use crate::error::ErrorKind;
use crate::exit::Exit;
use crate::facts::Label;
use crate::process::target::parse_number;

const MORE: &str = "\
Examples:
  ipc lock acquire deploy > token && { deploy; ipc lock release deploy; }
      Holds the lock in the name of the shell, from one command to another.
  tok=$(ipc lock acquire deploy --owner $$ -t 30s) || exit
      The same with the token in a variable, or gives up after half a minute.
  ipc lock acquire builders --slots 4
      Takes one of four slots.
  ipc lock acquire table --shared
      Reads together with others; a writer waits for all of them.

Exit status:
  1    under --try: busy
  2    the owner would be a process that ends at once
  3    there is no such owner
  4    the owner holds it already, or the lock has other slots
  6    the lock belongs to another pid namespace: ipc lock rm removes it when its
       container is gone
  7    not a lock, or removed; under --no-recover: its owner died
  124  the time is over

See also: ipc-lock-release(1), ipc-lock-run(1), ipc-lock-status(1), flock(1)";

const NO_RECOVER: &str = "Fail with exit code 7 when the last owner died while it held by acquire";

/// Take a lock in the name of a process, and print the fencing token
///
/// The owner is the parent process, as a rule the shell, and holds the lock until it
/// is released or the owner ends, however it ends. The lock is made on first use. Each
/// later holder has a larger token: a resource that remembers the largest it has seen
/// can refuse one that lost its lock while it was stopped.
///
/// A parent that ends at once is refused as the owner, with exit code 2: a subshell that
/// prints into a pipe which its shell does not print into, as in $(ipc lock acquire L ||
/// exit) and { ipc lock acquire L; ...; } | tee log; sh -c with this command alone; a
/// program that only runs this one, such as timeout, sudo, strace, time, xargs; and
/// process 1 or a reaper in place of a parent that has ended. A command that is all there
/// is in $(...) has no subshell in between, and the shell is the owner; bash makes one
/// where there is a redirection. --owner $$ means the shell of the script in every case.
///
/// Of another subshell it is said that the lock ends with it. Nothing is said of sh -c
/// 'ipc lock acquire L; ...': its shell is the owner, and the lock is free when that
/// script ends.
///
/// When the owner dies without a release, its hold is abandoned: the next one takes it
/// over and is told so, for what it worked on may be half done; under --no-recover it
/// ends with 7 instead. Up to 120 readers hold a lock at once; one more finds it busy.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
#[command(mut_arg("no_recover", |option| option.help(NO_RECOVER)))]
pub(crate) struct Acquire {
    /// Name of the lock
    #[arg(value_name = "NAME", add = complete::names::<Locks>())]
    name: OsString,

    /// The process that will hold it, instead of the parent of this one
    #[arg(long, value_name = "PID", value_parser = parse_number)]
    owner: Option<i32>,

    #[command(flatten)]
    taking: Taking,

    #[command(flatten)]
    waiting: Waiting,
}

impl Acquire {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let deadline = self.waiting.deadline();
        let name = context.name(&self.name)?;
        let owner = owner(self.owner)?;
        let lock = self.taking.open(&name)?;
        let mut wait = context.wait_for_lock(deadline, &lock, &name);
        let acquired = match self.taking.take(&lock, &name, &owner, &mut wait, context) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Exit::No),
            result => result?,
        };
        let token = acquired.token().0;
        if context.out.is_json() {
            let label = Label::new(context.inner(&name));
            context.out.json(&json!({
                "name": label.name, "token": token, "owner": owner.pid(), "index": acquired.index,
                "recovered": acquired.recovered, "dead_owner": acquired.dead_owner,
            }))?;
        } else {
            context.out.line(token)?;
        }
        // A token that nobody has read is a lock that nobody knows of.
        if let Err(error) = context.out.flush() {
            // It was won a moment ago, so it can be given back.
            let _ = lock.release(&owner);
            return Err(error.into());
        }
        if self.owner.is_none() {
            tell_of_subshell(context, &name, &owner);
        }
        Ok(Exit::Done)
    }
}
