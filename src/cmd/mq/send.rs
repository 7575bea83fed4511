//! `ipc mq send`.

use std::ffi::OsString;
use std::io::Read;

use clap::Args;
use serde_json::json;

use super::{OrCreate, Queues};
use crate::cmd::complete;
use crate::cmd::context::{self, Context};
use crate::cmd::options::{Source, Waiting};
use crate::error::{Error, ErrorKind, Result};
use crate::exit::Exit;
use crate::facts::Label;
use crate::name::Name;
use crate::object::mq::{Access, Length, MAX_PRIORITY, Queue};
use crate::size::counted;
use crate::wait::Wait;

const MORE: &str = "\
Examples:
  ipc mq send jobs 'build main' 'build next'
      Sends two messages.
  find . -name '*.c' -print0 | ipc mq send jobs --null
      Sends a message for each name.
  ipc mq send mail -p 9 -f letter.bin --timeout 2s
      Sends a whole file with a high priority, or gives up.

Exit status:
  1    under --try: the queue is full
  3    there is no such queue, and --create was not given
  4    under --create: the queue has another geometry
  6    a message is longer than the queue takes
  124  the time is over

See also: mq_overview(7), mq_send(3), ipc-mq-recv(1)";

/// Send messages to a queue, waiting for room
///
/// Each argument is a message; without any, standard input is one, or with --lines
/// or --null one for each line or record. Bytes are sent as they are; an empty
/// message is a message. Where several are sent and one fails, those before it are
/// in the queue and the error says how many.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Send {
    /// Name of the queue
    #[arg(value_name = "NAME", add = complete::names::<Queues>())]
    name: OsString,

    /// The messages; - or none at all is standard input
    #[arg(id = "data", value_name = "MESSAGE")]
    messages: Vec<OsString>,

    #[command(flatten)]
    source: Source,

    /// Priority, from 0 (the lowest) to 32767
    #[arg(long, short, value_name = "PRIORITY", default_value_t = 0)]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=i64::from(MAX_PRIORITY)))]
    priority: u32,

    /// Send each line of the input as a message, without its line end
    #[arg(long, short, conflicts_with = "null")]
    lines: bool,

    /// Send each record of the input that ends with a NUL byte as a message
    #[arg(long, short = '0')]
    null: bool,

    #[command(flatten)]
    waiting: Waiting,

    #[command(flatten)]
    or_create: OrCreate,
}

impl Send {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let deadline = self.waiting.deadline();
        let name = context.name(&self.name)?;
        let queue = self.or_create.open(&name, Access::Send)?;
        let wait = context.wait(deadline, format!("room in queue {name}"));
        let mut sender = Sender {
            queue: &queue,
            name: &name,
            priority: self.priority,
            wait,
            sent: 0,
        };
        let result = self.send_all(&mut sender);
        let sent = sender.sent;
        if context.out.is_json() {
            let label = Label::new(context.inner(&name));
            context
                .out
                .json(&json!({ "name": label.name, "sent": sent }))?;
        }
        match result {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if sent > 0 {
                    let sent = counted(sent, "message");
                    context.remark(format_args!("{name}: full after {sent} sent"));
                }
                Ok(Exit::No)
            }
            Err(error) if sent > 0 => {
                let sent = counted(sent, "message");
                Err(anyhow::Error::new(error).context(format!("after {sent} sent")))
            }
            result => Ok(result.map(|()| Exit::Done)?),
        }
    }

    fn send_all(&self, sender: &mut Sender<'_>) -> Result<()> {
        if !self.source.is_stream(&self.messages) {
            return self
                .messages
                .iter()
                .try_for_each(|message| sender.send(context::bytes(message)));
        }
        let mut input = self.source.open(&self.messages)?;
        match (self.lines, self.null) {
            (true, _) => sender.send_records(&mut input, b'\n'),
            (_, true) => sender.send_records(&mut input, 0),
            _ => sender.send_whole(&mut input),
        }
    }
}

struct Sender<'a> {
    queue: &'a Queue,
    name: &'a Name,
    priority: u32,
    wait: Wait,
    sent: u64,
}

impl Sender<'_> {
    fn send(&mut self, message: &[u8]) -> Result<()> {
        self.queue
            .send(self.priority, message, &mut self.wait)
            .map_err(|error| error.about(self.name))?;
        self.sent += 1;
        Ok(())
    }

    fn too_long(&self) -> Error {
        self.queue.too_long(Length::Longer).about(self.name)
    }

    fn send_whole(&mut self, input: &mut dyn Read) -> Result<()> {
        let mut message = Vec::new();
        // One byte more than fits is enough to know that it does not.
        let most = self.queue.geometry().max_size as u64 + 1;
        input
            .take(most)
            .read_to_end(&mut message)
            .map_err(|refusal| Error::os(refusal).about("input"))?;
        if message.len() as u64 == most {
            // The rest may never end, so it is not counted.
            return Err(self.too_long());
        }
        self.send(&message)
    }

    /// Sends what lies between separators, straight from the input buffer.
    fn send_records(&mut self, input: &mut dyn Read, separator: u8) -> Result<()> {
        let mut buffer = vec![0; (64 << 10).max(2 * self.queue.geometry().max_size)];
        let mut filled = 0;
        loop {
            let more = read_some(input, &mut buffer[filled..])?;
            let end = filled + more;
            let mut start = 0;
            // Bytes from the rounds before hold no separator.
            for position in memchr::memchr_iter(separator, &buffer[filled..end]) {
                self.send(&buffer[start..filled + position])?;
                start = filled + position + 1;
            }
            if more == 0 {
                return if end > 0 {
                    self.send(&buffer[..end])
                } else {
                    Ok(())
                };
            }
            buffer.copy_within(start..end, 0);
            filled = end - start;
            if filled == buffer.len() {
                return Err(self.too_long());
            }
        }
    }
}

fn read_some(input: &mut dyn Read, buffer: &mut [u8]) -> Result<usize> {
    loop {
        match input.read(buffer) {
            Err(refusal) if refusal.kind() == std::io::ErrorKind::Interrupted => {}
            result => return result.map_err(|refusal| Error::os(refusal).about("input")),
        }
    }
}
