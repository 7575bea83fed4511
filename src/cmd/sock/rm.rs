//! `ipc sock rm`.

use std::ffi::OsString;

use clap::Args;
use serde::Serialize;

use super::Sockets;
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::removal::RemoveArgs;
use crate::exit::Exit;
use crate::facts::Label;
use crate::object::socket::Address;

const MORE: &str = "\
Examples:
  ipc sock rm chat
      Removes what a dead server left.
  ipc sock rm --force ./web.sock
      Removes the file of a server that lives on, unseen by new clients.
  ipc sock rm --all --yes
      Removes all that dead servers of yours left.

Exit status:
  1  a server is there; or --match or --all found nothing of yours
  3  there is no such socket
  7  what is there is not a socket
  8  some of several could not be removed

See also: unix(7), ipc-sock-ls(1)";

/// Remove socket files
///
/// Of dead servers: that of a live one is refused, unless --force is given. Whoever
/// is connected stays so; the holder of ipc sock store ends, and closes what it has.
/// Nothing but sockets is ever removed. It is hardly needed, since the next server of a
/// name replaces a dead one by itself.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Rm {
    /// Names or paths of the sockets
    #[arg(id = "name", value_name = "NAME", required_unless_present_any = ["patterns", "all"])]
    #[arg(add = complete::names::<Sockets>())]
    names: Vec<OsString>,

    /// Remove the file of a live server too
    #[arg(long, requires = "name")]
    force: bool,

    #[command(flatten)]
    removal: RemoveArgs,
}

#[derive(Serialize)]
struct Document {
    #[serde(flatten)]
    label: Label,
    removed: bool,
}

impl Rm {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        if self.names.is_empty() {
            return self.removal.run::<Sockets>(context, &self.names);
        }
        Ok(context.each(&self.names, |context, raw| {
            let address = Address::foreign(&context.scope, raw)?;
            let removed = address.remove(self.force);
            removed.map_err(|error| error.or_about(&address))?;
            if context.out.is_json() {
                let label = address.label(&context.scope);
                let removed = true;
                context.out.json(&Document { label, removed })?;
            }
            Ok(())
        }))
    }
}
