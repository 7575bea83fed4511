//! Removing a lock, with care for whoever holds it or is about to.

use std::sync::atomic::{Ordering, fence};

use super::{Lock, MAX_SLOTS, SEQUENCE, owner_at};
use crate::error::{Error, ErrorKind, Result};
use crate::name::Name;
use crate::shared::page::{Page, PageKind};

impl Lock {
    /// Removes the name; waiters end with [`ErrorKind::Broken`].
    ///
    /// # Errors
    /// [`ErrorKind::Missing`], [`ErrorKind::Denied`].
    pub fn unlink(name: &Name) -> Result<()> {
        let words: Vec<usize> = (0..MAX_SLOTS as usize)
            .map(owner_at)
            .chain([SEQUENCE])
            .collect();
        Page::unlink(PageKind::Lock, name, &words)
    }

    /// Removes the name unless somebody holds the lock.
    ///
    /// # Errors
    /// [`ErrorKind::WouldBlock`], naming the holder; as [`Lock::unlink`].
    pub fn unlink_unheld(name: &Name) -> Result<()> {
        match Lock::open(name) {
            Ok(lock) => {
                lock.require_unheld()?;
                lock.page.mark_removed(true);
                // Looked at again after the mark: one who takes the lock at
                // this moment looks at the mark after that.
                fence(Ordering::SeqCst);
                if let Err(held) = lock.require_unheld() {
                    lock.page.mark_removed(false);
                    return Err(held);
                }
            }
            // One may remove what one may not write to.
            Err(_) => Lock::look(name).map_or(Ok(()), |lock| lock.require_unheld())?,
        }
        Lock::unlink(name)
    }

    fn require_unheld(&self) -> Result<()> {
        self.holders()?.first().map_or(Ok(()), |holder| {
            let message = format!("is held by process {}", holder.pid);
            Err(Error::new(ErrorKind::WouldBlock, message)
                .hint("--force removes it from under its holder"))
        })
    }
}
