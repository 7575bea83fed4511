//! `ipc sock send`.

use std::os::fd::AsFd;

use clap::Args;
use serde::Serialize;

use super::options::{Client, Form};
use super::payload::{self, Payload, Source};
use super::talk::{send_whole, until_closed};
use crate::cmd::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::exit::Exit;
use crate::facts::Label;
use crate::object::socket::relay::{Framing, Relay, empty_datagram};
use crate::object::socket::{Connection, Type};
use crate::wait::Wait;

const MORE: &str = "\
Examples:
  tar c src | ipc sock send backup --wait --timeout 1m
      Sends a stream, waiting for a receiver first.
  ipc sock send events --type seqpacket 'build done' 'tests done'
      Sends two messages.
  ipc sock send log --type dgram --lines -f lines.txt
      Sends each line as a datagram.

Exit status:
  1    under --try: there is no room now
  3    nobody listens there, and --wait was not given
  4    the socket there is of another type
  5    the receiver belongs to a user that is not allowed; or it turned this one away:
       with --confirm always, without it only when that came before the last byte
  6    a message is longer than the socket takes, or a datagram would be empty
  7    what is there is not a socket; or the receiver went before it read everything
  124  the time is over

See also: unix(7), ipc-sock-recv(1), ipc-sock-connect(1)";

/// Send bytes or messages over one connection
///
/// Each argument is a message; without any, standard input is sent as it comes, or
/// with --lines or --null one message for each line or record. On a stream the bytes
/// follow each other, and --lines puts a line end after each argument. The end says
/// that there is no more. The time-out is for all of it.
///
/// What the kernel has taken counts as sent, whether the receiver reads it or not: the
/// kernel connects and takes bytes before the receiver looks who is there. So one that turns
/// this user away, or is killed, may do so after the verb has ended with 0, and whether it
/// ends with 0 or 5 then is chance. To know it the verb has to wait for the receiver:
/// with --confirm it ends when the receiver has closed the connection, and then 0 says
/// that everything was read, 5 that this user was turned away, 7 that something was
/// left. A datagram has no such answer.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Send {
    #[command(flatten)]
    client: Client,

    #[command(flatten)]
    payload: Payload,

    /// Wait until the receiver has read everything and closed the connection
    #[arg(long)]
    confirm: bool,

    #[command(flatten)]
    form: Form,
}

#[derive(Serialize)]
struct Document {
    #[serde(flatten)]
    label: Label,
    sent: bool,
}

impl Send {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let mut target = self.client.target(context, "a receiver at")?;
        if self.confirm && self.form.kind() == Type::Datagram {
            let error = Error::new(ErrorKind::Usage, "nobody confirms datagrams");
            return Err(error.hint("--type seqpacket has a connection").into());
        }
        let source = self.payload.open()?;
        if let (Source::Words(messages), Type::Datagram) = (&source, self.form.kind())
            && messages.iter().any(Vec::is_empty)
        {
            // All or nothing, as far as that is known before.
            return Err(empty_datagram().or_about(&target.address).into());
        }
        if context.out.is_json() {
            context.out.stdout().check()?;
        }
        let result = target.connect(self.form.kind()).and_then(|mut connection| {
            self.send(&mut connection, &source, &mut target.wait)?;
            match self.confirm {
                true => target
                    .wait
                    .for_an_answer(|wait| until_closed(&mut connection, wait)),
                false => Ok(()),
            }
        });
        let is_sent = result.is_ok();
        if context.out.is_json() {
            let label = target.address.label(&context.scope);
            let sent = is_sent;
            context.out.json(&Document { label, sent })?;
        }
        match result {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Exit::No),
            result => Ok(result
                .map(|()| Exit::Done)
                .map_err(|error| error.or_about(&target.address))?),
        }
    }

    fn send(&self, connection: &mut Connection, source: &Source, wait: &mut Wait) -> Result<()> {
        let framing = self.form.framing();
        let input = match source {
            Source::Words(messages) => {
                for message in messages {
                    send_whole(
                        connection,
                        &framed(message, self.form.kind(), framing),
                        wait,
                    )?;
                }
                // Datagrams have no end that others would know.
                if self.form.kind() != Type::Datagram {
                    connection.shut_down_writing();
                }
                return Ok(());
            }
            Source::File(file) => file.as_fd(),
            Source::Input => payload::stdin(),
        };
        Relay::new(connection, Some(input), None, framing).run(connection, wait)
    }
}

/// A message as it goes out: a stream needs an end of each.
fn framed(message: &[u8], kind: Type, framing: Framing) -> Vec<u8> {
    let mut bytes = message.to_vec();
    if let (Type::Stream, Framing::Separated(separator)) = (kind, framing) {
        bytes.push(separator);
    }
    bytes
}
