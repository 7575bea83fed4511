//! Messages from a queue to standard output, without losing any on the way.

use std::ops::Range;

use serde::Serialize;

use super::amount::Amount;
use super::put_back::put_back;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escaped_text;
use crate::exit::Exit;
use crate::facts::Label;
use crate::name::Name;
use crate::object::mq::{Queue, Woken};
use crate::output::payload::{Payload, json_line};
use crate::output::{Output, stdout_descriptor};
use crate::process::blocked::Blocked;
use crate::wait::Wait;

/// Messages are written out at this many bytes, and whenever the queue runs dry.
const BATCH: usize = 64 << 10;

/// How messages look on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Raw,
    Separated(u8),
    Json,
    Terminal,
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    label: &'a Label,
    priority: u32,
    size: usize,
    #[serde(flatten)]
    payload: Payload,
}

/// A message in hand: in `Delivery::bytes`, with its separator behind it.
struct Taken {
    priority: u32,
    message: Range<usize>,
}

/// The way from a queue to standard output.
pub(super) struct Delivery<'a> {
    queue: &'a Queue,
    name: &'a Name,
    label: Label,
    form: Form,
    out: &'a mut Output,
    blocked: &'a Blocked,
    bytes: Vec<u8>,
    used: usize,
    taken: Vec<Taken>,
}

impl<'a> Delivery<'a> {
    pub(super) fn new(
        (queue, name): (&'a Queue, &'a Name),
        label: Label,
        form: Form,
        out: &'a mut Output,
        blocked: &'a Blocked,
    ) -> Delivery<'a> {
        // Room for a last message and its separator when a batch is nearly full.
        let bytes = vec![0; BATCH + queue.geometry().max_size + 1];
        Delivery {
            queue,
            name,
            label,
            blocked,
            form,
            out,
            bytes,
            used: 0,
            taken: Vec::new(),
        }
    }

    /// Takes and writes messages until the amount is reached.
    pub(super) fn run(&mut self, amount: Amount, mut wait: Wait) -> Result<Exit> {
        let mut count = 0;
        self.out.stdout().check()?;
        while !amount.is_reached(count) {
            if self.take()? {
                count += 1;
                if self.used >= BATCH {
                    self.write_out()?;
                    self.blocked.check()?;
                }
                continue;
            }
            self.write_out()?;
            // Who finds a message each time never sleeps, so asks here.
            self.blocked.check()?;
            if amount == Amount::Drain {
                return Ok(Exit::Done);
            }
            match self.queue.wait_with_output(stdout_descriptor(), &mut wait) {
                // The sleep watched the output too, so it is as good as before.
                Ok(Woken::Ready) => {}
                Ok(Woken::OutputClosed) => self.out.stdout().check()?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Exit::No),
                Err(error) => return Err(error.about(self.name)),
            }
        }
        self.write_out()?;
        Ok(Exit::Done)
    }

    /// Takes one message if there is one.
    fn take(&mut self) -> Result<bool> {
        let space = self.used..self.used + self.queue.geometry().max_size;
        let taken = match self.queue.try_receive(&mut self.bytes[space]) {
            Ok(taken) => taken,
            Err(error) => {
                self.write_out()?;
                return Err(error.about(self.name));
            }
        };
        let Some((priority, length)) = taken else {
            return Ok(false);
        };
        let message = self.used..self.used + length;
        self.used = message.end;
        if let Form::Separated(separator) = self.form {
            self.bytes[self.used] = separator;
            self.used += 1;
        }
        self.taken.push(Taken { priority, message });
        Ok(true)
    }

    /// Writes what is in hand; what does not arrive whole goes back.
    fn write_out(&mut self) -> Result<()> {
        let (rendered, ends) = match self.form {
            Form::Raw | Form::Separated(_) => (None, self.ends()),
            Form::Json | Form::Terminal => {
                let (text, ends) = self.render();
                (Some(text), ends)
            }
        };
        let written = rendered.as_deref().unwrap_or(&self.bytes[..self.used]);
        let result = self.out.stdout().deliver_unless(written, self.blocked);
        let undelivered = match &result {
            Ok(()) => self.taken.len(),
            Err((arrived, _)) => whole(&ends, *arrived),
        };
        for taken in &self.taken[undelivered..] {
            put_back(
                "mq recv",
                self.queue,
                self.name,
                taken.priority,
                &self.bytes[taken.message.clone()],
            );
        }
        self.taken.clear();
        self.used = 0;
        result.map_err(|(_, error): (usize, Error)| error)
    }

    /// Where each message ends on standard output, its separator included.
    fn ends(&self) -> Vec<usize> {
        let starts = self.taken.iter().skip(1).map(|taken| taken.message.start);
        starts.chain([self.used]).collect()
    }

    fn render(&self) -> (Vec<u8>, Vec<usize>) {
        let mut text = Vec::new();
        let mut ends = Vec::new();
        for taken in &self.taken {
            let message = &self.bytes[taken.message.clone()];
            if self.form == Form::Json {
                text.extend(json_line(&Document {
                    label: &self.label,
                    priority: taken.priority,
                    size: message.len(),
                    payload: Payload::new(message),
                }));
            } else {
                text.extend(escaped_text(message).into_bytes());
                text.push(b'\n');
            }
            ends.push(text.len());
        }
        (text, ends)
    }
}

/// How many messages, given by their ends, are whole within the first `arrived` bytes.
///
/// An empty one without a separator has arrived with the byte before it at
/// the earliest, so at the very end of what arrived it counts as undelivered.
fn whole(ends: &[usize], arrived: usize) -> usize {
    let starts = [0].into_iter().chain(ends.iter().copied());
    starts
        .zip(ends)
        .take_while(|(start, end)| *start < arrived && **end <= arrived)
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_counts_as_delivered_only_when_it_is_whole() {
        assert_eq!(whole(&[3, 6, 9], 0), 0);
        assert_eq!(whole(&[3, 6, 9], 5), 1);
        assert_eq!(whole(&[3, 6, 9], 6), 2);
        assert_eq!(whole(&[3, 6, 9], 9), 3);
    }

    #[test]
    fn an_empty_message_at_the_break_counts_as_undelivered() {
        assert_eq!(whole(&[0, 0, 1], 0), 0);
        assert_eq!(whole(&[3, 3, 6], 3), 1);
        assert_eq!(whole(&[3, 3, 6], 4), 2);
    }
}
