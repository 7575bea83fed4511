//! What can be done to a named process from outside.

use std::path::PathBuf;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, poll};
use std::os::fd::AsFd;

use super::account::{Account, State};
use super::observer::{Observer, Seen};
use super::record::{Line, Record, Stop, log_path};
use super::supervisor::LOOK;
use crate::deadline::monotonic_now;
use crate::error::{Error, ErrorKind, Result};
use crate::facts::wall_clock;
use crate::name::Name;
use crate::process::identity::Process;
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
    /// Without `after` they have the time that was said at the start.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`]; [`ErrorKind::Limit`] in another pid namespace.
    pub fn stop(&self, signal: Signal, after: Option<Duration>) -> Result<Option<Ending>> {
        let about = |error: Error| error.or_about(&self.name);
        let after = after.map_or_else(|| self.stop_after(), Ok)?;
        let (account, _) = self.look()?;
        account.require_this_namespace().map_err(about)?;
        let mut observer = Observer::of(&self.name)?;
        let supervisor = account.supervisor()?;
        if let Some(supervisor) = &supervisor {
            self.request(supervisor, signal, after).map_err(about)?;
            // What the command has left lives as long as this.
            sleep_until_dead(supervisor, None);
        }
        // Killed itself in spite of being asked, or before.
        if let Some(command) = self.look()?.0.command()? {
            end(&command, signal, after).map_err(about)?;
        }
        Ok(match observer.look() {
            Ok(Seen::Ended(ending)) => Some(ending),
            _ => None,
        })
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
    /// [`ErrorKind::WouldBlock`] while it runs; [`ErrorKind::Missing`] when it
    /// has gone meanwhile.
    pub fn unlink(&self) -> Result<()> {
        let may = || match self.state() {
            Ok(State::Elsewhere) => Err(Error::new(
                ErrorKind::WouldBlock,
                "was started in another pid namespace, and may still run",
            )),
            Ok(state) if state.is_live() || self.has_leftovers()? => {
                let message = format!("is {}", self.described(state));
                Err(Error::new(ErrorKind::WouldBlock, message)
                    .hint("ipc proc stop NAME, or --force"))
            }
            // What is no record of a process is of no use to anybody.
            _ => Ok(()),
        };
        let removed = self.record.unlink(may);
        match removed.map_err(|error| error.or_about(&self.name))? {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::Missing, "no such process").about(&self.name)),
        }
    }

    /// Stops it if it runs, and takes the name away.
    ///
    /// # Errors
    /// As [`Named::stop`] and [`Named::unlink`].
    pub fn remove(&self) -> Result<()> {
        if self.state().is_ok_and(State::is_live) || self.has_leftovers().unwrap_or(false) {
            self.stop(Signal::TERM, None)?;
        }
        self.unlink()
    }

    /// Whether something that the command left is still looked after.
    fn has_leftovers(&self) -> Result<bool> {
        let (account, state) = self.look()?;
        let is_over = matches!(state, State::Ended(_)) && !account.is_gone;
        Ok(is_over && account.require_this_namespace().is_ok() && account.supervisor()?.is_some())
    }

    fn described(&self, state: State) -> String {
        match state {
            State::Ended(_) => "ended, and what it left still runs".to_owned(),
            state => state.word().to_owned(),
        }
    }
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

/// Ends a process that nobody looks after.
fn end(process: &Process, signal: Signal, after: Duration) -> Result<()> {
    let gone = |error: &Error| error.kind() == ErrorKind::Missing;
    match process.send(signal) {
        Err(error) if gone(&error) => return Ok(()),
        sent => sent?,
    }
    sleep_until_dead(process, Some(monotonic_now().saturating_add(after)));
    if !process.is_dead() {
        let _ = process.send(Signal::KILL);
        sleep_until_dead(process, None);
    }
    Ok(())
}

fn sleep_until_dead(process: &Process, until: Option<Duration>) {
    use nix::poll::PollTimeout;
    while !process.is_dead() && until.is_none_or(|moment| moment > monotonic_now()) {
        let left = until.map(|moment| moment.saturating_sub(monotonic_now()));
        let left = left.map(|left| left.min(Duration::from_secs(3600)) + Duration::from_millis(1));
        let left = left.map_or(PollTimeout::NONE, |left| {
            PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
        });
        let mut watched = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
        let _ = poll(&mut watched, left);
    }
}
