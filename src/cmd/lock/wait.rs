//! `ipc lock wait`.

use std::ffi::OsString;

use clap::Args;
use serde_json::json;

use super::Locks;
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::options::Waiting;
use crate::error::ErrorKind;
use crate::exit::Exit;
use crate::facts::Label;
use crate::shared::lock::Lock;

const MORE: &str = "\
Examples:
  for f in *; do ipc lock run jobs --slots 4 -- gzip \"$f\" & done; ipc lock wait jobs
      Runs four at a time and goes on when none of them runs any more.
  ipc lock wait deploy --try || echo 'somebody deploys'
      Asks whether it is free.

Exit status:
  0    nobody holds it
  1    under --try: somebody does
  3    there is no such lock
  6    the lock belongs to another pid namespace: ipc lock rm removes it when its
       container is gone
  7    not a lock, or removed while waiting
  124  the time is over

See also: ipc-lock-run(1), ipc-lock-status(1)";

/// Wait until nobody holds a lock, and take nothing
///
/// All slots and all readers must be free at one look. A job that has been started and
/// has not come to take the lock yet is not waited for, and somebody else may take it
/// at the next moment.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Wait {
    /// Name of the lock
    #[arg(value_name = "NAME", add = complete::names::<Locks>())]
    name: OsString,

    #[command(flatten)]
    waiting: Waiting,
}

impl Wait {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let deadline = self.waiting.deadline();
        let name = context.name(&self.name)?;
        let lock = Lock::open(&name)?;
        let mut wait = context.wait_for_lock(deadline, &lock, &name);
        let free = match lock.wait_until_free(&mut wait) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => false,
            result => result.map(|()| true).map_err(|error| error.about(&name))?,
        };
        if context.out.is_json() {
            let label = Label::new(context.inner(&name));
            context
                .out
                .json(&json!({ "name": label.name, "free": free }))?;
        }
        Ok(if free { Exit::Done } else { Exit::No })
    }
}
