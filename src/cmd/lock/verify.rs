//! `ipc lock verify`.

use std::ffi::OsString;

use clap::Args;
use serde_json::json;

use super::Locks;
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::exit::Exit;
use crate::facts::Label;
use crate::shared::lock::Lock;
use crate::shared::owner::Stamp;

const MORE: &str = "\
Examples:
  ipc lock verify deploy \"$IPC_LOCK_TOKEN\" || exit
      Stops when the lock has been lost meanwhile.

Exit status:
  0  the holder with this token still holds the lock
  1  it does not
  3  there is no such lock
  7  not a lock

See also: ipc-lock-acquire(1), ipc-lock-break(1)";

/// Tell by the exit code whether the holder with a token still holds the lock
///
/// Also that the name still stands for the object that gave the token.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Verify {
    /// Name of the lock
    #[arg(value_name = "NAME", add = complete::names::<Locks>())]
    name: OsString,

    /// The token that acquire printed
    #[arg(value_name = "TOKEN")]
    token: u64,
}

impl Verify {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let name = context.name(&self.name)?;
        let held = Lock::look(&name)?.verify(Stamp(self.token))?;
        if context.out.is_json() {
            let label = Label::new(context.inner(&name));
            let document = json!({ "name": label.name, "token": self.token, "held": held });
            context.out.json(&document)?;
        }
        Ok(if held { Exit::Done } else { Exit::No })
    }
}
