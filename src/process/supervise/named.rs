//! What can be done to a named process from outside.

use std::collections::BTreeSet;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::account::{Account, Left, State};
use super::leftovers::{Leftovers, bearing};
use super::observer::{Observer, Seen};
use super::record::{Line, Record, Stop, log_path};
use super::supervisor::LOOK;
use crate::error::{Error, ErrorKind, Result};
use crate::facts::wall_clock;
use crate::name::Name;
use crate::process::identity::{Descriptor, Process, open_files};
use crate::process::signal::Signal;
use crate::sys::wait::Ending;

/// A named process.
#[derive(Debug)]
pub struct Named {
    name: Name,
    record: Record,
}

impl Named {
    /// Finds one by its name. It need not run any more.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`], [`ErrorKind::Broken`].
    pub fn open(name: &Name) -> Result<Named> {
        let record = Record::open(name)?;
        Ok(Named {
            name: name.clone(),
            record,
        })
    }

    /// What it does, or how it ended.
    ///
    /// # Errors
    /// [`ErrorKind::Broken`].
    pub fn state(&self) -> Result<State> {
        self.look().map(|(_, state)| state)
    }

    fn look(&self) -> Result<(Account, State)> {
        State::of(&self.record).map_err(|error| error.about(&self.name))
    }

    /// Where its output goes.
    ///
    /// # Errors
    /// [`ErrorKind::Broken`].
    pub fn log(&self) -> Result<PathBuf> {
        let account = Account::read(&self.record).map_err(|error| error.about(&self.name))?;
        Ok(log_path(&account.started))
    }

    /// How long it was to have between being asked to end and being killed.
    fn stop_after(&self) -> Result<Duration> {
        let (account, _) = self.look()?;
        Ok(Duration::try_from_secs_f64(account.started.stop_after).unwrap_or(Duration::MAX))
    }

    /// Asks the command and whatever it has left to end, kills them when
    /// `after` is over, and returns when all are gone; says how the command
    /// ended, where that is known. One that has ended already is no error.
    ///
    /// Without `after` they have the time that was said at the start. Where the
    /// supervisor was killed this process does it, with what is known to be of it.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`]; [`ErrorKind::Limit`] in another pid namespace;
    /// [`ErrorKind::Broken`] when the record is not that of its supervisor.
    pub fn stop(&self, signal: Signal, after: Option<Duration>) -> Result<Stopped> {
        let about = |error: Error| error.or_about(&self.name);
        let after = after.map_or_else(|| self.stop_after(), Ok)?;
        let (account, _) = self.look()?;
        account.require_this_namespace().map_err(about)?;
        let mut observer = Observer::of(&self.name)?;
        let supervisor = account.supervisor()?;
        if let Some(supervisor) = &supervisor {
            self.require_reader(supervisor).map_err(about)?;
            self.request(supervisor, signal, after).map_err(about)?;
            // What the command has left lives as long as this.
            sleep_until_dead(supervisor);
        }
        let account = Account::read(&self.record).map_err(about)?;
        let left = match account.is_gone {
            true => Ok(BTreeSet::new()),
            // Its supervisor was killed, in spite of being asked, or before.
            false => Leftovers::end(&account, signal, after).map_err(about),
        };
        // Who looks is who writes it down, whatever could not be ended.
        let ending = match observer.look() {
            Ok(Seen::Ended(ending)) => Some(ending),
            _ => None,
        };
        let spared = left?;
        if !account.is_gone && spared.is_empty() {
            // Written so that nobody has to look for it again.
            let _ = self.record.append(&[Line::Gone { at: wall_clock() }]);
        }
        Ok(Stopped { ending, spared })
    }

    /// Refuses to ask a supervisor through a file that it does not read: it would
    /// never hear of it.
    fn require_reader(&self, supervisor: &Process) -> Result<()> {
        let own = self.record.file.metadata().map_err(Error::os)?;
        let files = || open_files(supervisor.pid(), |_, _| true);
        let found = files();
        let is_own = |file: &Descriptor| (file.device, file.inode) == (own.dev(), own.ino());
        // None are seen where they are hidden, and some of them while it ends:
        // whoever has some afterwards had all of them before.
        if found.is_empty() || found.iter().any(is_own) || files().is_empty() {
            return Ok(());
        }
        let message = "its record is not the file that its supervisor has: it was replaced";
        let way = format!("ipc kill {} has its supervisor stop it", supervisor.pid());
        Err(Error::new(ErrorKind::Broken, message).hint(way))
    }

    fn request(&self, supervisor: &Process, signal: Signal, after: Duration) -> Result<()> {
        let request = Line::Stop(Stop {
            at: wall_clock(),
            signal: signal.number(),
            after: after.as_secs_f64(),
            by: Some(std::process::id().cast_signed()),
        });
        self.record.append(&[request]).map_err(|error| {
            let way = format!("ipc kill {} has its supervisor stop it", supervisor.pid());
            error.hint(way)
        })?;
        let look = Signal::from_number(LOOK as i32).unwrap_or(Signal::TERM);
        for signal in [look, Signal::CONT] {
            match supervisor.send(signal) {
                // It has ended just now: so much the better.
                Err(error) if error.kind() == ErrorKind::Missing => {}
                sent => sent?,
            }
        }
        Ok(())
    }

    /// Takes the name away, with the log that is its own.
    ///
    /// # Errors
    /// [`ErrorKind::WouldBlock`] while it runs, or something that it left, or
    /// that may be of it where its supervisor was killed; [`ErrorKind::Missing`] when it
    /// has gone meanwhile.
    pub fn unlink(&self) -> Result<()> {
        let removed = self.record.unlink(|| self.require_over());
        match removed.map_err(|error| error.or_about(&self.name))? {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::Missing, "no such process").about(&self.name)),
        }
    }

    /// Refuses while anything of it runs, or may run.
    fn require_over(&self) -> Result<()> {
        let (account, state) = match self.look() {
            // What is no record of a process is of no use to anybody.
            Err(error) if error.kind() == ErrorKind::Broken => return Ok(()),
            // It could not be looked at, and may run.
            looked => looked?,
        };
        if state == State::Elsewhere {
            return Err(Error::new(
                ErrorKind::WouldBlock,
                "was started in another pid namespace, and may still run",
            ));
        }
        let has_left = match account.left(state)? {
            Left::Nothing => false,
            Left::LookedAfter => true,
            Left::Alone(found) if found.own.is_empty() => {
                return refusal(&found.spared).map_or(Ok(()), Err);
            }
            Left::Alone(_) => true,
        };
        if !state.is_live() && !has_left {
            return Ok(());
        }
        let message = match has_left {
            true => format!("is {}, and what it left still runs", state.word()),
            false => format!("is {}", state.word()),
        };
        Err(Error::new(ErrorKind::WouldBlock, message).hint("ipc proc stop NAME, or --force"))
    }

    /// Stops it if it runs, and takes the name away.
    ///
    /// # Errors
    /// As [`Named::stop`] and [`Named::unlink`]; [`ErrorKind::WouldBlock`] when
    /// something was left alone that may be of it.
    pub fn remove(&self) -> Result<()> {
        let is_there = match self.look() {
            Ok((account, state)) => state.is_live() || account.has_left(state)?,
            Err(error) if error.kind() == ErrorKind::Broken => false,
            Err(error) => return Err(error),
        };
        if is_there {
            let stopped = self.stop(Signal::TERM, None)?;
            if let Some(error) = stopped.refusal() {
                return Err(error.about(&self.name));
            }
        }
        self.unlink()
    }

    /// Makes room for another process of this name: as [`Named::remove`], but a
    /// record that tells nothing stays, for what it was about may still run.
    /// `shown` is the name as the command was told.
    ///
    /// # Errors
    /// As [`Named::remove`]; [`ErrorKind::Broken`].
    pub fn give_way(&self, shown: &[u8]) -> Result<()> {
        let broken = match self.state() {
            Err(error) if error.kind() == ErrorKind::Broken => error,
            _ => return self.remove(),
        };
        let running = bearing(&self.name, shown, &self.record).unwrap_or_default();
        let running: Vec<&str> = running.iter().map(String::as_str).collect();
        let (named, way) = match running.is_empty() {
            true => (String::new(), String::new()),
            false => {
                let all = running.join(" ");
                let named = format!("; of its name there is {}", running.join(", "));
                (named, format!("ipc kill {all} stops what may be meant, "))
            }
        };
        let message = format!("its record is corrupt, nobody can tell whether it runs{named}");
        let hint = format!("{way}ipc proc rm NAME removes the record");
        Err(broken.saying(message).hint(hint))
    }
}

/// What came of a stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// How the command ended, where that is known.
    pub ending: Option<Ending>,
    /// Processes that may have come from it and were left alone: its supervisor
    /// was killed, and nobody can tell for certain.
    pub spared: BTreeSet<i32>,
}

impl Stopped {
    /// What there is to say of those that were left alone.
    pub fn refusal(&self) -> Option<Error> {
        refusal(&self.spared)
    }
}

fn refusal(spared: &BTreeSet<i32>) -> Option<Error> {
    let pids: Vec<String> = spared.iter().map(i32::to_string).collect();
    let message = format!(
        "its supervisor was killed, and what may be of it is left alone: process {}",
        pids.join(", ")
    );
    let hint = format!("ipc kill {}", pids.join(" "));
    let error = Error::new(ErrorKind::WouldBlock, message).hint(hint);
    Some(error).filter(|_| !pids.is_empty())
}

/// The command of a named process, for those who signal or watch it.
///
/// # Errors
/// [`ErrorKind::Missing`] when there is no such name, or nothing runs under it
/// now; [`ErrorKind::Limit`] in another pid namespace.
pub fn running(name: &Name) -> Result<Process> {
    let (account, state) = Named::open(name)?.look()?;
    account
        .require_this_namespace()
        .map_err(|error| error.about(name))?;
    account.command()?.ok_or_else(|| {
        let message = format!("does not run: it is {}", state.word());
        Error::new(ErrorKind::Missing, message).about(name)
    })
}

/// Kills what has just been started under a name, with whatever that started,
/// and takes the name away; leaves alone what another supervisor looks after.
///
/// # Errors
/// As [`Named::remove`].
pub fn take_back(name: &Name, supervisor: i32) -> Result<()> {
    let named = Named::open(name)?;
    let (account, _) = named.look()?;
    if account.started.supervisor.pid != supervisor {
        return Ok(());
    }
    named.stop(Signal::KILL, Some(Duration::ZERO))?;
    named.unlink()
}

fn sleep_until_dead(process: &Process) {
    while !process.is_dead() {
        let mut watched = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
        let _ = poll(&mut watched, PollTimeout::NONE);
    }
}
