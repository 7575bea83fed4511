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
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};
use serde::Serialize;

use crate::backing::{self, Access};
use crate::buffer::Buffer;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escaped;
use crate::facts::{Facts, Label};
use crate::name::Name;
use crate::size::{Mode, Size};

/// Bytes that are moved at a time.
const CHUNK: usize = 256 << 10;
/// Up to here memory is allocated by writing to it.
const PAGE: u64 = 4096;
/// Kinds whose files lie beside segments, and the first bytes of their names.
const OTHER_KINDS: [(&str, &str); 5] = [
    ("sem.", "sem"),
    ("ipc.lock.", "lock"),
    ("ipc.event.", "event"),
    ("ipc.barrier.", "barrier"),
    ("ipc.run.", "runtime folder"),
];

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
    /// # Errors
    /// [`ErrorKind::Exists`], [`ErrorKind::Limit`] when there is no space;
    /// nothing is left behind then.
    pub fn create(name: &Name, size: u64, allocation: Allocation, mode: Mode) -> Result<Segment> {
        let about = |error: Error| error.about(name);
        let path = new_path(name)?;
        let segment = Segment {
            file: backing::unnamed(mode).map_err(about)?,
        };
        segment.extend(size, allocation).map_err(about)?;
        backing::publish(&segment.file, &path)
            .map_err(|e| taken(e, "segment"))
            .map_err(about)?;
        Ok(segment)
    }

    /// Creates a segment that holds what `source` gives, and nothing else.
    ///
    /// With [`Allocation::Sparse`] blocks of zeros take no memory.
    ///
    /// # Errors
    /// As [`Segment::create`], and when the source is empty or cannot be read.
    pub fn create_from(
        name: &Name,
        source: &mut dyn Read,
        allocation: Allocation,
        mode: Mode,
    ) -> Result<Segment> {
        Segment::create_at(name, source, 0, allocation, mode)
    }

    /// As [`Segment::create_from`], with zeros up to `offset` before the bytes.
    ///
    /// # Errors
    /// As [`Segment::create_from`].
    pub fn create_at(
        name: &Name,
        source: &mut dyn Read,
        offset: u64,
        allocation: Allocation,
        mode: Mode,
    ) -> Result<Segment> {
        let about = |error: Error| error.about(name);
        let path = new_path(name)?;
        let segment = Segment {
            file: backing::unnamed(mode).map_err(about)?,
        };
        if offset > 0 {
            segment.extend(offset, allocation).map_err(about)?;
        }
        let end = segment.fill(source, offset, allocation).map_err(about)?;
        if end == offset {
            return Err(about(empty("the source has no bytes")));
        }
        backing::publish(&segment.file, &path)
            .map_err(|e| taken(e, "segment"))
            .map_err(about)?;
        Ok(segment)
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
            .map_err(|error| missing(error).about(name))
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

    /// Reads at most `buffer.len()` bytes at `offset`; zero means the end.
    ///
    /// # Errors
    /// What pread(2) says.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        self.file.read_at(buffer, offset).map_err(Error::os)
    }

    /// Copies bytes in at `offset` and says how many.
    ///
    /// Other processes see the bytes arrive piece by piece. What comes within
    /// one chunk of 256 KiB is written whole or not at all.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`] when they do not fit, or there is no space.
    pub fn write(&self, source: &mut dyn Read, offset: u64, end: End) -> Result<u64> {
        let size = self.size()?;
        let mut chunk = Buffer::new(CHUNK);
        let mut at = offset;
        loop {
            let length = fill_chunk(source, &mut chunk)?;
            let next = at.saturating_add(length as u64);
            if end == End::Fixed && next > size {
                return Err(does_not_fit(size, offset, next - offset, at - offset));
            }
            if length == 0 {
                break;
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
            self.file.set_len(at).map_err(Error::os)?;
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
            return self.file.set_len(size).map_err(Error::os);
        }
        self.extend(size, allocation)
    }

    /// Removes the name; processes that have the segment open or mapped keep it.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`], [`ErrorKind::Denied`]. See shm_unlink(3).
    pub fn unlink(name: &Name) -> Result<()> {
        let path = own_path(name)?;
        backing::unlink(&path).map_err(|error| missing(error).about(name))
    }

    fn extend(&self, size: u64, allocation: Allocation) -> Result<()> {
        if size == 0 {
            return Err(empty("size 0"));
        }
        let length = i64::try_from(size)
            .map_err(|_| Error::os(Errno::EFBIG).saying("a segment has at most 63 bits of size"))?;
        let present = self.size()?;
        if allocation == Allocation::Sparse {
            return self.file.set_len(size).map_err(Error::os);
        }
        if present == 0 && size <= PAGE {
            return self.write_chunk(&[0; PAGE as usize][..size as usize], 0);
        }
        // Asked first: a reservation that must fail would push out what others use.
        let needed = size.saturating_sub(self.allocated()?);
        if needed > backing::space()?.0 {
            return Err(no_space(needed));
        }
        fallocate(&self.file, FallocateFlags::empty(), 0, length).map_err(|errno| match errno {
            Errno::ENOSPC => no_space(needed),
            errno => Error::os(errno),
        })
    }

    fn allocated(&self) -> Result<u64> {
        self.file
            .metadata()
            .map(|found| found.blocks() * 512)
            .map_err(Error::os)
    }

    /// Writes all of the source from `at` on; says where that ended.
    fn fill(&self, source: &mut dyn Read, mut at: u64, allocation: Allocation) -> Result<u64> {
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
            self.file.set_len(at).map_err(Error::os)?;
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
            .map_err(|refusal| match Error::os(refusal) {
                error if error.errno() == Some(Errno::ENOSPC) => no_space(chunk.len() as u64),
                error => error,
            })
    }
}

/// For sendfile(2) and the like.
impl AsFd for Segment {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// What a listing or `stat` shows of a segment.
#[derive(Debug, Clone, Serialize)]
pub struct SegmentInfo {
    /// Always `shm`.
    pub kind: &'static str,
    #[serde(flatten)]
    /// Its name.
    pub label: Label,
    /// `ok`, or what lies there instead of a segment.
    pub status: &'static str,
    /// Bytes.
    pub size: u64,
    /// Bytes of memory in use; less than the size when sparse.
    pub allocated: u64,
    #[serde(flatten)]
    /// Owner, mode, place and time.
    pub facts: Facts,
}

impl SegmentInfo {
    /// Looks at a segment without opening it: needs no permission on it.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`].
    pub fn look(name: &Name) -> Result<SegmentInfo> {
        let found = backing::look(&path(name)).map_err(|error| missing(error).about(name))?;
        let status = match backing::kind_of(&found) {
            "file" if found.size() == 0 => "empty",
            "file" if found.nlink() > 1 => "hard-linked",
            "file" => "ok",
            other => other,
        };
        Ok(SegmentInfo {
            kind: "shm",
            label: Label::new(name.as_bytes()),
            status,
            size: found.size(),
            allocated: found.blocks() * 512,
            facts: Facts::from(&found),
        })
    }
}

/// Whether a file of /dev/shm belongs to another kind than memory.
pub fn is_of_another_kind(file: &[u8]) -> bool {
    kind_by_prefix(file).is_some()
}

/// The prefix and the kind of a file that is no segment. A bare prefix names
/// no object of that kind, so it is one more foreign segment.
fn kind_by_prefix(file: &[u8]) -> Option<(&'static str, &'static str)> {
    let belongs = |prefix: &str| file.len() > prefix.len() && file.starts_with(prefix.as_bytes());
    OTHER_KINDS.into_iter().find(|(prefix, _)| belongs(prefix))
}

fn path(name: &Name) -> PathBuf {
    name.file_in(Path::new(backing::DIRECTORY), "")
}

/// The path of a name that is to be used as a segment.
fn own_path(name: &Name) -> Result<PathBuf> {
    let Some((prefix, kind)) = kind_by_prefix(name.as_bytes()) else {
        return Ok(path(name));
    };
    let rest = escaped(&name.as_bytes()[prefix.len()..]);
    Err(Error::new(
        ErrorKind::Usage,
        format!("files named {prefix}* are not segments ({kind})"),
    )
    .about(name)
    .hint(format!("ipc {kind} … {rest}")))
}

fn new_path(name: &Name) -> Result<PathBuf> {
    name.check_new()?;
    if name.as_bytes().starts_with(b"ipc.") || name.as_bytes().starts_with(b"sem.") {
        let message = "names that start with sem. or ipc. are kept for other kinds";
        return Err(Error::new(ErrorKind::Usage, message).about(name));
    }
    Ok(path(name))
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

fn empty(what: &str) -> Error {
    Error::new(
        ErrorKind::Usage,
        format!("{what}: a segment has at least one byte"),
    )
}

fn missing(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Missing => error.saying("no such segment"),
        _ => error,
    }
}

fn taken(error: Error, what: &str) -> Error {
    match error.kind() {
        ErrorKind::Exists => error
            .saying(format!("the {what} exists already"))
            .hint("--if-exists open takes it as it is, --if-exists replace makes a new one"),
        _ => error,
    }
}

fn no_space(needed: u64) -> Error {
    let room = backing::space()
        .map(|(free, all)| format!(", {} free of {}", Size(free), Size(all)))
        .unwrap_or_default();
    Error::os(Errno::ENOSPC)
        .saying(format!(
            "{needed} bytes more do not fit: {}{room}",
            backing::DIRECTORY
        ))
        .hint(format!(
            "df {}; --sparse takes memory only as it is used",
            backing::DIRECTORY
        ))
}

fn does_not_fit(size: u64, offset: u64, given: u64, written: u64) -> Error {
    let so_far = if written > 0 {
        format!("; {written} are written")
    } else {
        String::new()
    };
    Error::os(Errno::EFBIG)
        .saying(format!(
            "{given} bytes or more at offset {offset} do not fit, the segment has {size}{so_far}"
        ))
        .hint("--grow moves the end out, --truncate puts it where the data ends")
}
