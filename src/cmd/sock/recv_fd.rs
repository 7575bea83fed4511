//! `ipc sock recv-fd`.

use std::ffi::OsString;

use clap::Args;

use super::Sockets;
use super::handed::Use;
use super::options::Guard;
use super::talk;
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::options::{Conflict, NewMode, Waiting};
use crate::error::{Error, ErrorKind, Result};
use crate::exit::Exit;
use crate::object::socket::handing::{Delivery, take_over};
use crate::object::socket::{Address, Allowed, Listener, Type};
use crate::process::blocked::Blocked;
use crate::wait::Wait;

const MORE: &str = "\
Examples:
  ipc sock recv-fd secrets --place 0=shadow --exec -- grep root
      Reads a file that was handed over, as standard input.
  ipc sock recv-fd worker --timeout 1m --exec -- sh -c 'cat <&3'
      Reads the first of those that come.
  ipc sock recv-fd inbox
      Shows what comes, and closes it.

Exit status:
  1    under --try: nobody was sending
  4    somebody listens there already
  5    the runtime folder is not for you alone
  6    the table of descriptors is full: all are closed again, and the sender is told
  7    something is there that is not a socket; or the sender was reset
  124  nobody sent in time
  With --exec all of these but 124 are 125; else the exit code of the command, or
  126 or 127 when it cannot be executed or is not found.

See also: unix(7), sd_listen_fds(3), ipc-sock-send-fd(1), ipc-sock-fetch(1)";

/// Take descriptors that another process hands over
///
/// With --exec the verb becomes a command that has them; without, it shows what came,
/// a line each with label, type and target, and closes them. When there is no room
/// for all of them, all are closed again, so that none is left over, and the sender is
/// told. Others than you and root are turned away, unless --allow-uid lets them in.
///
/// The command is looked for before anybody is let in. The sender hears of success only
/// when all are where they belong, or the list is printed; when the command cannot be
/// started after all, it hears of that too.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct RecvFd {
    /// Name, path or @abstract name of the socket
    #[arg(value_name = "NAME", add = complete::names::<Sockets>())]
    name: OsString,

    #[command(flatten)]
    waiting: Waiting,

    #[command(flatten)]
    conflict: Conflict,

    #[command(flatten)]
    guard: Guard,

    #[command(flatten)]
    mode: NewMode,

    #[command(flatten)]
    usage: Use,
}

impl RecvFd {
    pub(crate) fn is_run_like(&self) -> bool {
        self.usage.is_run_like()
    }

    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let deadline = self.waiting.deadline();
        let address = super::address(context, &self.name)?;
        let allowed = self.guard.of_server()?;
        let command = self.usage.command()?;
        if let Some(ending) = self.usage.prepare(context, command.as_deref(), None)? {
            return Ok(ending);
        }
        let mut wait = context.wait(deadline, format!("a sender to {address}"));
        // Its file must not outlive it: signals come in while it sleeps, and end that.
        let blocked = Blocked::new()?;
        wait = wait.letting_in(blocked.former());
        wait.stop_on_signals()?;
        let taken = self.take(context, &address, &allowed, &mut wait);
        let delivery = match taken.map_err(|error| error.or_about(&address)) {
            Err(error) if self.is_run_like() => return self.conflict.or_fail(context, error),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Exit::No),
            result => result?,
        };
        wait.interrupted()?;
        drop((wait, blocked));
        let mut wait = Wait::until(deadline);
        self.usage
            .apply(context, &address, command.as_deref(), delivery, &mut wait)
    }

    fn take(
        &self,
        context: &Context,
        address: &Address,
        allowed: &Allowed,
        wait: &mut Wait,
    ) -> Result<Delivery> {
        let listener = Listener::bind(address, Type::Stream, self.mode.mode)?;
        let mut refused = |error: Error| talk::refusal(context, error);
        let connection = listener.accept(wait, allowed, &mut refused)?;
        drop(listener);
        take_over(connection, wait)
    }
}
