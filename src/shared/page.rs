//! The page behind a lock, event or barrier, and what its header says.
//!
//! `/dev/shm/ipc.KIND.NAME`, exactly 4096 bytes: magic, kind, version,
//! geometry and the pid namespace of whoever made it, then the words of the
//! kind. A file that is anything else is refused before it is mapped.

use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::backing::{self, Access};
use crate::error::{Error, ErrorKind, Result};
use crate::exit::Exit;
use crate::facts::Facts;
use crate::name::Name;
use crate::process::identity::Namespaces;
use crate::size::Mode;
use crate::sys::mapping::{Cell, Mapping, Word32};
use crate::sys::{fault, futex};

/// Bytes of the file.
pub const SIZE: usize = 4096;
/// Where the words of the kind start.
pub const WORDS: usize = 128;

const MAGIC: [u8; 8] = *b"ipcpage\0";
const VERSION: u32 = 1;
const KIND: usize = 8;
const VERSION_AT: usize = 16;
const GEOMETRY: usize = 20;
const PID_NAMESPACE: usize = 24;
const REMOVED: usize = 32;
const TIME_NAMESPACE: usize = 40;

/// Which kind of object a page holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageKind {
    /// A lock.
    Lock,
    /// An event.
    Event,
    /// A barrier.
    Barrier,
}

impl PageKind {
    /// The word for it, in messages and in the name of the file.
    pub fn word(self) -> &'static str {
        match self {
            PageKind::Lock => "lock",
            PageKind::Event => "event",
            PageKind::Barrier => "barrier",
        }
    }

    /// What its files start with.
    pub fn prefix(self) -> &'static str {
        match self {
            PageKind::Lock => "ipc.lock.",
            PageKind::Event => "ipc.event.",
            PageKind::Barrier => "ipc.barrier.",
        }
    }

    fn tag(self) -> [u8; 8] {
        let mut tag = [0; 8];
        tag[..self.word().len()].copy_from_slice(self.word().as_bytes());
        tag
    }

    fn path(self, name: &Name) -> PathBuf {
        name.file_in(Path::new(backing::DIRECTORY), self.prefix())
    }
}

/// An open page.
///
/// Dropping it unmaps it; the object stays until its name is removed.
#[derive(Debug)]
pub struct Page {
    kind: PageKind,
    file: File,
    mapping: Mapping,
    geometry: u32,
    namespaces: Namespaces,
}

impl Page {
    /// Makes a page whose words are all zero. Does not block.
    ///
    /// # Errors
    /// [`ErrorKind::Exists`].
    pub fn create(kind: PageKind, name: &Name, geometry: u32, mode: Mode) -> Result<()> {
        name.check_new()?;
        let made = (|| {
            let mut bytes = [0; SIZE];
            bytes[..8].copy_from_slice(&MAGIC);
            bytes[KIND..KIND + 8].copy_from_slice(&kind.tag());
            bytes[VERSION_AT..VERSION_AT + 4].copy_from_slice(&VERSION.to_ne_bytes());
            bytes[GEOMETRY..GEOMETRY + 4].copy_from_slice(&geometry.to_ne_bytes());
            let here = Namespaces::of_this_process()?;
            bytes[PID_NAMESPACE..PID_NAMESPACE + 8].copy_from_slice(&here.pid.to_ne_bytes());
            bytes[TIME_NAMESPACE..TIME_NAMESPACE + 8].copy_from_slice(&here.time.to_ne_bytes());
            let file = backing::unnamed(mode)?;
            file.write_all_at(&bytes, 0)
                .map_err(|refusal| backing::unwritten(refusal, SIZE as u64))?;
            backing::publish(&file, &kind.path(name))
        })();
        made.map_err(|error: Error| match error.kind() {
            ErrorKind::Exists => error.saying(format!("the {} exists already", kind.word())),
            _ => error,
        })
        .map_err(|error| error.about(name))
    }

    /// Opens an existing page for changing its words.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`], [`ErrorKind::Denied`], or [`ErrorKind::Broken`]
    /// for a file that is none of this kind and version.
    pub fn open(kind: PageKind, name: &Name) -> Result<Page> {
        Page::with_access(kind, name, Access::Write)
    }

    /// Opens an existing page for looking at its words.
    ///
    /// # Errors
    /// As [`Page::open`].
    pub fn look(kind: PageKind, name: &Name) -> Result<Page> {
        Page::with_access(kind, name, Access::Read)
    }

    fn with_access(kind: PageKind, name: &Name, access: Access) -> Result<Page> {
        let about = |error: Error| missing(error, kind).about(name);
        let file = backing::open(&kind.path(name), access).map_err(about)?;
        backing::require_one_link(&file).map_err(about)?;
        let (geometry, namespaces) = check(&file, kind).map_err(about)?;
        fault::arm(name, Exit::Broken.code()).map_err(Error::os)?;
        let mapping = match access {
            Access::Write => Mapping::new(&file, SIZE),
            Access::Read => Mapping::read_only(&file, SIZE),
        };
        Ok(Page {
            kind,
            mapping: mapping.map_err(Error::os).map_err(about)?,
            file,
            geometry,
            namespaces,
        })
    }

    /// Looks at what lies under the name: its facts, and `ok` or what is wrong.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`].
    pub fn inspect(kind: PageKind, name: &Name) -> Result<(Facts, String)> {
        let path = kind.path(name);
        let found = backing::look(&path).map_err(|error| missing(error, kind).about(name))?;
        let opened = backing::open(&path, Access::Read).and_then(|file| check(&file, kind));
        let status = match opened {
            _ if !found.is_file() => backing::kind_of(&found).to_owned(),
            _ if found.len() == 0 => "empty".to_owned(),
            Err(error) if error.kind() == ErrorKind::Denied => "unreadable".to_owned(),
            // That says nothing of the file.
            Err(error) if error.is_shortage() => return Err(error.about(name)),
            Err(_) => "corrupt".to_owned(),
            Ok(_) if found.nlink() > 1 => "hard-linked".to_owned(),
            Ok(_) => "ok".to_owned(),
        };
        Ok((Facts::from(&found), status))
    }

    /// The number that was fixed when it was made.
    pub fn geometry(&self) -> u32 {
        self.geometry
    }

    /// Refuses a page whose owners cannot be judged from here: their numbers
    /// and start times are those of another pid or time namespace.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`], naming both namespaces.
    pub fn require_this_namespace(&self) -> Result<()> {
        let here = Namespaces::of_this_process()?;
        if self.namespaces == here {
            return Ok(());
        }
        let message = format!(
            "was made in {}, and this is {here}: owners cannot be judged across",
            self.namespaces
        );
        let hint = format!(
            "ipc {} rm NAME removes it, when its container is gone",
            self.kind.word()
        );
        Err(Error::new(ErrorKind::Limit, message).hint(hint))
    }

    /// A 64-bit word.
    pub fn word(&self, offset: usize) -> Cell<'_> {
        self.mapping.cell(offset, 8)
    }

    /// A 32-bit word to sleep on.
    pub fn sleeper(&self, offset: usize) -> Word32<'_> {
        self.mapping.word32(offset)
    }

    /// Refuses a page that was removed, so that its name stands for another or
    /// none, or cut: what is behind the end reads as a free lock, or faults.
    ///
    /// # Errors
    /// [`ErrorKind::Broken`].
    pub fn require_present(&self) -> Result<()> {
        let found = self.file.metadata().map_err(Error::os)?;
        if found.len() != SIZE as u64 {
            return Err(Error::new(
                ErrorKind::Broken,
                "the file was cut while in use",
            ));
        }
        if found.nlink() == 0 || self.word(REMOVED).load() != 0 {
            return Err(Error::new(ErrorKind::Broken, "was removed while waiting"));
        }
        Ok(())
    }

    /// Says that it is about to be removed, or takes that back.
    pub fn mark_removed(&self, removed: bool) {
        let Ok(_) = self
            .word(REMOVED)
            .update(|_| Ok::<u64, std::convert::Infallible>(removed.into()));
    }

    /// The open file, to be watched.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Marks it removed, wakes the sleepers of these words, removes the name.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`], [`ErrorKind::Denied`]. A broken page is removed all the same.
    pub fn unlink(kind: PageKind, name: &Name, sleepers: &[usize]) -> Result<()> {
        let page = Page::open(kind, name).ok();
        if let Some(page) = &page {
            page.mark_removed(true);
        }
        let unlinked = backing::unlink(&kind.path(name));
        if let Some(page) = &page {
            for offset in sleepers {
                futex::wake(page.sleeper(*offset), u32::MAX);
            }
        }
        unlinked.map_err(|error| missing(error, kind).about(name))
    }
}

/// Reads the header by `pread`, which cannot fault; says geometry and namespace.
fn check(file: &File, kind: PageKind) -> Result<(u32, Namespaces)> {
    let length = file.metadata().map_err(Error::os)?.len();
    let broken = |message: String| {
        let hint = format!("ipc {} rm NAME", kind.word());
        Err(Error::new(ErrorKind::Broken, message).hint(hint))
    };
    if length != SIZE as u64 {
        return broken(format!(
            "is no {}: {length} bytes instead of {SIZE}",
            kind.word()
        ));
    }
    let mut bytes = [0; WORDS];
    file.read_exact_at(&mut bytes, 0).map_err(Error::os)?;
    let four = |at: usize| u32::from_ne_bytes(std::array::from_fn(|i| bytes[at + i]));
    let eight = |at: usize| u64::from_ne_bytes(std::array::from_fn(|i| bytes[at + i]));
    if bytes[..8] != MAGIC || bytes[KIND..KIND + 8] != kind.tag() {
        return broken(format!("is no {}: its first bytes are others", kind.word()));
    }
    if four(VERSION_AT) != VERSION {
        return broken(format!(
            "has layout version {}, this ipc knows {VERSION}",
            four(VERSION_AT)
        ));
    }
    let namespaces = Namespaces {
        pid: eight(PID_NAMESPACE),
        time: eight(TIME_NAMESPACE),
    };
    Ok((four(GEOMETRY), namespaces))
}

fn missing(error: Error, kind: PageKind) -> Error {
    match error.kind() {
        ErrorKind::Missing => error.saying(format!("no such {}", kind.word())),
        _ => error,
    }
}
