//! `ipc sock call`.

use std::io::Read;
use std::os::fd::AsFd;

use clap::Args;

use super::options::{Client, Form};
use super::payload::{self, Payload, Source, in_memory};
use super::talk::{ask, renderer, send_whole};
use crate::cmd::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::exit::Exit;
use crate::object::socket::relay::{Framing, Render};
use crate::object::socket::{Connection, Type};
use crate::wait::Wait;

const MORE: &str = "\
Examples:
  ipc sock call upper 'some words' --timeout 1s
      Sends a request and prints all that comes back.
  answer=$(ipc sock call lookup --type seqpacket -f question) || exit
      A message there and a message back.
  ipc sock call calculator --lines '2 + 3'
      Speaks with a server that answers lines and keeps the connection open.

Exit status:
  1    under --try: there is no answer at once
  3    nobody listens there, and --wait was not given
  4    the socket there is of another type
  5    the server belongs to a user that is not allowed, or turns this one away
  7    what is there is not a socket; or the server went without an answer,
       or in the middle of it
  124  the time is over

See also: unix(7), ipc-sock-serve(1), ipc-sock-connect(1)";

/// Send one request and print the answer
///
/// The arguments, joined, are the request; without any it is standard input. On a
/// stream its end is told to the server, and the answer is all that comes until the
/// server ends too; with --lines or --null it is one line or record. On the other
/// types both are one message. The time-out is for all of it.
///
/// A line or record has come when its end has. When the server ends before that, what
/// came is printed without one, on a terminal and with --json not at all, and the exit
/// code is 7.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Call {
    #[command(flatten)]
    client: Client,

    #[command(flatten)]
    payload: Payload,

    #[command(flatten)]
    form: Form,
}

impl Call {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let mut target = self.client.target(context, "an answer from")?;
        let source = self.payload.open()?;
        context.out.stdout().check()?;
        let label = target.address.label(&context.scope);
        let render = renderer(context, &label, self.form.framing());
        let result = target.connect(self.form.kind()).and_then(|mut connection| {
            self.call(&mut connection, source, render.as_deref(), &mut target.wait)
        });
        match result {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Exit::No),
            result => Ok(result
                .map(|()| Exit::Done)
                .map_err(|error| error.or_about(&target.address))?),
        }
    }

    fn call(
        &self,
        connection: &mut Connection,
        source: Source,
        render: Option<Render<'_>>,
        wait: &mut Wait,
    ) -> Result<()> {
        let is_stream = self.form.kind() == Type::Stream;
        let expects_one = !is_stream || self.form.framing() != Framing::Bytes;
        let most = expects_one.then_some(1);
        let came = if is_stream {
            self.over_a_stream(connection, source, most, render, wait)?
        } else {
            let request = all(source)?;
            let sent = answered_anyway(send_whole(connection, &request, wait))?;
            let came = ask(connection, None, &self.form, most, render, wait)?;
            sent.filter(|_| came == 0).map_or(Ok(came), Err)?
        };
        if expects_one && came == 0 {
            let message = "the server went without an answer";
            return Err(Error::new(ErrorKind::Broken, message));
        }
        Ok(())
    }

    fn over_a_stream(
        &self,
        connection: &mut Connection,
        source: Source,
        most: Option<u64>,
        render: Option<Render<'_>>,
        wait: &mut Wait,
    ) -> Result<u64> {
        let file = match source {
            Source::Words(words) => {
                let mut request = words.concat();
                if let Framing::Separated(separator) = self.form.framing() {
                    request.push(separator);
                }
                let sent = match connection.try_send(&request) {
                    // It may have answered without reading anything.
                    Err(error) if error.kind() == ErrorKind::Broken => {
                        let came = ask(connection, None, &self.form, most, render, wait)?;
                        return if came == 0 { Err(error) } else { Ok(came) };
                    }
                    result => result?.unwrap_or(0),
                };
                if sent == request.len() {
                    connection.shut_down_writing();
                    return ask(connection, None, &self.form, most, render, wait);
                }
                // Longer than the socket holds: the answer may have to be read meanwhile.
                Some(in_memory(&request[sent..])?)
            }
            Source::File(file) => Some(file),
            Source::Input => None,
        };
        let input = match &file {
            Some(file) => file.as_fd(),
            None => payload::stdin(),
        };
        ask(connection, Some(input), &self.form, most, render, wait)
    }
}

/// A server may have answered before it was asked: then the failure waits.
fn answered_anyway(sent: Result<()>) -> Result<Option<Error>> {
    match sent {
        Err(error) if error.kind() == ErrorKind::Broken => Ok(Some(error)),
        result => result.map(|()| None),
    }
}

/// All of a request, which is one message.
fn all(source: Source) -> Result<Vec<u8>> {
    let mut request = Vec::new();
    let read = match source {
        Source::Words(words) => return Ok(words.concat()),
        Source::File(mut file) => file.read_to_end(&mut request),
        Source::Input => std::io::stdin().lock().read_to_end(&mut request),
    };
    read.map_err(|refusal| Error::os(refusal).about("input"))?;
    Ok(request)
}
