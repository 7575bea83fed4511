//! What the lines of a record come to, and what is so at this moment.

use super::leftovers::Leftovers;
use super::record::{Ended, Line, Record, RecordedProcess, Started, Stop};
use crate::error::{Error, ErrorKind, Result};
use crate::process::identity::{Process, pid_namespace};
use crate::sys::wait::Ending;

/// All that the record says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Account {
    pub(super) started: Started,
    /// The last run, and since when.
    pub(super) run: Option<(RecordedProcess, f64)>,
    pub(super) runs: u32,
    pub(super) ended: Option<Ended>,
    pub(super) stop: Option<Stop>,
    pub(super) is_gone: bool,
}

impl Account {
    pub(super) fn read(record: &Record) -> Result<Account> {
        Account::of(record.lines()?).ok_or_else(|| {
            let error = Error::new(ErrorKind::Broken, "is no record of a process");
            error.hint("ipc proc rm NAME removes it")
        })
    }

    fn of(lines: Vec<Line>) -> Option<Account> {
        let mut lines = lines.into_iter();
        let Some(Line::Started(started)) = lines.next() else {
            return None;
        };
        let mut account = Account {
            started,
            run: None,
            runs: 0,
            ended: None,
            stop: None,
            is_gone: false,
        };
        for line in lines {
            match line {
                Line::Started(_) => return None,
                Line::Running { at, process } => {
                    account.run = Some((process, at));
                    account.runs += 1;
                    account.ended = None;
                }
                Line::Stop(stop) => account.stop = Some(stop),
                Line::Ended(ended) => account.ended = Some(ended),
                Line::Gone { .. } => account.is_gone = true,
            }
        }
        Some(account)
    }

    /// How it ended for good.
    pub(super) fn ending(&self) -> Option<Ending> {
        let last = self.ended.filter(|ended| ended.restart_in.is_none())?;
        Some(last.ending())
    }

    /// Refuses to judge numbers of another pid namespace.
    pub(super) fn require_this_namespace(&self) -> Result<()> {
        let here = pid_namespace()?;
        if here == self.started.namespace {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Limit,
            format!(
                "was started in pid namespace {}, and this is {here}",
                self.started.namespace
            ),
        ))
    }

    /// The process that looks after it, if that is still there.
    pub(super) fn supervisor(&self) -> Result<Option<Process>> {
        self.started.supervisor.open()
    }

    /// Whether something that the command left still runs, looked after or not.
    pub(super) fn has_left(&self, state: State) -> Result<bool> {
        Ok(match self.left(state)? {
            Left::Nothing => false,
            Left::LookedAfter => true,
            Left::Alone(found) => !found.own.is_empty(),
        })
    }

    /// What the command left, once it has ended.
    pub(super) fn left(&self, state: State) -> Result<Left> {
        if self.is_gone || self.require_this_namespace().is_err() {
            return Ok(Left::Nothing);
        }
        match state {
            State::Ended(_) if self.supervisor()?.is_some() => Ok(Left::LookedAfter),
            State::Ended(_) | State::Lost { is_alive: false } => {
                Leftovers::of(self).map(Left::Alone)
            }
            _ => Ok(Left::Nothing),
        }
    }

    /// The command, if it still runs.
    pub(super) fn command(&self) -> Result<Option<Process>> {
        match self.run {
            Some((process, _)) if self.ended.is_none() => process.open(),
            _ => Ok(None),
        }
    }
}

/// What a command has left.
#[derive(Debug)]
pub(super) enum Left {
    /// Nothing, or nothing that could be known here.
    Nothing,
    /// What its supervisor waits for.
    LookedAfter,
    /// What may still run without a supervisor.
    Alone(Leftovers),
}

/// What a named process is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is about to run for the first time.
    Starting,
    /// It runs.
    Running,
    /// It runs, and was asked to end.
    Stopping,
    /// It failed, and will be run again.
    Restarting,
    /// It has ended.
    Ended(Ending),
    /// Its supervisor was killed, and it ended with it, or it still runs in
    /// spite of that. How it ended is not known, for nobody was there to see it.
    Lost {
        /// Whether it still runs.
        is_alive: bool,
    },
    /// It was started in another pid namespace.
    Elsewhere,
}

impl State {
    /// What is so now. The record is read before anybody is looked for, and
    /// again if nobody is there: its last line may have come in between.
    pub(super) fn of(record: &Record) -> Result<(Account, State)> {
        let account = Account::read(record)?;
        if account.require_this_namespace().is_err() {
            let state = account.ending().map_or(State::Elsewhere, State::Ended);
            return Ok((account, state));
        }
        if let Some(ending) = account.ending() {
            return Ok((account, State::Ended(ending)));
        }
        if account.supervisor()?.is_some() {
            let state = account.doing();
            return Ok((account, state));
        }
        let account = Account::read(record)?;
        let state = match account.ending() {
            Some(ending) => State::Ended(ending),
            None => State::Lost {
                is_alive: account.command()?.is_some(),
            },
        };
        Ok((account, state))
    }

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            State::Starting => "starting",
            State::Running => "running",
            State::Stopping => "stopping",
            State::Restarting => "restarting",
            State::Ended(_) => "ended",
            State::Lost { is_alive: false } => "lost",
            State::Lost { is_alive: true } => "unsupervised",
            State::Elsewhere => "elsewhere",
        }
    }

    /// Whether something of it may still run.
    pub fn is_live(self) -> bool {
        !matches!(self, State::Ended(_) | State::Lost { is_alive: false })
    }
}

impl Account {
    /// What it does while its supervisor lives.
    fn doing(&self) -> State {
        match (self.run, self.ended, self.stop) {
            (None, ..) => State::Starting,
            (Some(_), Some(_), _) => State::Restarting,
            (Some(_), None, Some(_)) => State::Stopping,
            (Some(_), None, None) => State::Running,
        }
    }
}
