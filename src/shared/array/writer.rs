//! The turn of a writer that changes more than one cell.
//!
//! Such writers go one after the other, by an owner word. The generation is
//! odd while the change goes on: readers who want one moment wait or read
//! again. A writer that is killed leaves the word to a dead process, which the
//! next writer takes over, and the generation odd, which readers report.

use std::ops::Range;
use std::sync::atomic::{Ordering, fence};

use super::trailer::{GENERATION, Trailer, WRITER, is_changing};
use super::{Array, RECHECK};
use crate::error::{Error, Result};
use crate::process::blocked::Blocked;
use crate::process::identity::since_boot;
use crate::shared::judge::require_stamp;
use crate::shared::owner::{OwnerWord, Stamp};
use crate::sys::{futex, signal};
use crate::wait::Wait;

/// The right to change what is wider than a cell; given back when dropped.
pub(super) struct Turn<'a> {
    array: &'a Array,
    held: Option<(Trailer<'a>, OwnerWord)>,
}

impl Array {
    /// Waits for the turn. A file without a trailer has none to wait for.
    pub(super) fn turn(&self, wait: &mut Wait) -> Result<Turn<'_>> {
        let held = match self.trailer() {
            Some(trailer) => {
                let word = become_writer(&trailer, wait)?;
                Some((trailer, word))
            }
            None => None,
        };
        Ok(Turn { array: self, held })
    }
}

impl Turn<'_> {
    /// Refuses to go on from what an earlier writer, killed in the middle, left.
    pub(super) fn require_whole(&self) -> Result<()> {
        match &self.held {
            Some((trailer, _)) if is_changing(trailer.generation()) => Err(trailer.torn()),
            _ => Ok(()),
        }
    }

    /// Changes elements within `span`, `all` of them or some; readers of one
    /// moment see the whole change or nothing. A change that fails leaves the
    /// array torn, and so does one of less than what was torn before.
    pub(super) fn change(
        &self,
        span: Range<usize>,
        all: bool,
        change: impl FnOnce(&Array) -> Result<()>,
    ) -> Result<()> {
        let Some((trailer, _)) = &self.held else {
            return change(self.array);
        };
        // A signal that ends this process must not tear what it writes.
        let _blocked = Blocked::new()?;
        signal::ignore_size_limit();
        let span = span.start as u64..span.end as u64;
        let torn = is_changing(trailer.generation()).then(|| trailer.span());
        let both = torn.as_ref().map_or(span.clone(), |torn| {
            span.start.min(torn.start)..span.end.max(torn.end)
        });
        trailer.note_span(&both);
        let generation = trailer.mapping.cell(trailer.at + GENERATION, 8);
        // A writer killed in the middle left it odd, and so it stays until we are done.
        let _ = generation.update(|now| Ok::<u64, Error>(now | 1));
        // Pairs with the fence of a steady reader: nothing that is stored from
        // here on may be seen before the odd generation is.
        fence(Ordering::SeqCst);
        change(self.array)?;
        match torn {
            Some(torn) if !all || both != span => {
                trailer.note_span(&torn);
                let _ = generation.update(|now| Ok::<u64, Error>(now.wrapping_add(2)));
            }
            _ => drop(generation.update(|now| Ok::<u64, Error>((now | 1).wrapping_add(1)))),
        }
        futex::wake(trailer.mapping.word32(trailer.at + GENERATION), u32::MAX);
        Ok(())
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let Some((trailer, held)) = &self.held else {
            return;
        };
        let word = trailer.mapping.cell(trailer.at + WRITER, 8);
        let free = held.released().0;
        let _ = word.update(|now| if now == held.0 { Ok(free) } else { Err(()) });
        futex::wake(trailer.mapping.word32(trailer.at + WRITER), u32::MAX);
    }
}

/// Takes the writer word for this process, from a dead writer too.
fn become_writer(trailer: &Trailer<'_>, wait: &mut Wait) -> Result<OwnerWord> {
    trailer.require_namespace()?;
    let cell = trailer.mapping.cell(trailer.at + WRITER, 8);
    loop {
        let word = trailer.writer();
        if trailer.is_writer_alive(word)? {
            let until = wait.next(Some(RECHECK))?;
            trailer.sleep_on_writer(word, until)?;
            continue;
        }
        let now = Stamp::at(since_boot());
        require_stamp(word, now)?;
        let mine = word.acquired(now, std::process::id());
        let taken = cell.update(|now| if now == word.0 { Ok(mine.0) } else { Err(()) });
        if taken.is_ok() {
            return Ok(mine);
        }
    }
}
