//! Memory shared with other processes, reached only through atomics.
//!
//! Anybody may write to it at any time, so there is never a slice or a plain
//! reference to its bytes: bulk data goes through `pread` and `pwrite`.

use std::fs::File;
use std::io;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};

use memmap2::{MmapOptions, MmapRaw};

/// A file mapped shared and writable, for atomic words.
///
/// Touching it after another process cut the file ends in a message and an
/// exit code, see [`crate::sys::fault`].
#[derive(Debug)]
pub struct Mapping {
    raw: MmapRaw,
    writable: bool,
}

impl Mapping {
    /// Maps the first `length` bytes of a file that is at least that long.
    ///
    /// # Errors
    /// What mmap(2) says, or EINVAL when the length is zero.
    pub fn new(file: &File, length: usize) -> io::Result<Mapping> {
        if length == 0 {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        let raw = MmapOptions::new().len(length).map_raw(file)?;
        Ok(Mapping {
            raw,
            writable: true,
        })
    }

    /// Maps as [`Mapping::new`], for looking and sleeping alone.
    ///
    /// # Errors
    /// As [`Mapping::new`].
    pub fn read_only(file: &File, length: usize) -> io::Result<Mapping> {
        if length == 0 {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        let raw = MmapOptions::new().len(length).map_raw_read_only(file)?;
        Ok(Mapping {
            raw,
            writable: false,
        })
    }

    /// The cell of `width` bytes at `offset`.
    ///
    /// # Panics
    /// As [`Mapping::word64`], and for a width that no atomic has.
    pub fn cell(&self, offset: usize, width: usize) -> Cell<'_> {
        self.check(offset, width);
        let address = self.raw.as_mut_ptr().wrapping_add(offset);
        let atomic = match width {
            // SAFETY: as in word64: in bounds, aligned, alive, atomic.
            1 => Atomic::One(unsafe { AtomicU8::from_ptr(address) }),
            // SAFETY: as in word64: in bounds, aligned, alive, atomic.
            2 => Atomic::Two(unsafe { AtomicU16::from_ptr(address.cast()) }),
            // SAFETY: as in word64: in bounds, aligned, alive, atomic.
            4 => Atomic::Four(unsafe { AtomicU32::from_ptr(address.cast()) }),
            8 => Atomic::Eight(self.word64(offset)),
            _ => unreachable!("an atomic has 1, 2, 4 or 8 bytes, not {width}"),
        };
        Cell {
            atomic,
            writable: self.writable,
        }
    }

    /// The 64-bit word at `offset`.
    ///
    /// # Panics
    /// When the offset is not aligned or outside of the mapping: layouts are
    /// constants of this program.
    pub fn word64(&self, offset: usize) -> &AtomicU64 {
        self.check(offset, 8);
        let address = self.raw.as_mut_ptr().wrapping_add(offset).cast::<u64>();
        // SAFETY: in bounds and aligned by the check above (a mapping starts at
        // a page), and the mapping lives as long as the borrow of self; every
        // access in this program is atomic, what others do is theirs.
        unsafe { AtomicU64::from_ptr(address) }
    }

    /// The 32-bit word at `offset`, to sleep on.
    ///
    /// # Panics
    /// As [`Mapping::word64`].
    pub fn word32(&self, offset: usize) -> Word32<'_> {
        self.check(offset, 4);
        let address = self.raw.as_ptr().wrapping_add(offset).cast::<u32>();
        Word32 {
            address,
            mapping: PhantomData,
        }
    }

    fn check(&self, offset: usize, width: usize) {
        let fits = offset
            .checked_add(width)
            .is_some_and(|end| end <= self.raw.len());
        assert!(
            fits && offset.is_multiple_of(width),
            "a word at {offset} is not in this mapping"
        );
    }
}

/// An atomic of 1, 2, 4 or 8 bytes, used as bits in the low end of 64.
#[derive(Debug, Clone, Copy)]
pub struct Cell<'a> {
    atomic: Atomic<'a>,
    writable: bool,
}

#[derive(Debug, Clone, Copy)]
enum Atomic<'a> {
    One(&'a AtomicU8),
    Two(&'a AtomicU16),
    Four(&'a AtomicU32),
    Eight(&'a AtomicU64),
}

impl Cell<'_> {
    /// The bits now. Acquire pairs with the release of whoever stored them.
    pub fn load(self) -> u64 {
        match self.atomic {
            Atomic::One(cell) => cell.load(Ordering::Acquire).into(),
            Atomic::Two(cell) => cell.load(Ordering::Acquire).into(),
            Atomic::Four(cell) => cell.load(Ordering::Acquire).into(),
            Atomic::Eight(cell) => cell.load(Ordering::Acquire),
        }
    }

    /// Replaces the bits by what `change` makes of them, in one step, and says
    /// what they were. `change` may be called again when others are faster.
    ///
    /// # Errors
    /// What `change` says; nothing is changed then.
    ///
    /// # Panics
    /// On a mapping for looking alone.
    pub fn update<E>(self, mut change: impl FnMut(u64) -> Result<u64, E>) -> Result<u64, E> {
        assert!(self.writable, "this mapping is for looking alone");
        let mut now = self.load();
        loop {
            let next = change(now)?;
            match self.exchange(now, next) {
                Ok(()) => return Ok(now),
                Err(found) => now = found,
            }
        }
    }

    fn exchange(self, now: u64, next: u64) -> Result<(), u64> {
        // Both sides: the value read is built upon, the value stored is handed on.
        let (order, retry) = (Ordering::AcqRel, Ordering::Acquire);
        match self.atomic {
            Atomic::One(cell) => {
                let result = cell.compare_exchange_weak(now as u8, next as u8, order, retry);
                result.map(drop).map_err(u64::from)
            }
            Atomic::Two(cell) => {
                let result = cell.compare_exchange_weak(now as u16, next as u16, order, retry);
                result.map(drop).map_err(u64::from)
            }
            Atomic::Four(cell) => {
                let result = cell.compare_exchange_weak(now as u32, next as u32, order, retry);
                result.map(drop).map_err(u64::from)
            }
            Atomic::Eight(cell) => cell
                .compare_exchange_weak(now, next, order, retry)
                .map(drop),
        }
    }
}

/// The address of a 32-bit word in a live mapping. Never read through, only
/// handed to the kernel.
#[derive(Debug, Clone, Copy)]
pub struct Word32<'a> {
    address: *const u32,
    mapping: PhantomData<&'a Mapping>,
}

impl Word32<'_> {
    pub(super) fn as_ptr(self) -> *const u32 {
        self.address
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;

    #[test]
    fn two_mappings_of_one_file_show_the_same_word() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(32).unwrap();
        let (one, two) = (
            Mapping::new(&file, 32).unwrap(),
            Mapping::new(&file, 32).unwrap(),
        );
        one.word64(8).store(7, Ordering::SeqCst);
        assert_eq!(two.word64(8).load(Ordering::SeqCst), 7);
    }

    #[test]
    #[should_panic(expected = "not in this mapping")]
    fn a_word_beyond_the_end_is_a_bug() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(32).unwrap();
        Mapping::new(&file, 32).unwrap().word64(32);
    }
}
