//! Changing elements: one in one step, several in the turn of a writer.

use std::ops::Range;
use std::os::unix::fs::FileExt;

use super::Array;
use super::trailer::GENERATION;
use crate::error::{Error, Result};
use crate::shared::scalar::Scalar;
use crate::sys::futex;
use crate::wait::Wait;

/// What an update made of an element.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// What it was.
    pub old: Scalar,
    /// What it is; the same where the update left it alone.
    pub new: Scalar,
}

impl Array {
    /// Changes one element in one step. `change` says what becomes of it, or
    /// that it stays; it may be asked again when others are faster.
    ///
    /// # Errors
    /// What `change` says: nothing is changed then. [`crate::error::ErrorKind::Broken`] for
    /// a wide one whose writer was killed, what the wait says while another
    /// writer is at work on a wide one.
    pub fn update(
        &self,
        index: usize,
        wait: &mut Wait,
        mut change: impl FnMut(&Scalar) -> Result<Option<Scalar>>,
    ) -> Result<Change> {
        self.require_writable()?;
        let element = self.header.element;
        if !element.is_atomic() {
            return self.update_wide(index, wait, change);
        }
        let (cell, mut now) = (self.cell(index), 0);
        let mut next = None;
        let stored = cell.update(|bits| {
            now = bits;
            next = change(&element.decode(bits)).map_err(Some)?;
            next.as_ref().map(|new| element.encode(new)).ok_or(None)
        });
        match stored {
            Err(Some(error)) => return Err(error),
            Err(None) => {}
            Ok(_) => self.announce(),
        }
        let old = element.decode(now);
        let new = next.unwrap_or_else(|| old.clone());
        Ok(Change { old, new })
    }

    fn update_wide(
        &self,
        index: usize,
        wait: &mut Wait,
        mut change: impl FnMut(&Scalar) -> Result<Option<Scalar>>,
    ) -> Result<Change> {
        let turn = self.turn(wait)?;
        turn.require_whole()?;
        let old = self
            .header
            .element
            .decode_bytes(&self.read(index..index + 1)?);
        let Some(new) = change(&old)? else {
            return Ok(Change {
                new: old.clone(),
                old,
            });
        };
        turn.change(index..index + 1, true, |array| array.store(index, &new))?;
        Ok(Change { old, new })
    }

    /// Puts elements at different flat indexes within `span`, all at once for
    /// steady readers. What a killed writer left torn is whole again when all
    /// that it meant to change has been put anew.
    ///
    /// # Errors
    /// What the wait says when another writer does not come to an end.
    pub fn put(
        &self,
        span: Range<usize>,
        pairs: impl ExactSizeIterator<Item = (usize, Scalar)>,
        wait: &mut Wait,
    ) -> Result<()> {
        self.require_writable()?;
        match pairs.len() {
            0 => return Ok(()),
            1 if self.header.element.is_atomic() => {
                self.store_all(pairs)?;
                self.announce();
                return Ok(());
            }
            _ => {}
        }
        let all = pairs.len() == span.len();
        self.turn(wait)?
            .change(span, all, |array| array.store_all(pairs))
    }

    fn store_all(&self, mut pairs: impl Iterator<Item = (usize, Scalar)>) -> Result<()> {
        pairs.try_for_each(|(index, scalar)| self.store(index, &scalar))
    }

    fn store(&self, index: usize, scalar: &Scalar) -> Result<()> {
        let element = self.header.element;
        if element.is_atomic() {
            let bits = element.encode(scalar);
            return self.cell(index).update(|_| Ok(bits)).map(drop);
        }
        self.file
            .write_all_at(&element.encode_bytes(scalar), self.offset(index))
            .map_err(Error::os)
    }

    /// Tells waiters of a change of one cell, or of the removal; an odd
    /// generation stays odd.
    pub(super) fn announce(&self) {
        let Some(at) = self.trailer else { return };
        if self.writable {
            let generation = self.mapping.cell(at + GENERATION, 8);
            let _ = generation.update(|now| Ok::<u64, Error>(now.wrapping_add(2)));
        }
        futex::wake(self.mapping.word32(at + GENERATION), u32::MAX);
    }

    fn require_writable(&self) -> Result<()> {
        if self.writable {
            Ok(())
        } else {
            Err(Error::os(nix::errno::Errno::EACCES))
        }
    }
}
