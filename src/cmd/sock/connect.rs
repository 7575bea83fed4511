//! `ipc sock connect`.

use clap::Args;

use super::options::{Client, Form};
use super::talk;
use crate::cmd::context::Context;
use crate::error::ErrorKind;
use crate::exit::Exit;

const MORE: &str = "\
Examples:
  ipc sock connect chat
      Talks with the shell that listens there.
  ipc sock connect chat --wait --timeout 10s
      Waits for it first, or gives up.
  printf 'GET / HTTP/1.0\\r\\n\\r\\n' | ipc sock connect /run/web.sock
      Asks the server of any other program.

Exit status:
  1    under --try: the server is there and has no room for one more
  3    nobody listens there, and --wait was not given
  4    the socket there is of another type
  5    the server belongs to a user that is not allowed, or turns this one away
  7    what is there is not a socket; or the other side went before it read
       everything
  124  the time is over

See also: unix(7), ipc-sock-listen(1), ipc-sock-call(1), ipc-sock-send(1)";

/// Connect to a socket and talk over standard input and output
///
/// What comes on standard input is sent, and what is received is printed, both at
/// once. The end of standard input ends that direction alone: what the other side
/// still sends is printed until it ends too. When the other side has closed
/// altogether, the verb ends even while standard input is open. The time-out is for
/// the connection; the conversation may last.
///
/// Anybody may take an abstract name, so a server there must be yours or root's,
/// unless --allow-uid says otherwise.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Connect {
    #[command(flatten)]
    client: Client,

    #[command(flatten)]
    form: Form,
}

impl Connect {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let mut target = self.client.target(context, "a server at")?;
        context.out.stdout().check()?;
        let mut connection = match target.connect(self.form.kind()) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Exit::No),
            result => result?,
        };
        let label = target.address.label(&context.scope);
        talk::over_standard(context, &mut connection, &self.form, &label)
            .map_err(|error| error.or_about(&target.address))?;
        Ok(Exit::Done)
    }
}
