//! `ipc shm create`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgGroup, Args};
use serde_json::json;

use crate::backing::Access;
use crate::cmd::context::Context;
use crate::cmd::options::{Creation, IfExists, Outcome, open_file};
use crate::error::{Error, ErrorKind, Result};
use crate::exit::Exit;
use crate::name::Name;
use crate::object::shm::{Allocation, Draft, Segment, SegmentInfo};
use crate::size::Size;

const MORE: &str = "\
Examples:
  ipc shm create frame --size 4K
      Makes a segment of one page of zeros.
  ipc shm create table --from table.bin --mode 0640
      Makes a segment that holds a file, readable for the group.
  date | ipc shm create now --from - --if-exists replace
      Makes a segment of what a pipe gives, in place of a former one.

Exit status:
  4  the segment exists, or under --if-exists open has another size
  6  there is no space: nothing is left behind
  7  under --if-exists: what exists is no segment

See also: shm_overview(7), shm_open(3), ipc-shm-write(1)";

/// Create a segment of zeros, or of the bytes of a file
///
/// The segment appears under its name at once and complete: a creator that is
/// killed leaves nothing. Its memory is reserved now, so that a full /dev/shm
/// is an error here and not a crash of a program that touches it later.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
#[command(group = ArgGroup::new("contents").args(["size", "from"]).required(true))]
pub(crate) struct Create {
    /// Name of the new segment
    #[arg(value_name = "NAME")]
    name: OsString,

    /// Bytes: 4096, 4K, 1MiB (of 1024), 1MB (of 1000)
    #[arg(long, short, value_name = "SIZE", value_parser = str::parse::<Size>)]
    size: Option<Size>,

    /// Fill it with the bytes of FILE, - for standard input; its size is theirs
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,

    /// Take memory only as it is used: a later write may then crash for want of it
    #[arg(long)]
    sparse: bool,

    #[command(flatten)]
    creation: Creation,
}

impl Create {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let name = context.name(&self.name)?;
        // Kept between two attempts: a stream can be read only once.
        let mut draft = None;
        let outcome = self.creation.if_exists.apply(
            || self.create(context, &name, &mut draft),
            || self.check_existing(&name),
            // What is no segment is left alone.
            || SegmentInfo::require_file(&name).and_then(|()| Segment::unlink(&name)),
        )?;
        let exit = outcome.print(context, "shm", &name, || {
            let size = match (outcome, &draft) {
                (Outcome::Created | Outcome::Replaced, Some(draft)) => draft.size()?,
                _ => Segment::open(&name, Access::Read)?.size()?,
            };
            Ok(json!({ "size": size }))
        })?;
        Ok(exit)
    }

    fn create(&self, context: &Context, name: &Name, draft: &mut Option<Draft>) -> Result<()> {
        let draft = match draft {
            Some(draft) => draft,
            None => draft.insert(self.draft(context, name)?),
        };
        draft.publish()
    }

    fn draft(&self, context: &Context, name: &Name) -> Result<Draft> {
        let allocation = if self.sparse {
            Allocation::Sparse
        } else {
            Allocation::Full
        };
        let mode = self.creation.mode.mode;
        match &self.from {
            Some(file) => {
                if self.creation.if_exists != IfExists::Replace {
                    // Better told before a long stream is read than after it.
                    Segment::require_free(name)?;
                }
                let known = self.expected_size();
                let (mut source, mut progress) = (open_file(file)?, context.out.progress(known));
                let source = &mut progress.of(&mut *source);
                Draft::of(name, source, known, 0, allocation, mode)
            }
            None => Draft::zeros(name, self.size.map_or(0, |size| size.0), allocation, mode),
        }
    }

    fn check_existing(&self, name: &Name) -> Result<()> {
        let present = Segment::open(name, Access::Read)?.size()?;
        match self.expected_size() {
            Some(asked) if asked != present => Err(Error::new(
                ErrorKind::Exists,
                format!("the segment exists with {present} bytes, not {asked}"),
            )
            .about(name)
            .hint("ipc shm resize NAME SIZE")),
            _ => Ok(()),
        }
    }

    /// The size asked for, as far as it is known without reading.
    fn expected_size(&self) -> Option<u64> {
        let file = self
            .from
            .as_ref()
            .and_then(|path| std::fs::metadata(path).ok());
        let file = file
            .filter(std::fs::Metadata::is_file)
            .map(|found| found.len());
        self.size.map(|size| size.0).or(file)
    }
}
