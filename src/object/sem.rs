//! Named semaphores, sem_overview(7), in the layout of 64-bit glibc.
//!
//! The file `/dev/shm/sem.NAME` has 32 bytes: one 64-bit word (the value in
//! its low half, the number of waiters in its high half), the word 128 that
//! says "shared", and padding. Waiting and waking follow glibc's protocol to
//! the letter, so that C and Python programs can sit on the other side. libc's
//! own `sem_*` is not called: it trusts the file and dies of a bad one.

use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use serde::Serialize;

use crate::backing::{self, Access};
use crate::deadline::{Deadline, monotonic_now};
use crate::error::{Error, ErrorKind, Result};
use crate::exit::Exit;
use crate::facts::{Described, Facts, Label};
use crate::name::Name;
use crate::size::Mode;
use crate::sys::mapping::Mapping;
use crate::sys::{fault, futex};
use crate::wait::{RECHECK, Wait};

/// Largest value, SEM_VALUE_MAX.
pub const MAX_VALUE: u32 = 0x7fff_ffff;

const SIZE: usize = 32;
const SHARED: u32 = 128;
const ONE_WAITER: u64 = 1 << 32;
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
        let mut bytes = [0; SIZE];
        bytes[..8].copy_from_slice(&u64::from(value).to_ne_bytes());
        bytes[8..12].copy_from_slice(&SHARED.to_ne_bytes());
        let published = backing::unnamed(mode).and_then(|file| {
            file.write_all_at(&bytes, 0).map_err(Error::os)?;
            backing::publish(&file, &path(name))
        });
        published.map_err(|error| taken(error).about(name))
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
        let file = backing::open(&path(name), Access::Write).map_err(about)?;
        check(&Raw::read(&file).map_err(about)?).map_err(about)?;
        one_name(&file).map_err(about)?;
        let line = format!("ipc: sem: {name}: the file was cut while in use (SIGBUS)\n");
        fault::arm(line, Exit::Broken.code()).map_err(Error::os)?;
        let mapping = Mapping::new(&file, SIZE)
            .map_err(Error::os)
            .map_err(about)?;
        Ok(Semaphore { file, mapping })
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
        if count == 1 {
            return self.wait_for_one(wait);
        }
        let _turn = self.queue_as_collector(wait)?;
        wait.stop_on_signals()?;
        for taken in 0..count {
            if let Err(error) = self.wait_for_one(wait) {
                if taken > 0 {
                    self.release(taken)?;
                }
                return Err(error);
            }
        }
        Ok(())
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

    /// One unit, by glibc's protocol: announce, sleep while zero, take and
    /// leave in one step.
    fn wait_for_one(&self, wait: &mut Wait) -> Result<()> {
        if self.try_acquire(1) {
            return Ok(());
        }
        // From here on there is a count to take back.
        wait.stop_on_signals()?;
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
        let found = self.file.metadata().map_err(Error::os)?;
        if found.nlink() == 0 {
            return Err(Error::new(ErrorKind::Broken, "was removed while waiting"));
        }
        if found.len() < SIZE as u64 {
            return Err(Error::new(
                ErrorKind::Broken,
                "the file was cut while waiting",
            ));
        }
        let until = wait.next(Some(RECHECK))?;
        match futex::wait(self.mapping.word32(0), 0, until) {
            Err(Errno::EFAULT) => Err(Error::new(
                ErrorKind::Broken,
                "the file was cut while waiting",
            )),
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
        futex::wake(self.mapping.word32(0), count);
    }

    /// Waits for the turn to collect. The kernel drops the turn when the file
    /// is closed, so also when its holder is killed.
    fn queue_as_collector(&self, wait: &mut Wait) -> Result<File> {
        let turn = self.file.try_clone().map_err(Error::os)?;
        let whole = libc::flock {
            l_type: libc::F_WRLCK as libc::c_short,
            l_whence: libc::SEEK_SET as libc::c_short,
            l_start: 0,
            l_len: 0,
            l_pid: 0,
        };
        match fcntl(&turn, FcntlArg::F_OFD_SETLK(&whole)) {
            Ok(_) => return Ok(turn),
            Err(Errno::EAGAIN | Errno::EACCES) => {}
            Err(errno) => return Err(Error::os(errno)),
        }
        // The kernel's wait knows no deadline, so a thread waits in it; when
        // the deadline comes first, the process that ends takes it along.
        let waiting = turn.try_clone().map_err(Error::os)?;
        let (done, answer) = channel();
        std::thread::spawn(move || {
            let result = fcntl(&waiting, FcntlArg::F_OFD_SETLKW(&whole));
            // Nobody listens any more when the deadline came first.
            let _ = done.send(result);
        });
        loop {
            let until = wait.next(Some(RECHECK))?.unwrap_or(Duration::MAX);
            match answer.recv_timeout(until.saturating_sub(monotonic_now())) {
                Ok(Ok(_)) => return Ok(turn),
                Ok(Err(errno)) => return Err(Error::os(errno)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(Error::os(Errno::EDEADLK)),
            }
        }
    }
}

/// What a listing or `stat` shows of a semaphore.
#[derive(Debug, Clone, Serialize)]
pub struct SemaphoreInfo {
    /// Always `sem`.
    pub kind: &'static str,
    #[serde(flatten)]
    /// Its name.
    pub label: Label,
    /// `ok`, or what lies there instead of a semaphore.
    pub status: String,
    /// Units that can be taken; unknown when it is not a readable semaphore.
    pub value: Option<u32>,
    /// Processes that wait. A hint: one that was killed stays counted.
    pub waiters: Option<u32>,
    #[serde(flatten)]
    /// Owner, mode, place and time.
    pub facts: Facts,
}

impl SemaphoreInfo {
    /// Looks at a semaphore, whatever its state, without mapping it.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`].
    pub fn look(name: &Name) -> Result<SemaphoreInfo> {
        let path = path(name);
        let found = backing::look(&path).map_err(|error| missing(error).about(name))?;
        let raw = backing::open(&path, Access::Read).and_then(|file| Raw::read(&file));
        let (status, word) = match &raw {
            _ if !found.is_file() => (backing::kind_of(&found).to_owned(), None),
            _ if found.len() == 0 => ("empty".to_owned(), None),
            Err(error) if error.kind() == ErrorKind::Denied => ("unreadable".to_owned(), None),
            Err(error) => (error.to_string(), None),
            Ok(raw) if check(raw).is_err() => ("corrupt".to_owned(), None),
            Ok(raw) if found.nlink() > 1 => ("hard-linked".to_owned(), Some(raw.word)),
            Ok(raw) => ("ok".to_owned(), Some(raw.word)),
        };
        Ok(SemaphoreInfo {
            kind: "sem",
            label: Label::new(name.as_bytes()),
            status,
            value: word.map(value_of),
            waiters: word.map(|word| (word >> 32) as u32),
            facts: Facts::from(&found),
        })
    }
}

impl Described for SemaphoreInfo {
    fn label(&self) -> &Label {
        &self.label
    }

    fn label_mut(&mut self) -> &mut Label {
        &mut self.label
    }

    fn facts(&self) -> &Facts {
        &self.facts
    }
}

/// The value of a semaphore, read without taking part: needs read permission alone.
///
/// # Errors
/// [`ErrorKind::Missing`], [`ErrorKind::Denied`], [`ErrorKind::Broken`].
pub fn peek(name: &Name) -> Result<u32> {
    backing::open(&path(name), Access::Read)
        .and_then(|file| Raw::read(&file))
        .and_then(|raw| check(&raw).map(|()| value_of(raw.word)))
        .map_err(|error| missing(error).about(name))
}

/// The words of the file, as they were at one moment.
struct Raw {
    length: u64,
    word: u64,
    private: u32,
}

impl Raw {
    fn read(file: &File) -> Result<Raw> {
        let mut bytes = [0; SIZE];
        let length = file.metadata().map_err(Error::os)?.len();
        if length == SIZE as u64 {
            file.read_at(&mut bytes, 0).map_err(Error::os)?;
        }
        let word = u64::from_ne_bytes(std::array::from_fn(|i| bytes[i]));
        let private = u32::from_ne_bytes(std::array::from_fn(|i| bytes[8 + i]));
        Ok(Raw {
            length,
            word,
            private,
        })
    }
}

fn check(raw: &Raw) -> Result<()> {
    let broken = |message: String| Err(Error::new(ErrorKind::Broken, message));
    if raw.length != SIZE as u64 {
        return broken(format!(
            "is not a semaphore: {} bytes instead of {SIZE}",
            raw.length
        ));
    }
    if raw.private != SHARED {
        return broken(format!(
            "is not a semaphore: its shared flag is {} instead of {SHARED}",
            raw.private
        ));
    }
    if value_of(raw.word) > MAX_VALUE {
        return broken(format!(
            "is not a semaphore: its value is beyond {MAX_VALUE}"
        ));
    }
    Ok(())
}

/// Refuses a second hard link, but gives a creator in glibc the moment it
/// needs: it links the finished file before it unlinks the temporary name.
fn one_name(file: &File) -> Result<()> {
    let patience = monotonic_now() + Duration::from_millis(20);
    loop {
        match backing::require_one_link(file) {
            Err(error) if monotonic_now() > patience => return Err(error),
            Err(_) if file.metadata().is_ok_and(|found| found.nlink() > 1) => {
                std::thread::yield_now()
            }
            result => return result,
        }
    }
}

fn value_of(word: u64) -> u32 {
    word as u32
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

fn taken(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Exists => error
            .saying("the semaphore exists already")
            .hint("--if-exists open takes it as it is, --if-exists replace makes a new one"),
        _ => error,
    }
}
