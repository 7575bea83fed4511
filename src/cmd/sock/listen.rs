//! `ipc sock listen`.

use clap::Args;

use super::options::{Form, Server};
use super::talk;
use crate::cmd::context::Context;
use crate::error::ErrorKind;
use crate::exit::Exit;

const MORE: &str = "\
Examples:
  ipc sock listen chat
      Waits for another shell and talks with it, both ways.
  ipc sock listen backup --timeout 1m < request > answer || exit
      Sends a file to whoever connects and keeps what comes back.
  ipc sock listen events --type seqpacket --lines
      Each line is a message of its own.

Exit status:
  1    under --try: nobody was connecting
  4    somebody listens there already
  5    the runtime folder is not for you alone
  7    something is there that is not a socket; or the other side went before it
       read everything
  124  nobody connected in time

See also: unix(7), ipc-sock-connect(1), ipc-sock-serve(1), ipc-sock-recv(1)";

/// Wait for one connection and talk over standard input and output
///
/// What comes on standard input is sent, and what is received is printed, both at
/// once. The end of standard input ends that direction alone: what the other side
/// still sends is printed until it ends too. The time-out is for the connection;
/// the conversation may last.
///
/// The name is free again as soon as somebody has connected. A socket file whose
/// server is dead is replaced, a live one never, and nothing else ever. Others than
/// you and root are turned away, unless --allow-uid lets them in: they see the
/// connection close, and an ipc on their side ends with exit code 5.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Listen {
    #[command(flatten)]
    server: Server,

    #[command(flatten)]
    form: Form,
}

impl Listen {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let entrance = self.server.entrance(context)?;
        context.out.stdout().check()?;
        let (mut wait, blocked) = entrance.wait(context, "a connection to")?;
        let listener = entrance.listener(self.form.kind())?;
        let mut connection = match entrance.accept(context, &listener, &mut wait) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Exit::No),
            result => result.map_err(|error| error.or_about(&entrance.address))?,
        };
        wait.interrupted()?;
        drop(listener);
        drop((wait, blocked));
        let label = entrance.address.label(&context.scope);
        talk::over_standard(context, &mut connection, &self.form, &label)
            .map_err(|error| error.or_about(&entrance.address))?;
        Ok(Exit::Done)
    }
}
