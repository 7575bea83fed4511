//! Waiting for the end of a named process, from any other process.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use super::account::{Account, State};
use super::record::{Ended, Line, Record};
use crate::deadline::monotonic_now;
use crate::error::{Error, ErrorKind, Result};
use crate::name::Name;
use crate::process::identity::{Fate, Process};
use crate::sys::wait::Ending;
use crate::wait::{RECHECK, Wait};

/// What an observer has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// It goes on, or is about to.
    Going,
    /// It has ended for good.
    Ended(Ending),
    /// It was killed with its supervisor, and how it ended cannot be known.
    Unknown,
}

/// Watches one named process by its record and its supervisor, without polling.
#[derive(Debug)]
pub struct Observer {
    record: Record,
    changes: Option<Inotify>,
    supervisor: Option<Process>,
    /// Held so that the kernel can be asked how it ended.
    command: Option<Process>,
}

impl Observer {
    /// Begins to watch. Does not block.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`], [`ErrorKind::Broken`]; [`ErrorKind::Limit`] in
    /// another pid namespace than that of the process, while it has not ended.
    pub fn of(name: &Name) -> Result<Observer> {
        let record = Record::open(name)?;
        let changes = watch(&record);
        let account = Account::read(&record).map_err(|error| error.about(name))?;
        if account.ending().is_none() {
            account
                .require_this_namespace()
                .map_err(|error| error.about(name))?;
        }
        Ok(Observer {
            supervisor: account.supervisor()?,
            command: account.command()?,
            record,
            changes,
        })
    }

    /// What is so now.
    ///
    /// # Errors
    /// [`ErrorKind::Broken`] when it was removed before its end was seen.
    pub fn look(&mut self) -> Result<Seen> {
        if let Some(changes) = &self.changes {
            let _ = changes.read_events();
        }
        // Asked before the record is read: its last line comes before the end.
        let is_alone = self.supervisor.as_ref().is_none_or(Process::is_dead);
        let account = Account::read(&self.record)?;
        if let Some(ending) = account.ending() {
            return Ok(Seen::Ended(ending));
        }
        // Alone or not, it may have been run again since the last look.
        self.keep_command(&account)?;
        if !is_alone {
            if !self.record.has_name() {
                return Err(Error::new(ErrorKind::Broken, "was removed while waiting"));
            }
            return Ok(Seen::Going);
        }
        Ok(match self.command.as_ref().map(Process::fate) {
            // About to be killed with its supervisor.
            Some(Fate::Alive) => Seen::Going,
            Some(Fate::Ended(ending)) => {
                self.write_end(ending);
                Seen::Ended(ending)
            }
            Some(Fate::Hidden | Fate::Unknown) | None => Seen::Unknown,
        })
    }

    /// Writes down an end that a killed supervisor could not, for those who come
    /// later. Never waits: who has the lock is mostly about to write the same. If
    /// it is there for something else, whoever looks next and can tell writes it.
    fn write_end(&self, ending: Ending) {
        let Some(_locked) = self.record.try_lock() else {
            return;
        };
        if Account::read(&self.record).is_ok_and(|account| account.ending().is_none()) {
            let mut ended = Ended::now(ending, None);
            ended.seen_by = Some(std::process::id().cast_signed());
            // Where there is no room they do not learn of it.
            let _ = self.record.append_locked(&[Line::Ended(ended)]);
        }
    }

    /// Holds the command of the present run.
    fn keep_command(&mut self, account: &Account) -> Result<()> {
        let present = account.run.map(|(identity, _)| identity.pid);
        if self.command.as_ref().map(Process::pid) != present {
            self.command = account.command()?;
        }
        Ok(())
    }

    /// What to poll for reading: whatever happens, one becomes readable.
    pub fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        let is_alone = self.supervisor.as_ref().is_none_or(Process::is_dead);
        let processes = if is_alone {
            [None, self.command.as_ref()]
        } else {
            [self.supervisor.as_ref(), None]
        };
        let changes = self.changes.iter().map(AsFd::as_fd);
        let processes = processes.into_iter().flatten().map(AsFd::as_fd);
        changes.chain(processes).collect()
    }

    /// Whether it has to be looked at by the clock: the system had no inotify
    /// to spare.
    pub fn needs_clock(&self) -> bool {
        self.changes.is_none()
    }

    /// Waits until it has ended; says how, where that can be known.
    ///
    /// # Errors
    /// As [`Observer::look`], and what the wait says.
    pub fn wait(&mut self, wait: &mut Wait) -> Result<Option<Ending>> {
        loop {
            match self.look()? {
                Seen::Ended(ending) => return Ok(Some(ending)),
                Seen::Unknown => return Ok(None),
                Seen::Going => {}
            }
            let until = wait.next(self.needs_clock().then_some(RECHECK))?;
            let left = until.map(|moment| moment.saturating_sub(monotonic_now()).into());
            let descriptors = self.descriptors().into_iter();
            let mut watched: Vec<PollFd<'_>> = descriptors
                .map(|one| PollFd::new(one, PollFlags::POLLIN))
                .collect();
            match ppoll(&mut watched, left, wait.mask()) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(Error::os(errno)),
            }
        }
    }

    /// The state now, for messages.
    ///
    /// # Errors
    /// [`ErrorKind::Broken`].
    pub fn state(&self) -> Result<State> {
        State::of(&self.record).map(|(_, state)| state)
    }
}

/// Tells of every line that is added, and of the removal.
fn watch(record: &Record) -> Option<Inotify> {
    let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).ok()?;
    let path = format!("/proc/self/fd/{}", record.file.as_raw_fd());
    let events =
        AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_ATTRIB | AddWatchFlags::IN_DELETE_SELF;
    inotify.add_watch(path.as_str(), events).ok()?;
    Some(inotify)
}
