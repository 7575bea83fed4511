//! Shared memory segments, shm_overview(7): named files of /dev/shm.
//!
//! Bytes go in and out by `pread` and `pwrite`, which cannot fault; nothing
//! here maps a segment. A segment holds at least one byte, since others
//! cannot map an empty one, and its memory is there from the start unless it
//! is asked to be sparse: a full tmpfs is an error now, not a crash later.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileExt, MetadataExt};

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};

use crate::backing::{self, Access};
use crate::buffer::Buffer;
use crate::error::{Error, ErrorKind, Result};
use crate::name::Name;
use crate::size::Mode;
use crate::sys::signal;

mod draft;
mod info;
mod names;
mod refusal;

pub use draft::Draft;
pub use info::SegmentInfo;
pub use names::is_of_another_kind;
pub(crate) use names::new_path;
use names::own_path;
use refusal::{does_not_fit, empty, explained, no_space, unwritten};

/// Bytes that are moved at a time.
const CHUNK: usize = 256 << 10;
/// Up to here memory is allocated by writing to it.
const PAGE: u64 = 4096;
/// Whether memory is there from the start or comes page by page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allocation {
    /// All of it now: an error when there is not enough.
    Full,
    /// As it is touched: another program may crash when there is not enough.
    Sparse,
}

/// Where the end of the segment goes when bytes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It stays; bytes beyond it are an error.
    Fixed,
    /// It moves out to the last byte written.
    Grow,
    /// It moves to the last byte written, in or out.
    Cut,
}

/// A shared memory segment.
///
/// Dropping it closes the descriptor and removes nothing: a segment stays
/// until somebody unlinks it, whoever dies.
///
/// ```
/// # use ipc::{name::Name, object::shm::{Allocation, Segment}, size::Mode, backing::Access};
/// # let name = Name::parse(format!("doc-{}", std::process::id()).as_bytes())?;
/// let segment = Segment::create(&name, 4096, Allocation::Full, Mode::default())?;
/// segment.write(&mut &b"hello"[..], 0, ipc::object::shm::End::Fixed)?;
/// assert_eq!(Segment::open(&name, Access::Read)?.size()?, 4096);
/// Segment::unlink(&name)?;
/// # Ok::<(), ipc::error::Error>(())
/// ```
#[derive(Debug)]
pub struct Segment {
    file: File,
}

impl Segment {
    /// Creates a segment of zeros. Does not block. See shm_open(3).
    ///
    /// What is to be filled first is a [`Draft`].
    ///
    /// # Errors
    /// [`ErrorKind::Exists`], [`ErrorKind::Limit`] when there is no space;
    /// nothing is left behind then.
    pub fn create(name: &Name, size: u64, allocation: Allocation, mode: Mode) -> Result<Segment> {
        let draft = Draft::zeros(name, size, allocation, mode)?;
        draft.publish()?;
        Ok(draft.into_segment())
    }

    /// Fails like [`Segment::create`] would when the name is taken, without
    /// making anything.
    ///
    /// # Errors
    /// [`ErrorKind::Exists`].
    pub fn require_free(name: &Name) -> Result<()> {
        match backing::look(&new_path(name)?) {
            Ok(_) => Err(backing::taken(Error::os(Errno::EEXIST), "segment").about(name)),
            Err(_) => Ok(()),
        }
    }

    /// Opens an existing segment.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`], [`ErrorKind::Denied`], or [`ErrorKind::Broken`]
    /// for what is not a regular file with one name.
    pub fn open(name: &Name, access: Access) -> Result<Segment> {
        let path = own_path(name)?;
        backing::open(&path, access)
            .and_then(|file| backing::require_one_link(&file).map(|()| Segment { file }))
            .map_err(|error| explained(error).about(name))
    }

    /// Bytes in the segment.
    ///
    /// # Errors
    /// None in practice, fstat(2).
    pub fn size(&self) -> Result<u64> {
        self.file
            .metadata()
            .map(|found| found.size())
            .map_err(Error::os)
    }

    /// Device and inode, which no other object has while this one is open.
    ///
    /// # Errors
    /// None in practice, fstat(2).
    pub fn identity(&self) -> Result<(u64, u64)> {
        let found = self.file.metadata().map_err(Error::os)?;
        Ok((found.dev(), found.ino()))
    }

    /// Reads at least one and at most `buffer.len()` bytes at `offset`.
    ///
    /// # Errors
    /// [`ErrorKind::Broken`] when the end is not beyond `offset`: it was when
    /// the caller looked. Otherwise what pread(2) says.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        match self.file.read_at(buffer, offset).map_err(Error::os)? {
            0 if !buffer.is_empty() => Err(Error::new(
                ErrorKind::Broken,
                format!("was cut to {} bytes while it was read", self.size()?),
            )),
            length => Ok(length),
        }
    }

    /// Copies bytes in at `offset` and says how many.
    ///
    /// Other processes see the bytes arrive piece by piece. What comes within
    /// one chunk of 256 KiB is written whole or not at all.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`] when they do not fit, or there is no space.
    pub fn write(&self, source: &mut dyn Read, offset: u64, end: End) -> Result<u64> {
        signal::ignore_size_limit();
        let found = self.file.metadata().map_err(Error::os)?;
        let size = found.size();
        let is_sparse = found.blocks() * 512 < size;
        let mut chunk = Buffer::new(CHUNK);
        let (mut at, mut end_now) = (offset, size);
        loop {
            let length = fill_chunk(source, &mut chunk)?;
            let next = at.saturating_add(length as u64);
            if end == End::Fixed && next > size {
                let is_all = length < CHUNK;
                return Err(does_not_fit(
                    size,
                    offset,
                    next - offset,
                    is_all,
                    at - offset,
                ));
            }
            if length == 0 {
                break;
            }
            if next > end_now {
                // Nothing between the old end and the bytes stays without memory.
                let from = at.min(end_now);
                require_room(next - end_now)?;
                self.reserve(from, next - from)?;
                end_now = next;
            } else if is_sparse {
                self.reserve(at, length as u64)?;
            }
            self.write_chunk(&chunk[..length], at)?;
            at = next;
            if length < CHUNK {
                break;
            }
        }
        if end == End::Cut {
            if at == 0 {
                return Err(empty("nothing was given"));
            }
            self.set_len(at)?;
        }
        Ok(at - offset)
    }

    /// Moves the end. A process that has the part behind it mapped will crash
    /// when it touches that part; bytes that come in are zeros.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`] when there is no space; nothing is changed then.
    pub fn resize(&self, size: u64, allocation: Allocation) -> Result<()> {
        if size < self.size()? {
            if size == 0 {
                return Err(empty("size 0"));
            }
            return self.set_len(size);
        }
        self.extend(size, allocation)
    }

    /// Removes the name; processes that have the segment open or mapped keep it.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`], [`ErrorKind::Denied`]. See shm_unlink(3).
    pub fn unlink(name: &Name) -> Result<()> {
        let path = own_path(name)?;
        backing::unlink(&path).map_err(|error| explained(error).about(name))
    }

    fn extend(&self, size: u64, allocation: Allocation) -> Result<()> {
        signal::ignore_size_limit();
        if size == 0 {
            return Err(empty("size 0"));
        }
        let length = i64::try_from(size)
            .map_err(|_| Error::os(Errno::EFBIG).saying("a segment has at most 63 bits of size"))?;
        if allocation == Allocation::Sparse {
            return self.set_len(size);
        }
        let present = self.file.metadata().map_err(Error::os)?;
        if present.size() == 0 && size <= PAGE {
            return self.write_chunk(&[0; PAGE as usize][..size as usize], 0);
        }
        let needed = size.saturating_sub(present.blocks() * 512);
        require_room(needed)?;
        fallocate(&self.file, FallocateFlags::empty(), 0, length)
            .map_err(|errno| unwritten(errno.into(), needed))
    }

    /// Takes the memory of a part that is about to be written, and moves the
    /// end out to it: a write that then ran out of it would stop halfway.
    fn reserve(&self, at: u64, length: u64) -> Result<()> {
        let (Ok(start), Ok(count)) = (i64::try_from(at), i64::try_from(length)) else {
            return Err(Error::os(Errno::EFBIG).saying("a segment has at most 63 bits of size"));
        };
        match fallocate(&self.file, FallocateFlags::empty(), start, count) {
            // Not a tmpfs. The write itself will tell.
            Err(Errno::EOPNOTSUPP) | Ok(()) => Ok(()),
            Err(errno) => Err(unwritten(errno.into(), length)),
        }
    }

    fn set_len(&self, size: u64) -> Result<()> {
        self.file
            .set_len(size)
            .map_err(|refusal| unwritten(refusal, 0))
    }

    /// Writes all of the source from `at` on; says where that ended.
    fn fill(&self, source: &mut dyn Read, mut at: u64, allocation: Allocation) -> Result<u64> {
        signal::ignore_size_limit();
        let mut chunk = Buffer::new(CHUNK);
        loop {
            let length = fill_chunk(source, &mut chunk)?;
            match allocation {
                Allocation::Full => self.write_chunk(&chunk[..length], at)?,
                Allocation::Sparse => self.write_unless_zero(&chunk[..length], at)?,
            }
            at += length as u64;
            if length < CHUNK {
                break;
            }
        }
        if allocation == Allocation::Sparse {
            self.set_len(at)?;
        }
        Ok(at)
    }

    fn write_unless_zero(&self, chunk: &[u8], at: u64) -> Result<()> {
        for (block, offset) in chunk
            .chunks(PAGE as usize)
            .zip((at..).step_by(PAGE as usize))
        {
            if block.iter().any(|byte| *byte != 0) {
                self.write_chunk(block, offset)?;
            }
        }
        Ok(())
    }

    fn write_chunk(&self, chunk: &[u8], at: u64) -> Result<()> {
        self.file
            .write_all_at(chunk, at)
            .map_err(|refusal| unwritten(refusal, chunk.len() as u64))
    }
}

/// For sendfile(2) and the like.
impl AsFd for Segment {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Refuses what cannot fit before any of it is taken: a reservation that must
/// fail would push out what others use.
fn require_room(needed: u64) -> Result<()> {
    if needed > backing::space()?.free {
        return Err(no_space(needed));
    }
    Ok(())
}

/// Fills the chunk as far as the source goes.
fn fill_chunk(source: &mut dyn Read, chunk: &mut [u8]) -> Result<usize> {
    let mut length = 0;
    while length < chunk.len() {
        match source.read(&mut chunk[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(refusal) if refusal.kind() == std::io::ErrorKind::Interrupted => {}
            Err(refusal) => return Err(Error::os(refusal).about("input")),
        }
    }
    Ok(length)
}
