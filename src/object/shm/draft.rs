//! Segments that are not there yet.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;

use super::names::new_path;
use super::refusal::empty;
use super::{Allocation, Segment, require_room};
use crate::backing;
use crate::error::{Error, Result};
use crate::name::Name;
use crate::size::Mode;

/// A complete segment that has no name yet.
///
/// Publishing it gives it the name, and can be tried again when that was
/// taken: a stream that filled it is not read twice. Dropping it leaves
/// nothing behind.
///
/// ```
/// # use ipc::{name::Name, object::shm::{Allocation, Draft, Segment}, size::Mode};
/// # let name = Name::parse(format!("doc-draft-{}", std::process::id()).as_bytes())?;
/// Segment::create(&name, 4096, Allocation::Full, Mode::default())?;
/// let source = &mut &b"hello"[..];
/// let draft = Draft::of(&name, source, None, 0, Allocation::Full, Mode::default())?;
/// assert!(draft.publish().is_err());
/// Segment::unlink(&name)?;
/// draft.publish()?;
/// # Segment::unlink(&name)?;
/// # Ok::<(), ipc::error::Error>(())
/// ```
#[derive(Debug)]
pub struct Draft {
    segment: Segment,
    name: Name,
    path: PathBuf,
}

impl Draft {
    /// A segment of zeros.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Limit`] when there is no space.
    pub fn zeros(name: &Name, size: u64, allocation: Allocation, mode: Mode) -> Result<Draft> {
        let draft = Draft::new(name, mode)?;
        draft
            .segment
            .extend(size, allocation)
            .map_err(|error| error.about(name))?;
        Ok(draft)
    }

    /// A segment of `offset` zeros and what `source` gives, and nothing else.
    ///
    /// With [`Allocation::Sparse`] blocks of zeros take no memory. Where the
    /// number of bytes that will come is known, a lack of space is told before
    /// the first of them is taken.
    ///
    /// # Errors
    /// As [`Draft::zeros`], and when the source is empty or cannot be read.
    pub fn of(
        name: &Name,
        source: &mut dyn Read,
        known: Option<u64>,
        offset: u64,
        allocation: Allocation,
        mode: Mode,
    ) -> Result<Draft> {
        let about = |error: Error| error.or_about(name);
        let draft = Draft::new(name, mode)?;
        if let (Some(bytes), Allocation::Full) = (known, allocation) {
            require_room(bytes.saturating_add(offset)).map_err(about)?;
        }
        if offset > 0 {
            draft.segment.extend(offset, allocation).map_err(about)?;
        }
        let end = draft
            .segment
            .fill(source, offset, allocation)
            .map_err(about)?;
        if end == offset {
            return Err(about(empty("the source has no bytes")));
        }
        Ok(draft)
    }

    fn new(name: &Name, mode: Mode) -> Result<Draft> {
        let path = new_path(name)?;
        let file = backing::unnamed(mode).map_err(|error| error.about(name))?;
        Ok(Draft {
            segment: Segment { file },
            name: name.clone(),
            path,
        })
    }

    pub(super) fn into_segment(self) -> Segment {
        self.segment
    }

    /// Bytes in the segment.
    ///
    /// # Errors
    /// As [`Segment::size`].
    pub fn size(&self) -> Result<u64> {
        self.segment.size()
    }

    /// Links the segment under its name.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Exists`] when the name is taken; the draft
    /// stays as it is then.
    pub fn publish(&self) -> Result<()> {
        backing::publish(&self.segment.file, &self.path)
            .map_err(|error| backing::taken(error, "segment").about(&self.name))
    }

    /// The bytes from `offset` on, for another segment that has the name.
    ///
    /// # Errors
    /// What lseek(2) says.
    pub fn bytes_from(&self, offset: u64) -> Result<impl Read> {
        let mut file: &File = &self.segment.file;
        file.seek(SeekFrom::Start(offset)).map_err(Error::os)?;
        Ok(file)
    }
}
