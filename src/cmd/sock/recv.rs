//! `ipc sock recv`.

use std::num::NonZeroU64;

use clap::Args;

use super::options::{Entrance, Form, Server};
use super::talk;
use crate::cmd::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::exit::Exit;
use crate::object::socket::relay::{Framing, Relay};
use crate::object::socket::{Address, Connection, Listener, Type};
use crate::output::stdout_descriptor;
use crate::wait::Wait;

const MORE: &str = "\
Examples:
  ipc sock recv backup --timeout 1m | tar x
      Takes a stream from whoever sends one.
  ipc sock recv events --type seqpacket --lines
      Prints the messages of one sender, a line each.
  ipc sock recv log --type dgram --follow --lines >> log
      Takes messages from anybody, for ever.

Exit status:
  1    under --try: nobody was sending; with -n: a sender ended within a line or record
  4    somebody listens there already
  5    the runtime folder is not for you alone
  6    standard output cannot take what comes
  7    something is there that is not a socket; or the sender was reset
  124  the time is over

See also: unix(7), ipc-sock-send(1), ipc-sock-listen(1)";

/// Take what one sender sends and print it
///
/// Waits for a connection and prints what comes, until the sender ends. With
/// --follow the next sender has its turn then, for ever; datagrams come from all
/// senders as they send. With --count so many messages are taken. The time-out is
/// for all of it.
///
/// With -n a line or record has come when its end has. When a sender ends before that,
/// the verb ends too, with exit code 1: what came is printed without an end, on a
/// terminal and with --json not at all. Without -n a last line may lack its end.
///
/// Bytes come out as they were sent, and nothing is put between messages unless
/// --lines, --null or --json says so. On a stream --json makes a document of each
/// piece as it arrives, or with --lines of each line.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Recv {
    #[command(flatten)]
    server: Server,

    /// Take this many messages; on a stream these are lines or records
    #[arg(long, short = 'n', value_name = "MESSAGES")]
    count: Option<NonZeroU64>,

    /// Take from one sender after the other, for ever
    #[arg(long)]
    follow: bool,

    #[command(flatten)]
    form: Form,
}

impl Recv {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let entrance = self.server.entrance(context)?;
        let kind = self.form.kind();
        if self.count.is_some() && kind == Type::Stream && self.form.framing() == Framing::Bytes {
            let error = Error::new(ErrorKind::Usage, "a stream has no messages to count");
            return Err(error
                .hint("--lines counts lines; --type seqpacket has messages")
                .into());
        }
        context.out.stdout().check()?;
        let (mut wait, _blocked) = entrance.wait(context, "a sender to")?;
        let listener = entrance.listener(kind)?;
        match self.take_all(context, &entrance, listener, &mut wait) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Exit::No),
            result => Ok(result.map_err(|error| error.or_about(&entrance.address))?),
        }
    }

    fn take_all(
        &self,
        context: &Context,
        entrance: &Entrance,
        listener: Listener,
        wait: &mut Wait,
    ) -> Result<Exit> {
        let mut left = self.count.map(NonZeroU64::get);
        let goes_on = self.follow || self.count.is_some();
        if goes_on && self.form.kind() == Type::Datagram {
            let mut everybody = listener.unconnected(&entrance.allowed)?;
            // An empty one is the end of a sender, and others go on.
            while left != Some(0) {
                self.take(
                    (context, &entrance.address),
                    &mut everybody,
                    &mut left,
                    wait,
                )?;
            }
            return Ok(Exit::Done);
        }
        let mut listener = Some(listener);
        while let Some(open) = &listener {
            let mut connection = entrance.accept(context, open, wait)?;
            if !goes_on {
                // Free for others while this one sends.
                listener = None;
            }
            match self.take(
                (context, &entrance.address),
                &mut connection,
                &mut left,
                wait,
            ) {
                // One sender that was killed does not end the others.
                Err(error) if error.kind() == ErrorKind::Broken && goes_on => {
                    context.report(&error.into());
                }
                Ok(Exit::Done) => {}
                other => return other,
            }
            if left == Some(0) {
                return Ok(Exit::Done);
            }
        }
        Ok(Exit::Done)
    }

    fn take(
        &self,
        (context, address): (&Context, &Address),
        connection: &mut Connection,
        left: &mut Option<u64>,
        wait: &mut Wait,
    ) -> Result<Exit> {
        let framing = self.form.framing();
        let label = address.label(&context.scope);
        let render = talk::renderer(context, &label, framing);
        let output = Some(stdout_descriptor());
        let mut relay = Relay::new(connection, None, output, framing)
            .rendering(render.as_deref())
            .ending_after(*left);
        let result = relay.run(connection, wait);
        if let Some(left) = left {
            *left = left.saturating_sub(relay.received());
        }
        // Nothing of another sender may follow what has no end.
        result.map(|()| match relay.is_cut_off() {
            true => Exit::No,
            false => Exit::Done,
        })
    }
}
