//! `ipc sock listen`.

use std::ffi::OsString;

use clap::Args;

use super::Sockets;
use super::options::{Form, Guard};
use super::talk;
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::options::{NewMode, Waiting};
use crate::error::ErrorKind;
use crate::exit::Exit;
use crate::object::socket::Listener;
use crate::process::blocked::Blocked;

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
    /// Name, path or @abstract name of the socket
    #[arg(value_name = "NAME", add = complete::names::<Sockets>())]
    name: OsString,

    #[command(flatten)]
    form: Form,

    #[command(flatten)]
    waiting: Waiting,

    #[command(flatten)]
    guard: Guard,

    #[command(flatten)]
    mode: NewMode,
}

impl Listen {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let deadline = self.waiting.deadline();
        let address = super::address(context, &self.name)?;
        let allowed = self.guard.of_server()?;
        context.out.stdout().check()?;
        let mut wait = context.wait(deadline, format!("a connection to {address}"));
        // Its file must not outlive it: signals come in while it sleeps, and end that.
        let blocked = Blocked::new()?;
        wait = wait.letting_in(blocked.former());
        wait.stop_on_signals()?;
        let listener = Listener::bind(&address, self.form.kind(), self.mode.mode)?;
        let taken = listener.accept(&mut wait, &allowed, &mut |error| {
            talk::refusal(context, error);
        });
        let mut connection = match taken {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Exit::No),
            result => result.map_err(|error| error.or_about(&address))?,
        };
        wait.interrupted()?;
        drop(listener);
        drop((wait, blocked));
        let label = address.label(&context.scope);
        talk::over_standard(context, &mut connection, &self.form, &label)
            .map_err(|error| error.or_about(&address))?;
        Ok(Exit::Done)
    }
}
