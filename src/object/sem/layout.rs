//! The 32 bytes of a semaphore, and what makes them one.

use std::fs::{File, Metadata};
use std::os::unix::fs::FileExt;

use super::MAX_VALUE;
use crate::error::{Error, ErrorKind, Result};

/// Bytes of the file.
pub(super) const SIZE: usize = 32;
/// One waiter, in the word.
pub(super) const ONE_WAITER: u64 = 1 << 32;
/// Where the value lies that sleepers watch: the low half of the word.
pub(super) const VALUE_OFFSET: usize = if cfg!(target_endian = "big") { 4 } else { 0 };

/// What glibc writes for "shared between processes".
const SHARED: u32 = 128;

/// The bytes of a new semaphore.
pub(super) fn new(value: u32) -> [u8; SIZE] {
    let mut bytes = [0; SIZE];
    bytes[..8].copy_from_slice(&u64::from(value).to_ne_bytes());
    bytes[8..12].copy_from_slice(&SHARED.to_ne_bytes());
    bytes
}

/// The value that a word says.
pub(super) fn value_of(word: u64) -> u32 {
    word as u32
}

/// The number of waiters that a word says.
pub(super) fn waiters_of(word: u64) -> u32 {
    (word >> 32) as u32
}

/// Reads the word of an open file, if the file is a semaphore.
///
/// # Errors
/// [`ErrorKind::Broken`] when it is none.
pub(super) fn read(file: &File, found: &Metadata) -> Result<u64> {
    if found.len() != SIZE as u64 {
        return Err(broken(format!("{} bytes instead of {SIZE}", found.len())));
    }
    let mut bytes = [0; SIZE];
    let length = file.read_at(&mut bytes, 0).map_err(Error::os)?;
    if length != SIZE {
        return Err(broken(format!("{length} bytes instead of {SIZE}")));
    }
    let word = u64::from_ne_bytes(std::array::from_fn(|i| bytes[i]));
    let private = u32::from_ne_bytes(std::array::from_fn(|i| bytes[8 + i]));
    if private != SHARED {
        return Err(broken(format!(
            "its shared flag is {private} instead of {SHARED}"
        )));
    }
    if value_of(word) > MAX_VALUE {
        return Err(broken(format!("its value is beyond {MAX_VALUE}")));
    }
    Ok(word)
}

fn broken(why: String) -> Error {
    Error::new(ErrorKind::Broken, format!("is not a semaphore: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sleepers_watch_the_value() {
        let bytes = new(0x0102_0304);
        let watched = &bytes[VALUE_OFFSET..VALUE_OFFSET + 4];
        assert_eq!(watched, 0x0102_0304_u32.to_ne_bytes());
    }

    #[test]
    fn the_word_holds_value_and_waiters() {
        let word = 3 * ONE_WAITER + 7;
        assert_eq!((value_of(word), waiters_of(word)), (7, 3));
    }
}
