//! `ipc sock recv-fd`.

use clap::Args;

use super::handed::Use;
use super::options::{Entrance, Server};
use crate::cmd::context::Context;
use crate::cmd::options::Conflict;
use crate::error::{ErrorKind, Result};
use crate::exit::Exit;
use crate::object::socket::Type;
use crate::object::socket::handing::{Delivery, take_over};
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
/// started after all, it hears of that too. A sender that came with --wait before this verb
/// listens is not told what the verb is refused for: it waits for the next one, up to its own
/// --timeout.
///
/// A program of any language sends them. It connects to the stream socket, whose path ipc
/// sock stat shows, and sends with sendmsg(2) descriptors (SCM_RIGHTS), at most 253 with one
/// message and as many messages as it takes. The bytes beside them, at least one each time,
/// are the labels, a line each in the order of the descriptors; a descriptor is called
/// unknown when the lines are not as many as the descriptors, or its own is no label: 1 to
/// 255 printable ASCII characters without a colon. Then it shuts its side down for writing,
/// and nothing is used before; and it reads up to the end. The last line is ok, or begins
/// with "no: " and says why not; without either they were not taken. In Python:
/// socket.send_fds(s, [b"log\n"], (fd,)); s.shutdown(socket.SHUT_WR); s.makefile().read()
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct RecvFd {
    #[command(flatten)]
    server: Server,

    #[command(flatten)]
    conflict: Conflict,

    #[command(flatten)]
    usage: Use,
}

impl RecvFd {
    pub(crate) fn is_run_like(&self) -> bool {
        self.usage.is_run_like()
    }

    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let entrance = self.server.entrance(context)?;
        let command = self.usage.command()?;
        if let Some(ending) = self.usage.prepare(context, command.as_deref(), None)? {
            return Ok(ending);
        }
        let (mut wait, blocked) = entrance.wait(context, "a sender to")?;
        let taken = take(context, &entrance, &mut wait);
        let delivery = match taken.map_err(|error| error.or_about(&entrance.address)) {
            Err(error) if self.is_run_like() => return self.conflict.or_fail(context, error),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Exit::No),
            result => result?,
        };
        wait.interrupted()?;
        drop((wait, blocked));
        let mut wait = Wait::until(entrance.deadline);
        let address = &entrance.address;
        self.usage
            .apply(context, address, command.as_deref(), delivery, &mut wait)
    }
}

fn take(context: &Context, entrance: &Entrance, wait: &mut Wait) -> Result<Delivery> {
    let listener = entrance.listener(Type::Stream)?;
    let connection = entrance.accept(context, &listener, wait)?;
    // Free for others while this one hands over.
    drop(listener);
    take_over(connection, wait)
}
