//! Bytes from a FIFO to standard output, in the amount and form asked for.

use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use serde::Serialize;

use crate::buffer::Buffer;
use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::escape::escaped;
use crate::exit::Exit;
use crate::facts::Label;
use crate::object::fifo::{Next, Reader, Taken, Turn};
use crate::output::payload::Payload;
use crate::output::pour::{Poured, Spilt};
use crate::output::{Output, stdout_descriptor, tell};
use crate::place::Place;
use crate::runtime;
use crate::wait::Wait;

/// Bytes that are read or looked at at a time.
const CHUNK: usize = 64 << 10;
/// Most bytes of one JSON document.
const MAX_DOCUMENT: usize = 64 << 20;

/// How much to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Amount {
    /// Up to the end of the stream.
    Whole,
    /// So many bytes.
    Bytes(u64),
    /// Up to the next separator, with it.
    Record(u8),
    /// For ever, over the ends of streams.
    Follow,
}

/// How bytes look on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Raw,
    Terminal,
    Json,
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    label: &'a Label,
    size: usize,
    #[serde(flatten)]
    payload: Payload,
}

/// The way from a FIFO to standard output.
pub(super) struct Reception<'a> {
    reader: Reader,
    place: &'a Place,
    label: Label,
    form: Form,
    out: &'a mut Output,
    wait: Wait,
    /// Taken and not yet printed: a document, or a character that is cut off.
    gathered: Vec<u8>,
}

impl<'a> Reception<'a> {
    pub(super) fn new(
        reader: Reader,
        (place, label): (&'a Place, Label),
        form: Form,
        out: &'a mut Output,
        wait: Wait,
    ) -> Reception<'a> {
        Reception {
            reader,
            place,
            label,
            form,
            out,
            wait,
            gathered: Vec::new(),
        }
    }

    /// Takes and prints the amount.
    pub(super) fn run(&mut self, amount: Amount) -> Result<Exit> {
        if self.form == Form::Json {
            // What is gathered must not go with a signal.
            self.wait.stop_on_signals()?;
        }
        let ending = match amount {
            Amount::Whole => self.take(None).map(|_| Exit::Done),
            Amount::Bytes(count) => self.exactly(count),
            Amount::Record(separator) => self.record(separator),
            Amount::Follow => self.follow(),
        };
        match self.form {
            // However it ended, what was taken is shown.
            Form::Json if amount != Amount::Follow || !self.gathered.is_empty() => {
                self.print_document()?;
            }
            Form::Terminal => {
                let rest = std::mem::take(&mut self.gathered);
                self.out.bytes(&rest)?;
                self.out.flush()?;
            }
            Form::Raw | Form::Json => {}
        }
        ending
    }

    fn exactly(&mut self, count: u64) -> Result<Exit> {
        if count == 0 {
            return Ok(Exit::Done);
        }
        let Some(_turn) = self.turn()? else {
            return Ok(Exit::No);
        };
        if self.takes_what_is_there() && self.reader.waiting()? < count {
            return Ok(Exit::No);
        }
        Ok(match self.take(Some(count))? {
            Poured::Complete => Exit::Done,
            Poured::Ended => Exit::No,
        })
    }

    /// Takes up to a separator, and never more: what follows is for others.
    fn record(&mut self, separator: u8) -> Result<Exit> {
        let Some(_turn) = self.turn()? else {
            return Ok(Exit::No);
        };
        let mut seen = Buffer::new(CHUNK);
        loop {
            let length = match self.reader.peek(&mut seen)? {
                Taken::Bytes(length) => length,
                // What came without its separator is printed, and may be cut off.
                Taken::End => return Ok(Exit::No),
                Taken::Nothing => {
                    self.wait_for_data()?;
                    continue;
                }
            };
            let end = memchr::memchr(separator, &seen[..length]).map(|at| at + 1);
            let is_cut_off = end.is_none() && length < CHUNK;
            if is_cut_off && self.takes_what_is_there() {
                return Ok(Exit::No);
            }
            self.take(Some(end.unwrap_or(length) as u64))?;
            if end.is_some() {
                return Ok(Exit::Done);
            }
        }
    }

    /// Whether it must not wait, and so takes all that was asked for or nothing.
    fn takes_what_is_there(&self) -> bool {
        self.wait.deadline() == Deadline::Now
    }

    /// Waits until there are bytes and it is our turn to take some whole;
    /// nothing when the stream has ended.
    fn turn(&mut self) -> Result<Option<Turn>> {
        loop {
            if self.wait_for_data()? == Next::End {
                return Ok(None);
            }
            let turn = self.reader.turn(&mut self.wait)?;
            // Who had the turn before may have taken all.
            if self.reader.has_data() {
                return Ok(Some(turn));
            }
        }
    }

    fn wait_for_data(&mut self) -> Result<Next> {
        loop {
            let next = self
                .reader
                .wait(Some(stdout_descriptor()), &mut self.wait)?;
            if next != Next::OutputClosed {
                return Ok(next);
            }
            self.out.stdout().check()?;
        }
    }

    fn follow(&mut self) -> Result<Exit> {
        loop {
            match self.form {
                Form::Json => self.print_lines()?,
                Form::Raw | Form::Terminal => self.take(None).map(drop)?,
            }
            self.reader.renew()?;
        }
    }

    /// Takes at most so many bytes, or all, and brings them into the form.
    fn take(&mut self, most: Option<u64>) -> Result<Poured> {
        if self.form == Form::Raw {
            let stdout = self.out.stdout();
            let poured = stdout.pour(&mut self.reader, most, &mut self.wait);
            return poured.map_err(|spilt| self.save(spilt));
        }
        let mut chunk = Buffer::new(CHUNK);
        let mut left = most.unwrap_or(u64::MAX);
        while left > 0 {
            let portion = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
            match self.reader.take(&mut chunk[..portion])? {
                Taken::Bytes(count) => {
                    left -= count as u64;
                    self.gathered.extend_from_slice(&chunk[..count]);
                    self.show()?;
                }
                Taken::End => return Ok(Poured::Ended),
                Taken::Nothing => drop(self.wait_for_data()?),
            }
        }
        Ok(Poured::Complete)
    }

    /// On a terminal at once, but for a character that is cut off.
    fn show(&mut self) -> Result<()> {
        if self.form == Form::Terminal {
            let rest = self.gathered.split_off(whole_characters(&self.gathered));
            self.out.bytes(&self.gathered)?;
            self.gathered = rest;
            return self.out.flush();
        }
        if self.gathered.len() <= MAX_DOCUMENT {
            return Ok(());
        }
        let text = format!("one JSON document holds at most {MAX_DOCUMENT} bytes");
        Err(Error::os(Errno::EFBIG)
            .saying(text)
            .hint("-n for a part, --follow for a document a line, or no --json"))
    }

    /// A document for each line of a stream.
    fn print_lines(&mut self) -> Result<()> {
        let mut chunk = Buffer::new(CHUNK);
        loop {
            match self.reader.take(&mut chunk)? {
                Taken::End => break,
                Taken::Nothing => drop(self.wait_for_data()?),
                Taken::Bytes(count) => {
                    for line in chunk[..count].split_inclusive(|byte| *byte == b'\n') {
                        self.gathered.extend_from_slice(line);
                        self.show()?;
                        if line.ends_with(b"\n") {
                            self.print_document()?;
                        }
                    }
                }
            }
        }
        if self.gathered.is_empty() {
            return Ok(());
        }
        self.print_document()
    }

    fn print_document(&mut self) -> Result<()> {
        let bytes = std::mem::take(&mut self.gathered);
        self.out.json(&Document {
            label: &self.label,
            size: bytes.len(),
            payload: Payload::new(&bytes),
        })?;
        self.out.flush()
    }

    /// Keeps what was in hand, and says where.
    fn save(&self, spilt: Spilt) -> Error {
        let Spilt { bytes, error } = spilt;
        if bytes.is_empty() {
            return error;
        }
        let stem = [b"bytes.", self.stem().as_slice()].concat();
        let count = bytes.len();
        match runtime::save(std::ffi::OsStr::from_bytes(&stem), &bytes) {
            Ok(path) => tell(format_args!(
                "ipc: pipe: {}: {count} bytes could not be printed and are saved in {}",
                self.place,
                path.display()
            )),
            Err(refusal) => tell(format_args!(
                "ipc: pipe: {}: {count} bytes could neither be printed nor saved ({refusal}); \
                 they were: {}",
                self.place,
                escaped(&bytes)
            )),
        }
        error
    }

    /// The last part of where it lies.
    fn stem(&self) -> Vec<u8> {
        match self.place {
            Place::Name(name) => name.as_bytes().to_vec(),
            Place::Path(path) => {
                let file = path.file_name().unwrap_or_default();
                file.as_bytes().to_vec()
            }
        }
    }
}

/// How far the text goes without a character that is cut off at its end.
fn whole_characters(text: &[u8]) -> usize {
    let tail = text.utf8_chunks().last();
    match tail.map(|chunk| chunk.invalid()) {
        Some(cut) if std::str::from_utf8(cut).is_err_and(|error| error.error_len().is_none()) => {
            text.len() - cut.len()
        }
        _ => text.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_is_not_cut_between_two_parts() {
        for (text, whole) in [
            ("aé".as_bytes(), 3),
            (b"a\xc3", 1),
            (b"a\xe6\xbc", 1),
            (b"a\xff", 2),
            (b"", 0),
        ] {
            assert_eq!(whole_characters(text), whole, "{text:?}");
        }
    }
}
