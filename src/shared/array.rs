//! Typed values and arrays: live `.npy` files in shared memory.
//!
//! A value is an array of no dimensions. Elements of up to eight bytes change
//! by one atomic operation; numpy sees and changes the same memory through
//! `np.load(path, mmap_mode='r+')`. Behind the data lies a trailer of ours
//! that numpy ignores: a generation that every writer of ours moves, which
//! waiters sleep on, and the word of a writer that changes more than one cell.
//! A file of numpy's own making has none and works without.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::backing::{self, Access};
use crate::error::{Error, ErrorKind, Result};
use crate::exit::Exit;
use crate::name::Name;
use crate::object::shm;
use crate::process::identity::{pid_namespace, since_boot};
use crate::shared::element::{Element, Scalar};
use crate::shared::judge::{Verdict, judge};
use crate::shared::npy::{DATA, Header, MAX_HEADER};
use crate::shared::owner::{OwnerWord, Stamp};
use crate::size::Mode;
use crate::sys::mapping::{Cell, Mapping};
use crate::sys::{fault, futex};
use crate::wait::{RECHECK, Wait};

const TRAILER: usize = 64;
const MAGIC: [u8; 8] = *b"ipcvalue";
const VERSION: u32 = 1;
/// Places in the trailer.
const GENERATION: usize = 16;
const WRITER: usize = 24;
const NAMESPACE: usize = 32;

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
    /// Creates an array whose bytes are `data`, in memory order. Does not block.
    ///
    /// # Errors
    /// [`ErrorKind::Exists`]; [`ErrorKind::Limit`] when there is no space.
    pub fn create(
        name: &Name,
        element: Element,
        shape: Vec<usize>,
        data: &[u8],
        mode: Mode,
    ) -> Result<()> {
        let path = shm::new_path(name)?;
        let header = Header::new(element, shape);
        let made = (|| {
            let mut bytes = header.encode()?;
            bytes.extend_from_slice(data);
            bytes.resize(header.end().next_multiple_of(8), 0);
            bytes.extend_from_slice(&trailer()?);
            let file = backing::unnamed(mode)?;
            file.write_all_at(&bytes, 0).map_err(Error::os)?;
            backing::publish(&file, &path)
        })();
        made.map_err(|error| shm::taken(error, "object").about(name))
    }

    /// Opens an existing value or array, of ours or of numpy's making.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`], [`ErrorKind::Denied`], or [`ErrorKind::Broken`]
    /// with the reason.
    pub fn open(name: &Name, access: Access) -> Result<Array> {
        let about = |error: Error| shm::missing(error, "value or array").about(name);
        let file = backing::open(&path(name), access).map_err(about)?;
        let header = backing::require_one_link(&file)
            .and_then(|()| header_of(&file))
            .map_err(about)?;
        let trailer = trailer_of(&file, &header).map_err(about)?;
        let line = format!("ipc: {name}: the file was cut while in use (SIGBUS)\n");
        fault::arm(line, Exit::Broken.code()).map_err(Error::os)?;
        let length = trailer.map_or(header.end(), |at| at + TRAILER);
        let writable = access == Access::Write;
        let mapping = if writable {
            Mapping::new(&file, length)
        } else {
            Mapping::read_only(&file, length)
        };
        let mapping = mapping.map_err(Error::os).map_err(about)?;
        Ok(Array {
            file,
            mapping,
            header,
            trailer,
            writable,
        })
    }

    /// Its type, shape and place.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The element at a flat index.
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

    /// The bytes of a range of elements as they are, one after the other:
    /// writers may change some while others are read.
    ///
    /// # Errors
    /// [`ErrorKind::Broken`] when the file was cut.
    pub fn read(&self, range: std::ops::Range<usize>) -> Result<Vec<u8>> {
        let width = self.header.element.width;
        let mut bytes = vec![0; range.len() * width];
        let offset = (self.header.data + range.start * width) as u64;
        self.file
            .read_exact_at(&mut bytes, offset)
            .map_err(|_| cut())?;
        Ok(bytes)
    }

    /// The bytes of a range of elements at one moment: reads again when a
    /// writer of ours came between.
    ///
    /// # Errors
    /// [`ErrorKind::Broken`] when a writer was killed in the middle; what the
    /// wait says when writers do not stop.
    pub fn read_steady(&self, range: std::ops::Range<usize>, wait: &mut Wait) -> Result<Vec<u8>> {
        let Some(at) = self.trailer else {
            return self.read(range);
        };
        let word = self.mapping.word64(at + GENERATION);
        loop {
            let before = self.mapping.cell(at + GENERATION, 8).load();
            if is_changing(before) {
                self.require_live_writer(at, before)?;
                let until = wait.next(Some(RECHECK))?;
                // Woken, or too late to sleep, or time to look again.
                let _ = futex::wait(self.mapping.word32(at + GENERATION), before as u32, until);
                continue;
            }
            let bytes = self.read(range.clone())?;
            if word.load(std::sync::atomic::Ordering::SeqCst) == before {
                return Ok(bytes);
            }
            wait.next(None)?;
        }
    }

    /// Changes one element in one step; says what it was and what it is.
    ///
    /// # Errors
    /// What `change` says; nothing is changed then.
    pub fn update(
        &self,
        index: usize,
        mut change: impl FnMut(u64) -> Result<u64>,
    ) -> Result<(Scalar, Scalar)> {
        self.require_writable()?;
        let element = self.header.element;
        let mut after = 0;
        let before = self.cell(index).update(|now| {
            after = change(now)?;
            Ok::<u64, Error>(after)
        })?;
        self.announce();
        Ok((element.decode(before), element.decode(after)))
    }

    /// Puts elements at a flat index, all at once for steady readers.
    ///
    /// # Errors
    /// What the wait says when another writer does not come to an end.
    pub fn put(&self, index: usize, elements: &[Scalar], wait: &mut Wait) -> Result<()> {
        self.require_writable()?;
        let element = self.header.element;
        if let [only] = elements
            && element.is_atomic()
        {
            let bits = element.encode(only);
            return self.update(index, |_| Ok(bits)).map(drop);
        }
        self.alone(wait, |array| {
            for (index, scalar) in (index..).zip(elements) {
                array.store(index, scalar)?;
            }
            Ok(())
        })
    }

    /// Puts the same element everywhere, all at once for steady readers.
    ///
    /// # Errors
    /// As [`Array::put`].
    pub fn fill(&self, scalar: &Scalar, wait: &mut Wait) -> Result<()> {
        self.require_writable()?;
        self.alone(wait, |array| {
            (0..array.header.count()).try_for_each(|index| array.store(index, scalar))
        })
    }

    /// The generation: moves with every change by a writer of ours.
    pub fn generation(&self) -> Option<u64> {
        self.trailer
            .map(|at| self.mapping.cell(at + GENERATION, 8).load())
    }

    /// Sleeps until the generation is another than `seen`, at most for
    /// `recheck`: writers that are not ours move nothing.
    ///
    /// # Errors
    /// What the wait says; [`ErrorKind::Broken`] when the object was removed.
    pub fn sleep(&self, seen: Option<u64>, recheck: Duration, wait: &mut Wait) -> Result<()> {
        self.require_name()?;
        let until = wait.next(Some(recheck))?;
        match self.trailer {
            Some(at) => {
                let word = self.mapping.word32(at + GENERATION);
                // Woken, or too late to sleep, or time to look again.
                let _ = futex::wait(word, seen.unwrap_or(0) as u32, until);
            }
            None => nix::poll::ppoll(&mut [], until.map(left), None)
                .map(drop)
                .unwrap_or(()),
        }
        Ok(())
    }

    fn cell(&self, index: usize) -> Cell<'_> {
        let width = self.header.element.width;
        self.mapping.cell(self.header.data + index * width, width)
    }

    fn store(&self, index: usize, scalar: &Scalar) -> Result<()> {
        let element = self.header.element;
        if element.is_atomic() {
            let bits = element.encode(scalar);
            return self.cell(index).update(|_| Ok(bits)).map(drop);
        }
        let offset = (self.header.data + index * element.width) as u64;
        self.file
            .write_all_at(&element.encode_bytes(scalar), offset)
            .map_err(Error::os)
    }

    /// Runs a change of more than one cell: odd generation, change, even one.
    fn alone(&self, wait: &mut Wait, change: impl FnOnce(&Array) -> Result<()>) -> Result<()> {
        let Some(at) = self.trailer else {
            return change(self);
        };
        let held = self.become_writer(at, wait)?;
        let generation = self.mapping.cell(at + GENERATION, 8);
        // A writer killed in the middle left it odd, and so it stays until we are done.
        let _ = generation.update(|now| Ok::<u64, Error>(now | 1));
        let result = change(self);
        let _ = generation.update(|now| Ok::<u64, Error>((now | 1).wrapping_add(1)));
        let writer = self.mapping.cell(at + WRITER, 8);
        let _ = writer.update(|now| {
            if now == held.0 {
                Ok(held.released().0)
            } else {
                Err(())
            }
        });
        futex::wake(self.mapping.word32(at + WRITER), u32::MAX);
        futex::wake(self.mapping.word32(at + GENERATION), u32::MAX);
        result
    }

    /// Takes the writer word for this process, from a dead writer too.
    fn become_writer(&self, at: usize, wait: &mut Wait) -> Result<OwnerWord> {
        let cell = self.mapping.cell(at + WRITER, 8);
        loop {
            let word = OwnerWord(cell.load());
            if let Some(owner) = word.owner()
                && let Verdict::Alive(_) = self.judged(at, word, owner)?
            {
                let until = wait.next(Some(RECHECK))?;
                // Woken, or too late to sleep, or time to look again.
                let _ = futex::wait(self.mapping.word32(at + WRITER), word.futex(), until);
                continue;
            }
            let mine = word.acquired(Stamp::at(since_boot()), std::process::id());
            let taken = cell.update(|now| if now == word.0 { Ok(mine.0) } else { Err(()) });
            if taken.is_ok() {
                return Ok(mine);
            }
        }
    }

    fn require_live_writer(&self, at: usize, generation: u64) -> Result<()> {
        let word = OwnerWord(self.mapping.cell(at + WRITER, 8).load());
        let alive = match word.owner() {
            Some(owner) => matches!(self.judged(at, word, owner)?, Verdict::Alive(_)),
            None => false,
        };
        // The writer may have come to its end between the two looks.
        if alive || self.mapping.cell(at + GENERATION, 8).load() != generation {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Broken,
            "is torn: its writer was killed in the middle of a change",
        )
        .hint("the next set makes it whole"))
    }

    fn judged(&self, at: usize, word: OwnerWord, owner: u32) -> Result<Verdict> {
        // A number of another pid namespace says nothing here.
        if self.mapping.cell(at + NAMESPACE, 8).load() != pid_namespace()? {
            return Ok(Verdict::Alive(None));
        }
        judge(word, owner)
    }

    /// Tells waiters of a change of one cell; keeps an odd generation odd.
    fn announce(&self) {
        let Some(at) = self.trailer else { return };
        let _ = self
            .mapping
            .cell(at + GENERATION, 8)
            .update(|now| Ok::<u64, Error>(now.wrapping_add(2)));
        futex::wake(self.mapping.word32(at + GENERATION), u32::MAX);
    }

    fn require_writable(&self) -> Result<()> {
        if self.writable {
            Ok(())
        } else {
            Err(Error::os(nix::errno::Errno::EACCES))
        }
    }

    fn require_name(&self) -> Result<()> {
        use std::os::unix::fs::MetadataExt;
        match self.file.metadata().map_err(Error::os)?.nlink() {
            0 => Err(Error::new(ErrorKind::Broken, "was removed while waiting")),
            _ => Ok(()),
        }
    }
}

fn is_changing(generation: u64) -> bool {
    generation & 1 == 1
}

fn left(until: Duration) -> nix::sys::time::TimeSpec {
    until
        .saturating_sub(crate::deadline::monotonic_now())
        .into()
}

fn path(name: &Name) -> PathBuf {
    name.file_in(Path::new(backing::DIRECTORY), "")
}

fn header_of(file: &File) -> Result<Header> {
    let length = file.metadata().map_err(Error::os)?.len();
    let mut bytes = vec![0; (MAX_HEADER + 12).min(usize::try_from(length).unwrap_or(usize::MAX))];
    // Ours are short: only a longer one is worth a second read.
    let first = bytes.len().min(DATA);
    file.read_exact_at(&mut bytes[..first], 0)
        .map_err(|_| cut())?;
    match Header::parse(&bytes[..first], length) {
        Err(_) if bytes.len() > first => {
            file.read_exact_at(&mut bytes, 0).map_err(|_| cut())?;
            Header::parse(&bytes, length)
        }
        result => result,
    }
}

/// The bytes of a new trailer.
fn trailer() -> Result<[u8; TRAILER]> {
    let mut bytes = [0; TRAILER];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_ne_bytes());
    bytes[NAMESPACE..NAMESPACE + 8].copy_from_slice(&pid_namespace()?.to_ne_bytes());
    Ok(bytes)
}

/// Where the trailer is, if the file has one.
fn trailer_of(file: &File, header: &Header) -> Result<Option<usize>> {
    let at = header.end().next_multiple_of(8);
    let mut bytes = [0; 12];
    if file.read_exact_at(&mut bytes, at as u64).is_err() || bytes[..8] != MAGIC {
        return Ok(None);
    }
    let length = file.metadata().map_err(Error::os)?.len();
    if length < (at + TRAILER) as u64 {
        return Err(Error::new(ErrorKind::Broken, "its trailer is cut"));
    }
    let version = u32::from_ne_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
    if version != VERSION {
        let message = format!("its trailer has version {version}, this ipc knows {VERSION}");
        return Err(Error::new(ErrorKind::Broken, message));
    }
    Ok(Some(at))
}

fn cut() -> Error {
    Error::new(
        ErrorKind::Broken,
        "is no value or array, or the file was cut",
    )
}
