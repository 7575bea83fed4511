//! Named semaphores, sem_overview(7), in the layout of 64-bit glibc.
//!
//! The file `/dev/shm/sem.NAME` has 32 bytes: one 64-bit word (the value in
//! its low half, the number of waiters in its high half), the word 128 that
//! says "shared", and padding. Waiting and waking follow glibc's protocol to
//! the letter, so that C and Python programs can sit on the other side. libc's
//! own `sem_*` is not called: it trusts the file and dies of a bad one.

use std::fs::{File, Metadata};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::poll;

use crate::backing::{self, Access};
use crate::deadline::{Deadline, monotonic_now};
use crate::error::{Error, ErrorKind, Result};
use crate::exit::Exit;
use crate::name::Name;
use crate::size::Mode;
use crate::sys::mapping::Mapping;
use crate::sys::{fault, futex};
use crate::wait::{RECHECK, Wait};

mod info;
mod layout;
mod turn;

pub use info::{SemaphoreInfo, peek};

use layout::{ONE_WAITER, SIZE, value_of};
use turn::Turn;

/// Largest value, SEM_VALUE_MAX.
pub const MAX_VALUE: u32 = 0x7fff_ffff;

/// An open named semaphore.
///
/// Plain POSIX: a unit taken by a process that is killed is lost. Dropping it
/// unmaps the file and gives nothing back.
///
/// ```
/// # use ipc::{name::Name, object::sem::Semaphore, size::Mode};
/// # let name = Name::parse(format!("doc-{}", std::process::id()).as_bytes())?;
/// Semaphore::create(&name, 2, Mode::default())?;
/// let semaphore = Semaphore::open(&name)?;
/// assert!(semaphore.try_acquire(2));
/// assert!(!semaphore.try_acquire(1));
/// assert_eq!(semaphore.release(1)?, 1);
/// Semaphore::unlink(&name)?;
/// # Ok::<(), ipc::error::Error>(())
/// ```
#[derive(Debug)]
pub struct Semaphore {
    file: File,
    path: PathBuf,
    mapping: Mapping,
}

impl Semaphore {
    /// Creates a semaphore. Does not block. See sem_open(3).
    ///
    /// # Errors
    /// [`ErrorKind::Exists`], [`ErrorKind::Usage`] for a value beyond
    /// [`MAX_VALUE`].
    pub fn create(name: &Name, value: u32, mode: Mode) -> Result<()> {
        name.check_new()?;
        if value > MAX_VALUE {
            return Err(
                Error::new(ErrorKind::Usage, format!("a value is at most {MAX_VALUE}")).about(name),
            );
        }
        let published = backing::unnamed(mode).and_then(|file| {
            file.write_all_at(&layout::new(value), 0)
                .map_err(|refusal| backing::unwritten(refusal, SIZE as u64))?;
            backing::publish(&file, &path(name))
        });
        published.map_err(|error| backing::taken(error, "semaphore").about(name))
    }

    /// Opens an existing semaphore for taking and giving.
    ///
    /// From here on, a file cut by another process ends this one with a
    /// message and exit code 7 instead of a core dump.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`], [`ErrorKind::Denied`], or [`ErrorKind::Broken`]
    /// for a file that is not a semaphore.
    pub fn open(name: &Name) -> Result<Semaphore> {
        let about = |error: Error| missing(error).about(name);
        let path = path(name);
        let (file, found) = backing::open_and_look(&path, Access::Write).map_err(about)?;
        layout::read(&file, &found).map_err(about)?;
        one_name(&file, &found).map_err(about)?;
        fault::arm(name, Exit::Broken.code()).map_err(Error::os)?;
        let mapping = Mapping::new(&file, SIZE)
            .map_err(Error::os)
            .map_err(about)?;
        Ok(Semaphore {
            file,
            path,
            mapping,
        })
    }

    /// The present value.
    pub fn value(&self) -> u32 {
        value_of(self.mapping.word64(0).load(Ordering::Relaxed))
    }

    /// Takes `count` units at once if they are there.
    pub fn try_acquire(&self, count: u32) -> bool {
        self.take(count, 0)
    }

    /// Takes `count` units, waiting for each. See sem_clockwait(3).
    ///
    /// For more than one, collectors queue on a lock of the file, so that only
    /// one collects at a time and none block each other for ever; what was
    /// taken is given back when the wait fails. A collector that is killed
    /// loses what it has.
    ///
    /// # Errors
    /// [`ErrorKind::WouldBlock`], [`ErrorKind::TimedOut`],
    /// [`ErrorKind::Interrupted`], [`ErrorKind::Broken`] when the semaphore
    /// was removed or cut meanwhile.
    pub fn acquire(&self, count: u32, wait: &mut Wait) -> Result<()> {
        if self.try_acquire(count) {
            return Ok(());
        }
        if wait.deadline() == Deadline::Now {
            return Err(Deadline::Now.passed());
        }
        let _turn = match count {
            1 => None,
            _ => Some(Turn::take(&self.file, &self.path, wait)?),
        };
        // From here on there is something to take back.
        wait.stop_on_signals()?;
        let mut taken = 0;
        let result = self.collect(count, &mut taken, wait);
        if result.is_err() && taken > 0 {
            // Refused only where others have filled it to the maximum.
            let _ = self.release(taken);
        }
        result
    }

    /// Gives `count` units, wakes as many waiters, and says the new value.
    /// Does not block. See sem_post(3).
    ///
    /// # Errors
    /// [`ErrorKind::Limit`] (EOVERFLOW) when the value would pass
    /// [`MAX_VALUE`]; nothing is given then.
    pub fn release(&self, count: u32) -> Result<u32> {
        let word = self.mapping.word64(0);
        // Release pairs with the acquire of whoever takes the unit.
        let former = word.fetch_update(Ordering::Release, Ordering::Relaxed, |now| {
            let fits = value_of(now)
                .checked_add(count)
                .is_some_and(|sum| sum <= MAX_VALUE);
            fits.then(|| now + u64::from(count))
        });
        match former {
            Ok(former) => {
                if former >= ONE_WAITER {
                    self.wake(count);
                }
                Ok(value_of(former) + count)
            }
            Err(now) => Err(Error::os(Errno::EOVERFLOW).saying(format!(
                "value {} and {count} more would pass the maximum of {MAX_VALUE}",
                value_of(now)
            ))),
        }
    }

    /// Removes the name. Processes that have the semaphore open keep it, but
    /// waiters of this program end with [`ErrorKind::Broken`]. See sem_unlink(3).
    ///
    /// # Errors
    /// [`ErrorKind::Missing`], [`ErrorKind::Denied`].
    pub fn unlink(name: &Name) -> Result<()> {
        let waiters = Semaphore::open(name).ok();
        backing::unlink(&path(name)).map_err(|error| missing(error).about(name))?;
        if let Some(removed) = waiters {
            removed.wake(u32::MAX);
        }
        Ok(())
    }

    fn collect(&self, count: u32, taken: &mut u32, wait: &mut Wait) -> Result<()> {
        while *taken < count {
            self.wait_for_one(wait)?;
            *taken += 1;
        }
        // Whoever asked to stop is told so, and has nothing.
        wait.interrupted()
    }

    /// One unit, by glibc's protocol: announce, sleep while zero, take and
    /// leave in one step.
    fn wait_for_one(&self, wait: &mut Wait) -> Result<()> {
        if self.try_acquire(1) {
            return Ok(());
        }
        let word = self.mapping.word64(0);
        word.fetch_add(ONE_WAITER, Ordering::Relaxed);
        loop {
            if self.take(1, ONE_WAITER) {
                return Ok(());
            }
            if let Err(error) = self.sleep(wait) {
                self.leave();
                return Err(error);
            }
        }
    }

    /// Takes units, and `waiting` off the word, in one step.
    fn take(&self, count: u32, waiting: u64) -> bool {
        // Acquire pairs with the release of whoever gave the unit.
        self.mapping
            .word64(0)
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, |now| {
                (value_of(now) >= count)
                    .then(|| now.wrapping_sub(u64::from(count)).wrapping_sub(waiting))
            })
            .is_ok()
    }

    fn sleep(&self, wait: &mut Wait) -> Result<()> {
        cut_or_removed(&self.file)?;
        let until = wait.next(Some(RECHECK))?;
        // A signal that strikes between that look and the sleep is seen at the
        // next re-check.
        match futex::wait(self.mapping.word32(layout::VALUE_OFFSET), 0, until) {
            Err(Errno::EFAULT) => Err(cut()),
            // Woken, too late to sleep, interrupted or time to look again: look again.
            _ => Ok(()),
        }
    }

    /// Stops being a waiter; a wake that came for us goes to the next one.
    fn leave(&self) {
        if self
            .file
            .metadata()
            .is_ok_and(|found| found.len() < SIZE as u64)
        {
            return;
        }
        let former = self
            .mapping
            .word64(0)
            .fetch_sub(ONE_WAITER, Ordering::Relaxed);
        if value_of(former) > 0 && former >= 2 * ONE_WAITER {
            self.wake(1);
        }
    }

    fn wake(&self, count: u32) {
        futex::wake(self.mapping.word32(layout::VALUE_OFFSET), count);
    }
}

/// Refuses to go on with a file that lost its name or its bytes.
fn cut_or_removed(file: &File) -> Result<()> {
    let found = file.metadata().map_err(Error::os)?;
    match () {
        () if found.nlink() == 0 => Err(removed()),
        () if found.len() < SIZE as u64 => Err(cut()),
        () => Ok(()),
    }
}

fn removed() -> Error {
    Error::new(ErrorKind::Broken, "was removed while waiting")
}

fn cut() -> Error {
    Error::new(ErrorKind::Broken, "the file was cut while waiting")
}

/// Refuses a second hard link, but gives a creator in glibc the moment it
/// needs: it links the finished file before it unlinks the temporary name.
fn one_name(file: &File, found: &Metadata) -> Result<()> {
    if found.nlink() == 1 {
        return Ok(());
    }
    // A creator that was preempted in between needs its turn on the processor,
    // and the kernel tells nobody when it had it.
    let patience = monotonic_now() + Duration::from_secs(1);
    loop {
        match file.metadata().map_err(Error::os)?.nlink() {
            // Gone since it was opened: as if it had been opened later.
            0 => return Err(Error::os(Errno::ENOENT)),
            1 => return Ok(()),
            _ if monotonic_now() > patience => return backing::require_one_link(file),
            _ => {
                let _ = poll(&mut [], 1_u8);
            }
        }
    }
}

fn path(name: &Name) -> PathBuf {
    name.file_in(Path::new(backing::DIRECTORY), "sem.")
}

fn missing(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Missing => error.saying("no such semaphore"),
        _ => error,
    }
}
