//! `ipc sem release`.

use std::ffi::OsString;

use clap::Args;
use serde_json::json;

use super::{Semaphores, open_or_create};
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::options::NewMode;
use crate::exit::Exit;
use crate::facts::Label;
use crate::object::sem::MAX_VALUE;

const MORE: &str = "\
Examples:
  ipc sem release printer
      Gives one unit back; a waiter goes on.
  ipc sem release ready -n 3
      Lets three waiters go on.

Exit status:
  3  there is no such semaphore, and --create was not given
  6  the value would pass the maximum of 2147483647 (EOVERFLOW)
  7  not a semaphore

See also: sem_overview(7), sem_post(3), ipc-sem-acquire(1)";

/// Give units to a semaphore
///
/// Anybody who may write to it may give units, also without having taken any.
/// Wakes as many waiters, of C and Python programs too. Never waits.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Release {
    /// Name of the semaphore
    #[arg(value_name = "NAME", add = complete::names::<Semaphores>())]
    name: OsString,

    /// Give this many units
    #[arg(long, short = 'n', value_name = "UNITS", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_VALUE)))]
    count: u32,

    /// Make the semaphore if it is missing, with VALUE units (0 if not given) before these
    #[arg(long, value_name = "VALUE", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "0")]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=i64::from(MAX_VALUE)))]
    create: Option<u32>,

    #[command(flatten)]
    mode: NewMode,
}

impl Release {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let name = context.name(&self.name)?;
        if context.out.is_json() {
            context.out.stdout().check()?;
        }
        let semaphore = open_or_create(&name, self.create, self.mode.mode)?;
        let value = semaphore
            .release(self.count)
            .map_err(|error| error.about(&name))?;
        if context.out.is_json() {
            let label = Label::new(context.inner(&name));
            context
                .out
                .json(&json!({ "name": label.name, "released": self.count, "value": value }))?;
        }
        Ok(Exit::Done)
    }
}
