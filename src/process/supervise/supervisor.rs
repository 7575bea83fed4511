//! The life of the process that stands behind a named one.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::signal::{SigSet, Signal as Known};
use nix::sys::signalfd::SignalFd;

use self::stopping::Stopping;
use super::record::{Ended, Line, Record, RecordedProcess};
use super::{Plan, Restart, leftovers};
use crate::deadline::monotonic_now;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::facts::wall_clock;
use crate::process::identity::Process;
use crate::process::reaper::{Found, Reaper, children};
use crate::process::signal::Signal;
use crate::process::spawn::{Spawn, Start};
use crate::process::watched::read_instead;
use crate::sys::signal::is_ignored;
use crate::sys::wait::Ending;
use crate::wait::RECHECK;

mod stopping;

pub(super) use self::stopping::LOOK;

/// Signals that ask the supervisor to stop the command.
const STOPPING: [Known; 4] = [Known::SIGTERM, Known::SIGINT, Known::SIGHUP, Known::SIGQUIT];

/// The pause before the first restart; it doubles from one to the next.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Who ran so long failed for another reason than at first: pauses start anew.
const RAN_WELL: Duration = Duration::from_secs(10);

/// What a supervisor is given.
#[derive(Clone, Copy)]
pub(super) struct World<'a> {
    pub(super) plan: &'a Plan<'a>,
    pub(super) record: &'a Record,
    pub(super) log: &'a Path,
    /// The signal mask for the command.
    pub(super) mask: SigSet,
    /// A byte of this pipe is the word to start.
    pub(super) word: &'a OwnedFd,
    pub(super) reports: &'a OwnedFd,
}

pub(super) struct Supervisor<'a> {
    world: World<'a>,
    log: File,
    pub(super) reaper: Reaper,
    signals: SignalFd,
    /// The command, and since when it runs.
    command: Option<(i32, Duration)>,
    last: Ending,
    restarts: u32,
    /// Failures in a row, each soon after its start.
    failures: u32,
    /// When to run it again.
    due: Option<Duration>,
    stopping: Option<Stopping>,
    /// Requests of the record that were seen.
    requests: usize,
    has_followed: bool,
    /// Whether it is written that nothing is left.
    has_left: bool,
    /// What the record did not take yet.
    unwritten: Vec<Line>,
}

impl Supervisor<'_> {
    pub(super) fn new(world: World<'_>, log: File) -> Result<Supervisor<'_>> {
        let heard = STOPPING.into_iter().filter(|signal| !is_ignored(*signal));
        let mut set = SigSet::from_iter(heard);
        set.add(LOOK);
        Ok(Supervisor {
            world,
            log,
            reaper: Reaper::new()?,
            signals: read_instead(&set)?,
            command: None,
            last: Ending::Code(0),
            restarts: 0,
            failures: 0,
            due: None,
            stopping: None,
            requests: 0,
            has_followed: false,
            has_left: false,
            unwritten: Vec::new(),
        })
    }

    /// Runs the command.
    pub(super) fn launch(&mut self) -> Result<Start> {
        use std::os::unix::ffi::OsStrExt;
        let name = std::ffi::OsStr::from_bytes(self.world.plan.shown);
        let this = Process::open(std::process::id().cast_signed())?;
        let this = RecordedProcess::of(&this);
        let started = Spawn::new(self.world.plan.command)?
            .env(leftovers::NAME, name)
            .env(leftovers::SUPERVISOR, leftovers::word_for(&this))
            .dying_with_us()
            .start_apart(self.world.mask, &self.log)?;
        if let Start::Running(pid) = started {
            self.command = Some((pid, monotonic_now()));
        }
        Ok(started)
    }

    /// Writes down that the command runs.
    pub(super) fn write_run(&self, pid: i32) -> Result<()> {
        // Our own child: it is there until it is reaped here.
        let process = Process::open(pid)?;
        self.world.record.append(&[Line::Running {
            at: wall_clock(),
            process: RecordedProcess::of(&process),
        }])
    }

    /// Writes down what has happened. What cannot be written is kept, and tried
    /// again as long as there is anything to look after.
    fn write(&mut self, lines: &[Line]) {
        self.unwritten.extend_from_slice(lines);
        if !self.unwritten.is_empty() && self.world.record.append(&self.unwritten).is_ok() {
            self.unwritten.clear();
        }
    }

    /// Waits for everything that may happen, until nothing is left.
    pub(super) fn look_after(&mut self) -> Result<()> {
        loop {
            if self.reap()? {
                self.leave();
                return Ok(());
            }
            self.sleep()?;
            self.hear()?;
            self.follow()?;
            self.go_on_stopping()?;
            // What is due to be written comes before the next run.
            self.write(&[]);
            self.restart_if_due()?;
        }
    }

    /// Takes what has ended; says whether all is over.
    fn reap(&mut self) -> Result<bool> {
        let mut end = None;
        let mut is_empty = loop {
            match self.reaper.next()? {
                Found::Reaped(pid, ending) => end = end.or(self.end_of_command(pid, ending)),
                Found::Running => break false,
                Found::Nobody => break true,
            }
        };
        if let Some((ending, since)) = end {
            self.ended(ending, since, is_empty)?;
            // All that it left has been killed since, and nothing tells of it.
            is_empty |= self.world.plan.kill_leftovers;
        }
        Ok(is_empty && self.due.is_none())
    }

    /// How the command ended, and since when it ran, if this is the command.
    fn end_of_command(&mut self, pid: i32, ending: Ending) -> Option<(Ending, Duration)> {
        let (_, since) = self.command.take_if(|(command, _)| *command == pid)?;
        Some((ending, since))
    }

    /// The command has ended: for good, or to be run again.
    fn ended(&mut self, ending: Ending, since: Duration, is_empty: bool) -> Result<()> {
        let plan = self.world.plan;
        self.last = ending;
        if plan.kill_leftovers {
            self.reaper.end_all(|_, _| {})?;
        }
        let may = plan.max_restarts.is_none_or(|most| self.restarts < most);
        let has_failed = ending != Ending::Code(0);
        let again = plan.restart == Restart::OnFailure && has_failed && may;
        let pause = (again && self.stopping.is_none()).then(|| self.pause(since));
        self.due = pause.map(|pause| monotonic_now().saturating_add(pause));
        self.write_end(pause, is_empty || plan.kill_leftovers);
        Ok(())
    }

    /// Writes how the last run ended; when it left nothing, that it is all
    /// over stands there at the same moment.
    fn write_end(&mut self, pause: Option<Duration>, is_empty: bool) {
        let mut lines = vec![Line::Ended(Ended::now(self.last, pause))];
        if pause.is_none() && is_empty {
            lines.push(Line::Gone { at: wall_clock() });
            self.has_left = true;
        }
        self.write(&lines);
    }

    /// Writes that nothing is left.
    fn leave(&mut self) {
        let gone = Line::Gone { at: wall_clock() };
        let lines = if self.has_left { vec![] } else { vec![gone] };
        self.write(&lines);
    }

    fn pause(&mut self, since: Duration) -> Duration {
        if monotonic_now().saturating_sub(since) >= RAN_WELL {
            self.failures = 0;
        }
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        self.failures += 1;
        FIRST_PAUSE.saturating_mul(factor).min(LONGEST_PAUSE)
    }

    fn restart_if_due(&mut self) -> Result<()> {
        if self.due.is_none_or(|due| due > monotonic_now()) {
            return Ok(());
        }
        self.due = None;
        let is_full = !self.unwritten.is_empty() || self.world.record.require_room().is_err();
        if is_full {
            // Nobody could learn of a run that cannot be written down.
            self.write_end(None, children().is_empty());
            return Ok(());
        }
        self.restarts += 1;
        let since = monotonic_now();
        match self.launch() {
            Ok(Start::Running(pid)) => {
                if self.write_run(pid).is_err() {
                    // Ours until it is reaped, which is told as that of any run.
                    let _ = Process::open(pid).and_then(|process| process.send(Signal::KILL));
                }
                Ok(())
            }
            Ok(Start::Refused(exit)) => self.failed_to_start(exit, since),
            // No room for a process now; there may be later.
            Err(_) => self.failed_to_start(Exit::Failed, since),
        }
    }

    fn failed_to_start(&mut self, exit: Exit, since: Duration) -> Result<()> {
        let is_empty = children().is_empty();
        self.ended(Ending::Code(exit.code().into()), since, is_empty)
    }

    /// Sleeps until something happens or is due.
    fn sleep(&self) -> Result<()> {
        let look_again = self.stopping.as_ref().map(Stopping::next_look);
        let has_unwritten = !self.unwritten.is_empty();
        let write_again = has_unwritten.then(|| monotonic_now().saturating_add(RECHECK));
        let until = [look_again, self.due, write_again]
            .into_iter()
            .flatten()
            .min();
        let left = until.map(|moment| moment.saturating_sub(monotonic_now()).into());
        let mut watched = vec![
            PollFd::new(self.reaper.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
        ];
        let leader = self.world.plan.die_with.as_ref();
        // Dead is for ever: watched further it would never let us sleep.
        let leader = leader.filter(|_| !self.has_followed);
        watched.extend(leader.map(|one| PollFd::new(one.as_fd(), PollFlags::POLLIN)));
        match ppoll(&mut watched, left, None) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(Error::os(errno)),
        }
    }
}
