//! Typed values and arrays: live `.npy` files in shared memory.
//!
//! A value is an array of no dimensions. Elements of up to eight bytes change
//! by one atomic operation; numpy sees and changes the same memory through
//! `np.load(path, mmap_mode='r+')`. Behind the data lies a trailer of ours
//! that numpy ignores: a generation that every writer of ours moves, which
//! waiters sleep on, and the word of a writer that changes more than one cell.
//! A file of numpy's own making has none and works without.
//!
//! ```
//! # use std::time::Duration;
//! # use ipc::{backing::Access, deadline::Deadline, name::Name, size::Mode, wait::Wait};
//! # use ipc::shared::array::{Array, Contents, Family};
//! # let name = Name::parse(format!("doc-{}", std::process::id()).as_bytes())?;
//! let element: ipc::shared::element::Element = "int64".parse()?;
//! let start = element.parse(b"5000")?;
//! Array::create(&name, element, Some(vec![]), Contents::All(&start), Mode::default())?;
//! let money = Array::open(&name, Family::Value, Access::Write)?;
//! let more = element.parse_operand(b"-20")?;
//! let mut wait = Wait::until(Deadline::Now);
//! let change = money.update(0, &mut wait, |now| element.sum(now, &more, false).map(Some))?;
//! assert_eq!((change.old.shown(), change.new.shown()), ("5000".into(), "4980".into()));
//! Array::unlink(&name, Family::Value)?;
//! # Ok::<(), ipc::error::Error>(())
//! ```

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{Ordering, fence};

use crate::backing::{self, Access};
use crate::error::{Error, ErrorKind, Result};
use crate::exit::Exit;
use crate::name::Name;
use crate::object::shm;
use crate::shared::element::Element;
use crate::shared::npy::{Header, MAX_HEADER};
use crate::shared::scalar::Scalar;
use crate::size::Mode;
use crate::sys::fault;
use crate::sys::mapping::{Cell, Mapping};
use crate::wait::{RECHECK, Wait};

mod create;
mod info;
mod observe;
mod refusal;
mod remove;
mod trailer;
mod update;
mod wait;
mod writer;

pub use create::Contents;
pub use info::ArrayInfo;
pub use update::Change;

use refusal::{cut, missing};
use trailer::Trailer;

/// Bytes that are read at first, in the hope that they are enough.
const START: usize = 256;
/// How often a copy of one moment is tried while others write.
const TRIES: u32 = 1000;

/// What a file of this format is to its users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// One element, without dimensions.
    Value,
    /// Elements in one dimension or more.
    Array,
}

impl Family {
    /// What a file with this header is.
    pub fn of(header: &Header) -> Family {
        if header.shape.is_empty() {
            Family::Value
        } else {
            Family::Array
        }
    }

    /// The word for it, in commands and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Family::Value => "value",
            Family::Array => "array",
        }
    }

    /// The word with its article.
    fn phrase(self) -> &'static str {
        match self {
            Family::Value => "a value",
            Family::Array => "an array",
        }
    }
}

/// An open value or array.
///
/// Dropping it closes the file and removes nothing. A writer that is killed
/// leaves a cell with the old or the new value; one killed while it changed
/// more than a cell is reported ([`ErrorKind::Broken`]) until the next such
/// change.
#[derive(Debug)]
pub struct Array {
    file: File,
    mapping: Mapping,
    header: Header,
    trailer: Option<usize>,
    writable: bool,
}

impl Array {
    /// Creates an array, complete or not at all. Does not block. Without a
    /// shape it has one dimension, as long as there are elements.
    ///
    /// # Errors
    /// [`ErrorKind::Exists`]; [`ErrorKind::Limit`] when there is no space,
    /// before anything is taken; [`ErrorKind::Usage`] when the elements are
    /// not as many as the shape says.
    pub fn create(
        name: &Name,
        element: Element,
        shape: Option<Vec<usize>>,
        contents: Contents<'_>,
        mode: Mode,
    ) -> Result<Header> {
        let path = shm::new_path(name)?;
        // Asked first: a large file would be made in vain.
        let free = match backing::look(&path) {
            Ok(_) => Err(Error::os(nix::errno::Errno::EEXIST)),
            Err(_) => Ok(()),
        };
        let made = free.and_then(|()| {
            let (file, header) = create::complete(element, shape, contents, mode)?;
            backing::publish(&file, &path).map(|()| header)
        });
        made.map_err(|error| backing::taken(error, "object").about(name))
    }

    /// Opens an existing value or array, of ours or of numpy's making.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`], [`ErrorKind::Denied`], or [`ErrorKind::Broken`]
    /// with the reason.
    pub fn open(name: &Name, family: Family, access: Access) -> Result<Array> {
        let about = |error: Error| missing(error, family.word()).about(name);
        let array = Array::open_any(name, access).map_err(about)?;
        let found = Family::of(&array.header);
        if found == family {
            return Ok(array);
        }
        let (found, asked) = (found.phrase(), family.phrase());
        let message = format!("is {found} of shape {}, not {asked}", array.header.shown());
        let word = Family::of(&array.header).word();
        Err(about(
            Error::new(ErrorKind::Broken, message).hint(format!("ipc {word} get NAME")),
        ))
    }

    /// Opens a file of either family.
    fn open_any(name: &Name, access: Access) -> Result<Array> {
        let (file, found) = backing::open_and_look(&path(name), access)?;
        if found.nlink() != 1 {
            backing::require_one_link(&file)?;
        }
        let start = start_of(&file, found.len())?;
        let header = header_within(&file, &start, found.len())?;
        let trailer = trailer::place(&file, &start, &header, found.len())?;
        fault::arm(name, Exit::Broken.code()).map_err(Error::os)?;
        let length = trailer.map_or(header.end(), |at| at + trailer::SIZE);
        let writable = access == Access::Write;
        let mapping = if writable {
            Mapping::new(&file, length)
        } else {
            Mapping::read_only(&file, length)
        };
        Ok(Array {
            mapping: mapping.map_err(Error::os)?,
            file,
            header,
            trailer,
            writable,
        })
    }

    /// Checks that what exists has this type and shape, if one is given.
    ///
    /// # Errors
    /// [`ErrorKind::Exists`] when it has others, else as [`Array::open`].
    pub fn require_like(name: &Name, element: Element, shape: Option<&[usize]>) -> Result<()> {
        let header = backing::open(&path(name), Access::Read)
            .and_then(|file| header_of(&file))
            .map_err(|error| missing(error, "value or array").about(name))?;
        if header.element == element && shape.is_none_or(|shape| header.shape == shape) {
            return Ok(());
        }
        let asked = shape.map(|shape| Header::new(element, shape.to_vec()).shown());
        let asked = asked.map_or(String::new(), |shape| format!(" of shape {shape}"));
        let (found, shape) = (header.element, header.shown());
        let message = format!("exists as {found} of shape {shape}, not {element}{asked}");
        Err(Error::new(ErrorKind::Exists, message).about(name))
    }

    /// Its type, shape and place.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The element at a flat index, whole.
    ///
    /// # Errors
    /// [`ErrorKind::Broken`] for a wide one whose writer was killed.
    pub fn get(&self, index: usize, wait: &mut Wait) -> Result<Scalar> {
        let element = self.header.element;
        if element.is_atomic() {
            return Ok(element.decode(self.cell(index).load()));
        }
        let bytes = self.read_steady(index..index + 1, wait)?;
        Ok(element.decode_bytes(&bytes))
    }

    /// The bytes of a range of elements at one moment, as far as writers of
    /// ours are concerned: reads again when one came between.
    ///
    /// # Errors
    /// [`ErrorKind::Broken`] when a writer was killed in the middle;
    /// [`ErrorKind::Limit`] when writers leave no moment; what the wait says
    /// while one is at work.
    pub fn read_steady(&self, range: Range<usize>, wait: &mut Wait) -> Result<Vec<u8>> {
        let Some(trailer) = self.trailer() else {
            return self.read(range);
        };
        for _ in 0..TRIES {
            let before = trailer.settled(wait)?;
            let bytes = self.read(range.clone())?;
            // Pairs with the fence of a writer between its odd generation and
            // its first store: what was read is older, or the look sees it.
            fence(Ordering::SeqCst);
            if trailer.generation() == before {
                return Ok(bytes);
            }
            wait.next(None)?;
        }
        let message = "changes too fast for a copy of one moment";
        Err(Error::new(ErrorKind::Limit, message))
    }

    /// The bytes of a range of elements as they are, one after the other.
    fn read(&self, range: Range<usize>) -> Result<Vec<u8>> {
        let mut bytes = vec![0; range.len() * self.header.element.width];
        self.file
            .read_exact_at(&mut bytes, self.offset(range.start))
            .map_err(|_| cut())?;
        Ok(bytes)
    }

    /// The generation: moves with every change by a writer of ours. Nothing
    /// for a file without a trailer.
    pub fn generation(&self) -> Option<u64> {
        self.trailer().map(|trailer| trailer.generation())
    }

    fn trailer(&self) -> Option<Trailer<'_>> {
        self.trailer.map(|at| Trailer {
            mapping: &self.mapping,
            at,
        })
    }

    fn offset(&self, index: usize) -> u64 {
        (self.header.data + index * self.header.element.width) as u64
    }

    fn cell(&self, index: usize) -> Cell<'_> {
        let width = self.header.element.width;
        self.mapping.cell(self.header.data + index * width, width)
    }
}

fn path(name: &Name) -> PathBuf {
    name.file_in(Path::new(backing::DIRECTORY), "")
}

fn header_of(file: &File) -> Result<Header> {
    let length = file.metadata().map_err(Error::os)?.len();
    header_within(file, &start_of(file, length)?, length)
}

/// The first bytes of a file: a header of ours, and all of a small value.
fn start_of(file: &File, length: u64) -> Result<Vec<u8>> {
    let mut start = vec![0; START.min(usize::try_from(length).unwrap_or(START))];
    file.read_exact_at(&mut start, 0).map_err(|_| cut())?;
    Ok(start)
}

/// The header of a file of this many bytes, of which the first are known.
fn header_within(file: &File, start: &[u8], length: u64) -> Result<Header> {
    match Header::parse(start, length) {
        // Ours are short: only a longer one is worth a second read.
        Err(_) if length > start.len() as u64 && Header::is_likely(start) => {
            let most = MAX_HEADER + 12;
            let mut bytes = vec![0; usize::try_from(length).map_or(most, |all| all.min(most))];
            file.read_exact_at(&mut bytes, 0).map_err(|_| cut())?;
            Header::parse(&bytes, length)
        }
        result => result,
    }
}

#[cfg(test)]
mod tests;
