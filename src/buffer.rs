//! Buffers for bulk bytes.

use std::ops::{Deref, DerefMut};

const PAGE: usize = 4096;

/// Zeros to read into and write from, that start on a page.
///
/// The kernel copies into and out of such a buffer up to twice as fast as with
/// one that starts a few bytes behind, as large ones of the allocator do.
#[derive(Debug)]
pub struct Buffer {
    bytes: Vec<u8>,
    start: usize,
}

impl Buffer {
    /// Makes one of `length` bytes.
    pub fn new(length: usize) -> Buffer {
        let mut bytes = vec![0; length + PAGE];
        // Where the distance cannot be told the buffer is slower, not wrong.
        let start = bytes.as_ptr().align_offset(PAGE).min(PAGE);
        bytes.truncate(start + length);
        Buffer { bytes, start }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_on_a_page_and_has_the_length_asked_for() {
        for length in [0, 1, PAGE, 256 << 10] {
            let buffer = Buffer::new(length);
            assert_eq!(buffer.len(), length);
            assert!(buffer.as_ptr().addr().is_multiple_of(PAGE));
        }
    }
}
