//! `ipc sock stat`.

use std::ffi::OsString;

use clap::Args;
use serde_json::{Value, json};

use super::Sockets;
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::kind::Kind;
use crate::exit::Exit;
use crate::object::socket::Address;
use crate::survey::sockets;

const MORE: &str = "\
Examples:
  ipc sock stat chat
      Shows type, server, queue, mode, owner and times.
  ipc sock stat --json /run/web.sock @bus
      The same of sockets of other programs, in one document.

Exit status:
  3  there is no such socket
  7  what is there is not a socket
  8  some of several are missing

See also: unix(7), ss(8), ipc-sock-ls(1)";

/// Show everything about sockets
///
/// Names, paths and @abstract names. Which type it is, which processes have it, how
/// many connections wait to be taken, and the file by which other programs find it.
/// The kernel is asked, not the server, which does not notice.
///
/// What is not known, or not there, is - in text and null in JSON. An abstract name has no
/// file, so no mode, group or time: uid is the user who bound it, and device and inode
/// are those of the socket itself.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Stat {
    /// Names, paths or @abstract names of the sockets
    #[arg(value_name = "NAME", required = true, add = complete::names::<Sockets>())]
    names: Vec<OsString>,

    /// Print sizes in bytes, without units
    #[arg(long, short)]
    bytes: bool,
}

impl Stat {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let mut found = Vec::new();
        let ending = context.each(&self.names, |context, raw| {
            let address = Address::foreign(&context.scope, raw)?;
            let info = sockets::look(&address, &context.scope)?;
            // A struct of strings and numbers, which always has a form.
            found.push(serde_json::to_value(&info).unwrap_or(Value::Null));
            Ok(())
        });
        if context.out.is_json() {
            context.out.json(&json!({ "objects": found }))?;
            return Ok(ending);
        }
        for (index, object) in found.iter().enumerate() {
            if index > 0 {
                context.out.line("")?;
            }
            context.out.details(Sockets::COLUMNS, object, self.bytes)?;
        }
        Ok(ending)
    }
}
