//! `ipc shm`: shared memory segments.

use super::kind::Kind;
use super::verbs::verbs;
use crate::backing;
use crate::error::Result;
use crate::name::{Name, Scope};
use crate::object::shm::{Segment, SegmentInfo};
use crate::output::table::{Column, MODE, MODIFIED, OWNER, Show};
use crate::size::Size;
use crate::survey::scan;

mod create;
mod ls;
mod read;
mod resize;
mod rm;
mod stat;
mod write;

verbs! {
    /// The verbs of shared memory.
    "shm" {
        "create" => create::Create,
        "read" | "cat" => read::Read,
        "write" => write::Write,
        "resize" => resize::Resize,
        "stat" => stat::Stat,
        "ls" | "list" => ls::Ls,
        "rm" | "unlink" => rm::Rm,
    }
}

/// The kind of object that this noun is about.
#[derive(Debug)]
struct Segments;

impl Kind for Segments {
    type Info = SegmentInfo;

    const COLUMNS: &'static [Column] = &[
        Column::new("name", "NAME", Show::Text),
        Column::new("size", "SIZE", Show::Bytes),
        Column::new("allocated", "USED", Show::Bytes),
        MODE,
        OWNER,
        MODIFIED,
        Column::new("status", "STATUS", Show::Text),
    ];

    fn look(name: &Name) -> Result<SegmentInfo> {
        SegmentInfo::look(name)
    }

    fn list(scope: &Scope) -> Result<Vec<SegmentInfo>> {
        scan::segments(scope)
    }

    fn unlink(name: &Name) -> Result<()> {
        Segment::unlink(name)
    }

    fn describe(info: &SegmentInfo) -> String {
        format!("{} bytes", Size(info.size))
    }

    fn trouble() -> Option<String> {
        backing::trouble()
    }
}
