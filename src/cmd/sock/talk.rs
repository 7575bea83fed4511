//! A conversation between a connection and this process's own descriptors.

use std::os::fd::BorrowedFd;

use nix::poll::PollFlags;
use serde::Serialize;

use super::options::Form;
use super::payload;
use crate::cmd::context::Context;
use crate::deadline::Deadline;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escaped_text;
use crate::facts::Label;
use crate::object::socket::relay::{Framing, Relay, Render};
use crate::object::socket::{Connection, Incoming};
use crate::output::payload::{Payload, json_line};
use crate::output::stdout_descriptor;
use crate::sys::startup;
use crate::wait::Wait;

#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    label: &'a Label,
    size: usize,
    #[serde(flatten)]
    payload: Payload,
}

/// Renders a received message: appends it to the bytes that go out.
type Renderer<'a> = Box<dyn Fn(&[u8], &mut Vec<u8>) + 'a>;

/// How a received message looks: JSON, or escaped for a terminal. Nothing
/// when bytes go out as they are.
pub(super) fn renderer<'a>(
    context: &Context,
    label: &'a Label,
    framing: Framing,
) -> Option<Renderer<'a>> {
    if context.out.is_json() {
        return Some(Box::new(move |message, bytes| {
            bytes.extend(json_line(&Document {
                label,
                size: message.len(),
                payload: Payload::new(message),
            }));
        }));
    }
    if !context.out.is_terminal() {
        return None;
    }
    Some(Box::new(move |message, bytes| {
        bytes.extend(escaped_text(message).into_bytes());
        if let Framing::Separated(_) = framing {
            bytes.push(b'\n');
        }
    }))
}

/// Talks both ways over standard input and output until both have ended.
pub(super) fn over_standard(
    context: &Context,
    connection: &mut Connection,
    form: &Form,
    label: &Label,
) -> Result<()> {
    let input = if startup::was_closed(0) {
        connection.shut_down_writing();
        None
    } else {
        Some(payload::stdin())
    };
    let render = renderer(context, label, form.framing());
    // However long they talk: the time-out was for the connection.
    let mut wait = Wait::until(Deadline::Never);
    Relay::new(connection, input, Some(stdout_descriptor()), form.framing())
        .rendering(render.as_deref())
        .run(connection, &mut wait)
}

/// Sends a request and takes the answer; says how many messages came.
pub(super) fn ask(
    connection: &mut Connection,
    input: Option<BorrowedFd<'_>>,
    form: &Form,
    most: Option<u64>,
    render: Option<Render<'_>>,
    wait: &mut Wait,
) -> Result<u64> {
    let output = Some(stdout_descriptor());
    let mut relay = Relay::new(connection, input, output, form.framing())
        .rendering(render)
        .ending_after(most)
        .taking_an_answer();
    relay.run(connection, wait)?;
    if relay.is_cut_off() {
        let message = "the server went in the middle of its answer";
        let error = Error::new(ErrorKind::Broken, message);
        return Err(error.hint("without --lines and --null all that comes is the answer"));
    }
    Ok(relay.received())
}

/// Sends one message whole, waiting for room.
pub(super) fn send_whole(connection: &Connection, bytes: &[u8], wait: &mut Wait) -> Result<()> {
    let mut sent = 0;
    loop {
        match connection.try_send(&bytes[sent..])? {
            Some(count) if sent + count >= bytes.len() => return Ok(()),
            Some(count) => sent += count,
            None => {
                connection.wait_for(PollFlags::POLLOUT, wait)?;
            }
        }
    }
}

/// Waits until the other side has closed, having read everything; what it says
/// meanwhile is dropped.
pub(super) fn until_closed(connection: &mut Connection, wait: &mut Wait) -> Result<()> {
    let mut dropped = Vec::new();
    loop {
        match connection.try_receive(&mut dropped)? {
            Incoming::End => return Ok(()),
            Incoming::Bytes => dropped.clear(),
            Incoming::Nothing => {
                connection.wait_for(PollFlags::POLLIN, wait)?;
            }
        }
    }
}
