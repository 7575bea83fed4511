//! What lies behind the data: who writes, and how often was written.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use nix::errno::Errno;

use super::RECHECK;
use super::refusal::cut;
use crate::error::{Error, ErrorKind, Result};
use crate::process::identity::Namespaces;
use crate::shared::judge::{Verdict, judge};
use crate::shared::npy::Header;
use crate::shared::owner::OwnerWord;
use crate::sys::futex;
use crate::sys::mapping::Mapping;
use crate::wait::Wait;

/// Bytes of a trailer.
pub(super) const SIZE: usize = 64;
/// Place of the generation: odd while more than one cell changes.
pub(super) const GENERATION: usize = 16;
/// Place of the word of the process that changes more than one cell.
pub(super) const WRITER: usize = 24;
/// Place of the inode of the pid namespace that the writer's number is of.
const NAMESPACE: usize = 32;
/// Place of that of the time namespace that its stamp is of.
const TIME_NAMESPACE: usize = 40;
/// Place of the first element of the change under way, or of a torn one.
const TORN_FROM: usize = 48;
/// Place of the element behind the last one of it.
const TORN_TO: usize = 56;
const MAGIC: [u8; 8] = *b"ipcvalue";
const VERSION: u32 = 1;

/// The bytes of a new trailer.
pub(super) fn fresh() -> Result<[u8; SIZE]> {
    let mut bytes = [0; SIZE];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_ne_bytes());
    let here = Namespaces::of_this_process()?;
    bytes[NAMESPACE..NAMESPACE + 8].copy_from_slice(&here.pid.to_ne_bytes());
    bytes[TIME_NAMESPACE..TIME_NAMESPACE + 8].copy_from_slice(&here.time.to_ne_bytes());
    Ok(bytes)
}

/// Where the trailer is, if the file has one: of this many bytes, the first of
/// which are known.
pub(super) fn place(
    file: &File,
    start: &[u8],
    header: &Header,
    length: u64,
) -> Result<Option<usize>> {
    let at = header.end().next_multiple_of(8);
    let mut bytes = [0; 12];
    match start.get(at..at + bytes.len()) {
        Some(known) => bytes.copy_from_slice(known),
        None if file.read_exact_at(&mut bytes, at as u64).is_err() => return Ok(None),
        None => {}
    }
    if bytes[..8] != MAGIC {
        return Ok(None);
    }
    if length < (at + SIZE) as u64 {
        return Err(Error::new(ErrorKind::Broken, "its trailer is cut"));
    }
    let version = u32::from_ne_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
    if version != VERSION {
        let message = format!("its trailer has version {version}, this ipc knows {VERSION}");
        return Err(Error::new(ErrorKind::Broken, message));
    }
    Ok(Some(at))
}

/// The words of a trailer at one moment, read without a mapping.
pub(super) struct Seen {
    pub(super) generation: u64,
    writer: OwnerWord,
    namespaces: Namespaces,
}

impl Seen {
    pub(super) fn read(file: &File, at: usize) -> Result<Seen> {
        let mut bytes = [0; SIZE];
        file.read_exact_at(&mut bytes, at as u64)
            .map_err(|_| cut())?;
        let word = |place| u64::from_ne_bytes(std::array::from_fn(|i| bytes[place + i]));
        Ok(Seen {
            generation: word(GENERATION),
            writer: OwnerWord(word(WRITER)),
            namespaces: Namespaces {
                pid: word(NAMESPACE),
                time: word(TIME_NAMESPACE),
            },
        })
    }

    /// Whether a writer was killed in the middle of a change.
    pub(super) fn is_torn(&self) -> bool {
        is_changing(self.generation)
            && is_alive(self.writer, self.namespaces).is_ok_and(|alive| !alive)
    }
}

/// The trailer of an open array.
pub(super) struct Trailer<'a> {
    pub(super) mapping: &'a Mapping,
    pub(super) at: usize,
}

impl Trailer<'_> {
    pub(super) fn generation(&self) -> u64 {
        self.mapping.cell(self.at + GENERATION, 8).load()
    }

    pub(super) fn writer(&self) -> OwnerWord {
        OwnerWord(self.mapping.cell(self.at + WRITER, 8).load())
    }

    /// The generation as soon as no change of several cells is under way.
    pub(super) fn settled(&self, wait: &mut Wait) -> Result<u64> {
        loop {
            let generation = self.generation();
            if !is_changing(generation) {
                return Ok(generation);
            }
            let alive = self.is_writer_alive(self.writer())?;
            // The writer may have come to its end between the looks.
            if !alive && self.generation() == generation {
                return Err(self.torn());
            }
            let until = wait.next(Some(RECHECK))?;
            self.sleep(generation, until)?;
        }
    }

    /// The elements of the change that is under way, or that was never finished.
    pub(super) fn span(&self) -> Range<u64> {
        let word = |place| self.mapping.cell(self.at + place, 8).load();
        word(TORN_FROM)..word(TORN_TO)
    }

    /// Notes which elements change. Killed between the two words it has noted
    /// more than that, if what was noted before lies within.
    pub(super) fn note_span(&self, span: &Range<u64>) {
        for (place, index) in [(TORN_FROM, span.start), (TORN_TO, span.end)] {
            let word = self.mapping.cell(self.at + place, 8);
            let _ = word.update(|_| Ok::<u64, Error>(index));
        }
    }

    /// The error of a change whose writer was killed.
    pub(super) fn torn(&self) -> Error {
        let span = self.span();
        let several = span.end > span.start + 1;
        let (what, hint) = if several {
            let what = format!("a change of elements {} to {}", span.start, span.end - 1);
            let hint = "ipc array fill, or a set of all of them, makes it whole";
            (what, hint)
        } else {
            ("a change".to_owned(), "the next set makes it whole")
        };
        let message = format!("is torn: its writer was killed in the middle of {what}");
        Error::new(ErrorKind::Broken, message).hint(hint)
    }

    /// Sleeps while the generation is `seen`.
    pub(super) fn sleep(&self, seen: u64, until: Option<Duration>) -> Result<()> {
        rest(self.mapping, self.at + GENERATION, seen as u32, until)
    }

    /// Sleeps while the word of the writer is `seen`.
    pub(super) fn sleep_on_writer(&self, seen: OwnerWord, until: Option<Duration>) -> Result<()> {
        rest(self.mapping, self.at + WRITER, seen.futex(), until)
    }

    /// Whether the owner of the word lives, or cannot be judged.
    pub(super) fn is_writer_alive(&self, word: OwnerWord) -> Result<bool> {
        is_alive(word, self.namespaces())
    }

    /// Refuses to be a writer where the number of this process means nothing.
    pub(super) fn require_namespace(&self) -> Result<()> {
        let (here, there) = (Namespaces::of_this_process()?, self.namespaces());
        if here == there {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Limit,
            format!(
                "was made in {there}, and this is {here}: \
                 only elements of 1, 2, 4 and 8 bytes can be changed from here, one at a time"
            ),
        ))
    }

    fn namespaces(&self) -> Namespaces {
        let word = |place| self.mapping.cell(self.at + place, 8).load();
        Namespaces {
            pid: word(NAMESPACE),
            time: word(TIME_NAMESPACE),
        }
    }
}

pub(super) fn is_changing(generation: u64) -> bool {
    generation & 1 == 1
}

fn is_alive(word: OwnerWord, namespaces: Namespaces) -> Result<bool> {
    let Some(owner) = word.owner() else {
        return Ok(false);
    };
    // A number of another pid namespace says nothing here, nor does a moment
    // of another time namespace.
    if namespaces != Namespaces::of_this_process()? {
        return Ok(true);
    }
    match judge(word, owner) {
        // Nobody can judge it now; who waits looks again.
        Err(error) if error.is_passing_shortage() => Ok(true),
        verdict => Ok(matches!(verdict?, Verdict::Alive(_))),
    }
}

fn rest(mapping: &Mapping, at: usize, seen: u32, until: Option<Duration>) -> Result<()> {
    match futex::wait(mapping.word32(at), seen, until) {
        Err(Errno::EFAULT) => Err(cut()),
        // Woken, or too late to sleep, or time to look again.
        _ => Ok(()),
    }
}
