//! `ipc shm resize`.

use std::ffi::OsString;

use clap::Args;

use super::Segments;
use serde_json::json;

use crate::backing::Access;
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::exit::Exit;
use crate::facts::Label;
use crate::object::shm::{Allocation, Segment};
use crate::size::Size;

const MORE: &str = "\
Examples:
  ipc shm resize table 2M
      Makes the segment 2 MiB long.

Exit status:
  3  there is no such segment
  6  there is no space: nothing is changed

See also: shm_overview(7), ftruncate(2), ipc-shm-create(1)";

/// Move the end of a segment
///
/// New bytes are zeros. A program that has the segment mapped and touches what
/// was cut off is killed by SIGBUS: make a segment smaller only when nobody
/// uses the part behind.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Resize {
    /// Name of the segment
    #[arg(value_name = "NAME", add = complete::names::<Segments>())]
    name: OsString,

    /// The new size: 4096, 4K, 1MiB (of 1024), 1MB (of 1000)
    #[arg(value_name = "SIZE", value_parser = str::parse::<Size>)]
    size: Size,

    /// Take memory only as it is used
    #[arg(long)]
    sparse: bool,
}

impl Resize {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let name = context.name(&self.name)?;
        let segment = Segment::open(&name, Access::Write)?;
        let former = segment.size()?;
        let allocation = if self.sparse {
            Allocation::Sparse
        } else {
            Allocation::Full
        };
        segment
            .resize(self.size.0, allocation)
            .map_err(|error| error.about(&name))?;
        if context.out.is_json() {
            let label = Label::new(context.inner(&name));
            let document =
                json!({ "name": label.name, "former_size": former, "size": self.size.0 });
            context.out.json(&document)?;
        }
        Ok(Exit::Done)
    }
}
