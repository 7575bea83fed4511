//! `ipc sock send-fd`.

use clap::Args;
use serde::Serialize;

use super::handed::{Given, borrowed, collected, given};
use super::options::Client;
use crate::cmd::context::Context;
use crate::error::ErrorKind;
use crate::exit::Exit;
use crate::facts::Label;
use crate::object::socket::Type;
use crate::object::socket::handing::{confirmed, hand_over};

const MORE: &str = "\
Examples:
  exec 3< /etc/shadow; ipc sock send-fd secrets 3=shadow --wait --timeout 10s
      Hands an open file to somebody who could not open it.
  ipc sock send-fd worker 0=input 1=output
      Hands over one's own input and output.

Exit status:
  1    under --try: the receiver has no room now, or has not said within five seconds
       that it has them
  3    nobody listens there, and --wait was not given; or a descriptor is not open
  5    the receiver belongs to a user that is not allowed, or turns this one away
  6    the receiver could not take or use them, or too many are on their way
  7    what is there is not a socket; or the receiver went, or said something else,
       without a word that it has them
  124  the time is over

See also: unix(7), ipc-sock-recv-fd(1), ipc-sock-store(1)";

/// Hand open descriptors to another process
///
/// Files, sockets, pipes, whatever is open: the receiver gets the same open file, with
/// its position and its rights, even where it could not open it itself. Each may have
/// a label; without, it is fd and the number. The verb waits until the receiver says
/// that it has them all, and fails when it ends without that word: ipc sock recv-fd says
/// it when nothing but its command is left to be started, and takes it back when that
/// fails. Whatever went wrong, the descriptors are open here still.
///
/// Without --wait somebody has to listen already. With it the verb waits for a listener,
/// up to --timeout and else for ever: one that was refused, or misused, before it listened
/// is none, and the next one gets the descriptors.
///
/// A program of any language receives them. It listens on a stream socket, and takes with
/// recvmsg(2) descriptors (SCM_RIGHTS), at most 253 with one message, until it reads the
/// end: that says that there are no more. The bytes beside them, all together, are the
/// labels, a line each in the order of the descriptors. To confirm, it answers with the
/// line ok, or with a line that begins with "no: " and says why not, before it closes the
/// connection; the last line counts. For one that does neither there is --no-confirm. In
/// Python, where c is the accepted connection: text, fds, _, _ = socket.recv_fds(c, 65536,
/// 253); c.sendall(b"ok\n"); c.close()
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct SendFd {
    #[command(flatten)]
    client: Client,

    /// Numbers of open descriptors, each with a label if wanted: 3 or 3=log
    #[arg(value_name = "FD[=LABEL]", required = true, value_parser = given())]
    descriptors: Vec<Given>,

    /// Do not wait until the receiver says that it has them
    ///
    /// They are on their way then; one that ends without taking them drops them unsaid.
    #[arg(long)]
    no_confirm: bool,
}

#[derive(Serialize)]
struct Document {
    #[serde(flatten)]
    label: Label,
    sent: usize,
}

impl SendFd {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        // First of all: what this process opens must not be taken for the caller's.
        let items = collected(&self.descriptors)?;
        let mut target = self.client.target(context, "a receiver at")?;
        if context.out.is_json() {
            context.out.stdout().check()?;
        }
        let result = target.connect(Type::Stream).and_then(|connection| {
            hand_over(&connection, &borrowed(&items), &mut target.wait)?;
            if self.no_confirm {
                return Ok(());
            }
            let wait = &mut target.wait;
            wait.for_an_answer(|wait| confirmed(&connection, wait))
        });
        match result {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Exit::No),
            result => result.map_err(|error| error.or_about(&target.address))?,
        }
        if context.out.is_json() {
            let label = target.address.label(&context.scope);
            let sent = items.len();
            context.out.json(&Document { label, sent })?;
        }
        Ok(Exit::Done)
    }
}
