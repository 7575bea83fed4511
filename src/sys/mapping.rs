//! Memory shared with other processes, reached only through atomics.
//!
//! Anybody may write to it at any time, so there is never a slice or a plain
//! reference to its bytes: bulk data goes through `pread` and `pwrite`.

use std::fs::File;
use std::io;
use std::marker::PhantomData;
use std::sync::atomic::AtomicU64;

use memmap2::{MmapOptions, MmapRaw};

/// A file mapped shared and writable, for atomic words.
///
/// Touching it after another process cut the file ends in a message and an
/// exit code, see [`crate::sys::fault`].
#[derive(Debug)]
pub struct Mapping {
    raw: MmapRaw,
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
        Ok(Mapping { raw })
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
