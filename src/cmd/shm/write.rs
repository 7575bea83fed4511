//! `ipc shm write`.

use std::ffi::OsString;
use std::io::Read;

use clap::Args;

use super::Segments;
use serde_json::json;

use crate::backing::Access;
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::options::{NewMode, Source};
use crate::error::{Error, ErrorKind, Result};
use crate::exit::Exit;
use crate::facts::Label;
use crate::name::Name;
use crate::object::shm::{Allocation, Draft, End, Segment};
use crate::size::Size;

const MORE: &str = "\
Examples:
  ipc shm write frame hello
      Puts five bytes at the start; the rest stays as it is.
  ipc shm write frame --offset 1K -f part.bin
      Puts a file at byte 1024.
  uptime | ipc shm write load --create --truncate
      Keeps one line in a segment that is made when it is missing.

Exit status:
  2  the input is the segment itself
  3  there is no such segment, and --create was not given
  6  the bytes do not fit, or there is no space

See also: shm_overview(7), ipc-shm-read(1), ipc-shm-resize(1)";

/// Put bytes into a segment
///
/// The bytes are the arguments put together, or FILE, or standard input.
/// Nothing is added and nothing is stripped. Bytes that reach beyond the end are
/// an error unless --grow or --truncate says otherwise; up to 256 KiB are then
/// not written at all, of a longer stream the first part may be. Readers see
/// the bytes arrive piece by piece: an own order is up to a lock.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Write {
    /// Name of the segment
    #[arg(value_name = "NAME", add = complete::names::<Segments>())]
    name: OsString,

    /// The bytes; - or none at all is standard input
    #[arg(value_name = "DATA")]
    data: Vec<OsString>,

    #[command(flatten)]
    source: Source,

    /// Start at this byte
    #[arg(long, value_name = "BYTES", default_value = "0", value_parser = str::parse::<Size>)]
    offset: Size,

    /// Move the end out when the bytes reach beyond it
    #[arg(long, conflicts_with = "truncate")]
    grow: bool,

    /// Put the end where the bytes end
    #[arg(long)]
    truncate: bool,

    /// Make the segment if it is missing; its size is that of the bytes
    #[arg(long)]
    create: bool,

    #[command(flatten)]
    mode: NewMode,
}

impl Write {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let name = context.name(&self.name)?;
        let (written, created) = self.write(context, &name)?;
        if context.out.is_json() {
            let label = Label::new(context.inner(&name));
            let document = json!({
                "name": label.name, "written": written, "offset": self.offset.0, "created": created,
            });
            context.out.json(&document)?;
        } else if created {
            context.out.say(format_args!("created {name}"));
        }
        Ok(Exit::Done)
    }

    fn write(&self, context: &Context, name: &Name) -> Result<(u64, bool)> {
        let start = self.offset.0;
        let mut draft: Option<Draft> = None;
        // Another process may create or remove the segment between two steps.
        loop {
            match (Segment::open(name, Access::Write), &draft) {
                (Ok(segment), Some(draft)) => {
                    // Somebody else was faster, and the source is already read.
                    let written = self.put(name, &segment, &mut draft.bytes_from(start)?)?;
                    return Ok((written, false));
                }
                (Ok(segment), None) => {
                    self.require_other_input(name, &segment)?;
                    let mut source = self.source.open(&self.data)?;
                    let mut progress = context.out.progress(self.source.length());
                    let source = &mut progress.of(&mut *source);
                    return Ok((self.put(name, &segment, source)?, false));
                }
                (Err(error), _) if error.kind() != ErrorKind::Missing => return Err(error),
                (Err(error), _) if !self.create => {
                    return Err(error.hint("ipc shm ls shows what there is; --create makes one"));
                }
                (Err(_), _) => {}
            }
            let draft = match &mut draft {
                Some(draft) => draft,
                none => none.insert(self.draft(context, name)?),
            };
            match draft.publish() {
                Err(error) if error.kind() == ErrorKind::Exists => {}
                Err(error) => return Err(error),
                Ok(()) => return Ok((draft.size()?.saturating_sub(start), true)),
            }
        }
    }

    /// Refuses to read what it writes: there would be no end of it.
    fn require_other_input(&self, name: &Name, segment: &Segment) -> Result<()> {
        let (device, inode) = segment.identity()?;
        if self.source.is_file(&self.data, device, inode) {
            let message = "the input is the segment itself";
            return Err(Error::new(ErrorKind::Usage, message)
                .about(name)
                .hint("ipc shm read NAME > COPY, and write from COPY"));
        }
        Ok(())
    }

    fn put(&self, name: &Name, segment: &Segment, source: &mut dyn Read) -> Result<u64> {
        segment
            .write(source, self.offset.0, self.end())
            .map_err(|error| error.or_about(name))
    }

    fn draft(&self, context: &Context, name: &Name) -> Result<Draft> {
        let mut source = self.source.open(&self.data)?;
        let mut progress = context.out.progress(self.source.length());
        let source = &mut progress.of(&mut *source);
        let mode = self.mode.mode;
        let start = self.offset.0;
        Draft::of(name, source, None, start, Allocation::Full, mode)
    }

    fn end(&self) -> End {
        match () {
            () if self.truncate => End::Cut,
            () if self.grow => End::Grow,
            () => End::Fixed,
        }
    }
}
