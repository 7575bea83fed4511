//! A descriptor for what no descriptor tells: a futex cannot be polled, so a
//! thread sleeps on it and rings.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::sys::eventfd::{EfdFlags, EventFd};

use crate::deadline::monotonic_now;
use crate::error::{Error, Result};
use crate::wait::RECHECK;

/// Becomes readable when one of those who sleep for it has been woken, and
/// every second, since a wake can be lost with the process that owed it.
///
/// Whoever listens looks at everything itself.
#[derive(Debug)]
pub struct Bell {
    rung: Arc<EventFd>,
    stop: Arc<AtomicBool>,
}

impl Bell {
    /// One that nobody rings yet.
    ///
    /// # Errors
    /// When the system is out of descriptors.
    pub fn new() -> Result<Bell> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        Ok(Bell {
            rung: Arc::new(EventFd::from_flags(flags).map_err(Error::os)?),
            stop: Arc::default(),
        })
    }

    /// Has a thread sleep by `sleep`, until the moment that it is given at
    /// most, and ring after each sleep, until there is nothing more to come.
    ///
    /// What is slept on must have been read before anybody looked at it.
    ///
    /// # Errors
    /// When the system has no room for a thread.
    pub fn hang(&self, mut sleep: impl FnMut(Duration) -> bool + Send + 'static) -> Result<()> {
        let (rung, stop) = (Arc::clone(&self.rung), Arc::clone(&self.stop));
        let ring = move || {
            while !stop.load(Ordering::Acquire) {
                let goes_on = sleep(monotonic_now().saturating_add(RECHECK));
                let _ = rung.write(1);
                if !goes_on {
                    return;
                }
            }
        };
        let spawned = std::thread::Builder::new().stack_size(64 << 10).spawn(ring);
        spawned.map(drop).map_err(Error::os)
    }

    /// Makes it silent again, or leaves it so.
    pub fn silence(&self) {
        let _ = self.rung.read();
    }
}

/// Readable while it rings.
impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.rung.as_fd()
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        // The threads see it within a second; they hold nothing that anybody waits for.
        self.stop.store(true, Ordering::Release);
    }
}
