//! `ipc sem acquire`.

use std::ffi::OsString;

use clap::Args;
use serde_json::json;

use super::{Semaphores, open_or_create};
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::options::{NewMode, Waiting};
use crate::error::{ErrorKind, Result};
use crate::exit::Exit;
use crate::facts::Label;
use crate::name::Name;
use crate::object::sem::{MAX_VALUE, Semaphore};
use crate::process::blocked::Blocked;
use crate::wait::Wait;

const MORE: &str = "\
Examples:
  ipc sem acquire printer && { lpr page; ipc sem release printer; }
      Prints alone.
  ipc sem acquire builders --timeout 30s || exit
      Gives up after half a minute with exit code 124.
  ipc sem acquire builders -n 4
      Takes all four units: nobody else builds.

Exit status:
  1    under --try: not enough units
  3    there is no such semaphore, and --create was not given
  7    not a semaphore, or removed while waiting
  124  the time is over

See also: sem_overview(7), sem_wait(3), ipc-sem-release(1)";

/// Take units of a semaphore, waiting for them
///
/// A plain POSIX semaphore has no owner: the unit of a process that is killed
/// before it releases is lost. Where that matters, use flock(1): the kernel frees
/// its lock when the holder dies.
///
/// Several units are collected one by one; collectors take turns, so that two
/// of them cannot block each other. A wait that fails gives back what it took,
/// also when it is ended by SIGINT, SIGTERM, SIGHUP or SIGQUIT.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Acquire {
    /// Name of the semaphore
    #[arg(value_name = "NAME", add = complete::names::<Semaphores>())]
    name: OsString,

    /// Take this many units
    #[arg(long, short = 'n', value_name = "UNITS", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_VALUE)))]
    count: u32,

    #[command(flatten)]
    waiting: Waiting,

    /// Make the semaphore if it is missing, with VALUE units (1 if not given)
    #[arg(long, value_name = "VALUE", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "1")]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=i64::from(MAX_VALUE)))]
    create: Option<u32>,

    #[command(flatten)]
    mode: NewMode,
}

impl Acquire {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let deadline = self.waiting.deadline();
        let name = context.name(&self.name)?;
        if context.out.is_json() {
            context.out.stdout().check()?;
        }
        let semaphore = open_or_create(&name, self.create, self.mode.mode)?;
        let mut wait = context.wait(deadline, format!("semaphore {name}"));
        match self.take(&semaphore, &mut wait) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Exit::No),
            result => result.map_err(|error| error.about(&name))?,
        }
        if let Err(undelivered) = self.print(context, &name, &semaphore) {
            // Who is told of a failure has nothing to release.
            semaphore.release(self.count)?;
            return Err(undelivered.into());
        }
        Ok(Exit::Done)
    }

    /// Takes the units; from then on no signal ends this process, so that its
    /// exit code is true.
    fn take(&self, semaphore: &Semaphore, wait: &mut Wait) -> Result<()> {
        let blocked = Blocked::new()?;
        if semaphore.try_acquire(self.count) {
            blocked.for_good();
            return Ok(());
        }
        drop(blocked);
        semaphore.acquire(self.count, wait)?;
        // The wait still catches what comes before this.
        Blocked::new()?.for_good();
        Ok(())
    }

    fn print(&self, context: &mut Context, name: &Name, semaphore: &Semaphore) -> Result<()> {
        if !context.out.is_json() {
            return Ok(());
        }
        let label = Label::new(context.inner(name));
        context.out.json(&json!({
            "name": label.name, "acquired": self.count, "value": semaphore.value(),
        }))?;
        context.out.flush()
    }
}
