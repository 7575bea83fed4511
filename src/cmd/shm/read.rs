//! `ipc shm read`.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::ops::Range;

use clap::Args;

use super::Segments;
use nix::errno::Errno;
use serde::Serialize;

use crate::backing::Access;
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::facts::Label;
use crate::name::Name;
use crate::object::shm::Segment;
use crate::output::payload::Payload;
use crate::size::Size;

/// Bytes that are shown at a time, whole lines of hexadecimal.
const CHUNK: usize = 64 << 10;
/// More than this no reader of JSON takes as one string.
const MAX_DOCUMENT: u64 = 256 << 20;

const MORE: &str = "\
Examples:
  ipc shm read table > table.bin
      Writes all bytes of a segment to a file.
  ipc shm read frame --offset 1K --length 16 --hex
      Shows 16 bytes in hexadecimal.
  ipc shm read table --snapshot | consumer
      Copies the bytes, so that a later writer cannot change what is read.

Exit status:
  3  there is no such segment
  6  the part asked for reaches beyond the end
  7  what has the name is no segment, or was cut while it was read
  8  some of several segments could not be read

See also: shm_overview(7), ipc-shm-write(1)";

/// Print the bytes of segments, one after the other
///
/// The bytes come out as they are; on a terminal control bytes are escaped.
/// More than 256 KiB into a pipe are handed over page by page without a copy:
/// a writer that changes them before they are read changes what is read.
/// --snapshot copies always.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Read {
    /// Names of the segments
    #[arg(value_name = "NAME", required = true, add = complete::names::<Segments>())]
    names: Vec<OsString>,

    /// Start at this byte
    #[arg(long, value_name = "BYTES", default_value = "0", value_parser = str::parse::<Size>)]
    offset: Size,

    /// Print this many bytes, else all up to the end
    #[arg(long, value_name = "BYTES", value_parser = str::parse::<Size>)]
    length: Option<Size>,

    /// Print in hexadecimal, 16 bytes a line
    #[arg(long)]
    hex: bool,

    /// Copy the bytes before they go into a pipe
    #[arg(long)]
    snapshot: bool,
}

#[derive(Serialize)]
struct Document {
    #[serde(flatten)]
    label: Label,
    size: u64,
    offset: u64,
    length: u64,
    #[serde(flatten)]
    payload: Payload,
}

impl Read {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        Ok(context.each(&self.names, |context, raw| self.print(context, raw)))
    }

    fn print(&self, context: &mut Context, raw: &OsStr) -> Result<()> {
        let name = context.name(raw)?;
        let segment = Segment::open(&name, Access::Read)?;
        self.print_segment(context, &name, &segment)
            .map_err(|error| error.or_about(&name))
    }

    fn print_segment(&self, context: &mut Context, name: &Name, segment: &Segment) -> Result<()> {
        let size = segment.size()?;
        let range = self.range(size)?;
        if context.out.is_json() {
            let bytes = all_of(segment, range.clone())?;
            return context.out.json(&Document {
                label: Label::new(context.inner(name)),
                size,
                offset: range.start,
                length: bytes.len() as u64,
                payload: Payload::new(&bytes),
            });
        }
        if self.hex || context.out.is_terminal() {
            return self.print_for_people(context, segment, range);
        }
        let mut progress = context.out.progress(Some(range.end - range.start));
        let out = context.out.stdout();
        out.copy(segment, range, self.snapshot, &mut progress)
    }

    fn range(&self, size: u64) -> Result<Range<u64>> {
        let start = self.offset.0;
        let end = match self.length {
            Some(length) => start.saturating_add(length.0),
            None => size.max(start),
        };
        if start > size || end > size {
            return Err(Error::os(Errno::ERANGE).saying(format!(
                "bytes {start} to {end} reach beyond the end, the segment has {size}"
            )));
        }
        Ok(start..end)
    }

    fn print_for_people(
        &self,
        context: &mut Context,
        segment: &Segment,
        range: Range<u64>,
    ) -> Result<()> {
        let mut chunk = vec![0; CHUNK];
        let mut text = Vec::new();
        let mut at = range.start;
        while at < range.end {
            let left = usize::try_from(range.end - at).unwrap_or(usize::MAX);
            let part = &mut chunk[..left.min(CHUNK)];
            fill(segment, part, at)?;
            if self.hex {
                for (index, line) in part.chunks(16).enumerate() {
                    context.out.line(hex(at + 16 * index as u64, line))?;
                }
            } else {
                text.extend_from_slice(part);
                let rest = text.split_off(whole_characters(&text));
                context.out.bytes(&text)?;
                text = rest;
            }
            at += part.len() as u64;
        }
        context.out.bytes(&text)
    }
}

/// One line as hexdump -C prints it.
fn hex(at: u64, bytes: &[u8]) -> String {
    let mut line = format!("{at:08x} ");
    for index in 0..16 {
        let gap = if index == 8 { " " } else { "" };
        // Writing to a String cannot fail.
        let _ = match bytes.get(index) {
            Some(byte) => write!(line, "{gap} {byte:02x}"),
            None => write!(line, "{gap}   "),
        };
    }
    let shown = |byte: &u8| {
        if (0x20..0x7f).contains(byte) {
            char::from(*byte)
        } else {
            '.'
        }
    };
    let text: String = bytes.iter().map(shown).collect();
    format!("{line}  |{text}|")
}

fn all_of(segment: &Segment, range: Range<u64>) -> Result<Vec<u8>> {
    let length = range.end - range.start;
    if length > MAX_DOCUMENT {
        let text = format!(
            "{length} bytes are too many for one JSON document, {MAX_DOCUMENT} is the most"
        );
        let error = Error::os(Errno::EFBIG).saying(text);
        return Err(error.hint("--offset and --length for a part, or no --json"));
    }
    let mut bytes = vec![0; length as usize];
    fill(segment, &mut bytes, range.start)?;
    Ok(bytes)
}

fn fill(segment: &Segment, bytes: &mut [u8], at: u64) -> Result<()> {
    let mut filled = 0;
    while filled < bytes.len() {
        filled += segment.read_at(&mut bytes[filled..], at + filled as u64)?;
    }
    Ok(())
}

/// How far the text goes without a character that is cut off at its end.
fn whole_characters(text: &[u8]) -> usize {
    for back in 1..=text.len().min(3) {
        let length = match text[text.len() - back] {
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf7 => 4,
            0x80..=0xbf => continue,
            _ => return text.len(),
        };
        return text.len() - if length > back { back } else { 0 };
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_as_hexdump_prints_it() {
        assert_eq!(
            hex(16, b"hello\n\x00world"),
            "00000010  68 65 6c 6c 6f 0a 00 77  6f 72 6c 64              |hello..world|"
        );
    }

    #[test]
    fn a_character_is_not_cut_between_two_parts() {
        for (text, whole) in [
            ("aé".as_bytes(), 3),
            (b"a\xc3", 1),
            (b"a\xe6\xbc", 1),
            (b"a\xf0\x9f\x98", 1),
            (b"\x80\x80\x80\x80", 4),
            (b"", 0),
        ] {
            assert_eq!(whole_characters(text), whole, "{text:?}");
        }
    }
}
