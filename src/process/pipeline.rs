//! Commands that feed each other: started together, followed to the last.
//!
//! No shell is in between and no relay either: the pipes are those of the
//! commands alone, so that what they do with them they do to each other.

use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::libc;
use nix::poll::PollTimeout;
use nix::sys::signal::{Signal, kill, raise};
use nix::unistd::{Pid, pipe2};

use super::blocked::Blocked;
use super::identity::transferred;
use super::reaper::Reaper;
use super::spawn::Spawn;
use super::watched::{Passed, Watched};
use crate::deadline::monotonic_now;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::object::fifo::resize;
use crate::sys::wait::{Usage, Which, reap_with_usage, wait_leaving_now};

/// What a pipe holds unless somebody says otherwise: enough for a reader and a
/// writer of 128 KiB a call, as cat is one, to run side by side.
pub const USUAL: u64 = 256 << 10;

/// How long commands that were asked to end have time for it.
const GRACE: Duration = Duration::from_secs(2);

/// Commands to connect, and how.
#[derive(Debug)]
pub struct Pipeline<'a> {
    /// The commands, from the first to the last.
    pub stages: Vec<Spawn<'a>>,
    /// Whether the last one feeds the first.
    pub is_ring: bool,
    /// What each pipe shall hold; without it [`USUAL`], where that is possible.
    pub size: Option<u64>,
    /// Whether the others are ended when one fails.
    pub kills_on_failure: bool,
}

/// What is known of one command of the pipeline.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stage {
    /// Its process; nothing when it could not be started.
    pub pid: Option<i32>,
    /// How it ended.
    pub exit: Option<Exit>,
    /// From its start to its end.
    pub time: Duration,
    /// What it used, with the children that it waited for.
    pub usage: Usage,
    /// Bytes read and written by all calls of its own process.
    pub transferred: Option<(u64, u64)>,
    /// Whether it was ended here because another one had failed.
    pub was_ended: bool,
    started: Duration,
}

impl Stage {
    /// Whether it ended otherwise than well. One before the last that died for
    /// want of a reader did what it had to, and one that was ended could not.
    pub fn has_failed(&self, is_last: bool) -> bool {
        match self.exit {
            _ if self.was_ended => false,
            Some(Exit::Signal(libc::SIGPIPE)) => is_last,
            Some(exit) => exit.code() != 0,
            None => false,
        }
    }
}

impl Pipeline<'_> {
    /// Starts all commands and waits for the last one to end.
    ///
    /// One that cannot be started ends with 126 or 127 and the others see a
    /// pipe that is closed, as in a shell. Ending signals that reach this
    /// process alone are passed on to all, and strike here when the caller
    /// lets go of `blocked`. When this process is killed, they are too.
    ///
    /// # Errors
    /// When the system has no room for all of them: those that were started
    /// are killed.
    pub fn run(&self, blocked: &Blocked) -> Result<Vec<Stage>> {
        // The heir of all, so that nothing gets away when they are to be ended.
        let reaper = match self.kills_on_failure {
            true => Some(Reaper::new()?),
            false => None,
        };
        // Watched before the start, so that no end is missed.
        let signals = Watched::new()?;
        let mut running = Running {
            stages: Vec::with_capacity(self.stages.len()),
            came: None,
        };
        let result = self
            .start(&mut running, blocked)
            .and_then(|()| self.follow(&mut running, &signals, reaper.as_ref()));
        if let Err(error) = result {
            running.end(Signal::SIGKILL);
            while running.reap()? {
                signals.wait(PollTimeout::NONE);
                while signals.passed().is_some() {}
            }
            return Err(error);
        }
        if let Some(signal) = running.came {
            // Blocked still: strikes when the caller has put things in order.
            let _ = raise(signal);
        }
        Ok(running.stages)
    }

    fn start(&self, running: &mut Running, blocked: &Blocked) -> Result<()> {
        let last = self.stages.len() - 1;
        let (mut input, ring) = match self.is_ring {
            true => {
                let (reader, writer) = self.pipe()?;
                (Some(reader), Some(writer))
            }
            false => (None, None),
        };
        let mut ring = ring;
        for (index, spawn) in self.stages.iter().enumerate() {
            let (next, output) = match index == last {
                true => (None, ring.take()),
                false => {
                    let (reader, writer) = self.pipe()?;
                    (Some(reader), Some(writer))
                }
            };
            let redirected: &'static [i32] = match (input.is_some(), output.is_some()) {
                (true, true) => &[0, 1],
                (true, false) => &[0],
                (false, true) => &[1],
                (false, false) => &[],
            };
            let mut command = spawn.command(blocked.former(), redirected);
            if let Some(input) = input.take() {
                command.stdin(Stdio::from(input));
            }
            if let Some(output) = output {
                command.stdout(Stdio::from(output));
            }
            running.stages.push(begun(spawn, command.spawn())?);
            // The command goes here, and our copies of the ends with it.
            drop(command);
            input = next;
        }
        Ok(())
    }

    fn pipe(&self) -> Result<(OwnedFd, OwnedFd)> {
        let (reader, writer) = pipe2(OFlag::O_CLOEXEC).map_err(Error::os)?;
        match self.size {
            Some(size) => resize(&writer, size)?,
            // A smaller limit leaves it as it is.
            None => drop(resize(&writer, USUAL)),
        }
        Ok((reader, writer))
    }

    fn follow(
        &self,
        running: &mut Running,
        signals: &Watched,
        reaper: Option<&Reaper>,
    ) -> Result<()> {
        let mut until: Option<Duration> = None;
        while running.reap()? {
            if let Some(reaper) = reaper.filter(|_| running.has_failed()) {
                let until = match until {
                    Some(until) => until,
                    None => {
                        running.give_up();
                        running.end(Signal::SIGTERM);
                        *until.insert(monotonic_now().saturating_add(GRACE))
                    }
                };
                let left = until.saturating_sub(monotonic_now());
                if left.is_zero() {
                    return running.end_all(reaper);
                }
                // One millisecond more, so that it does not wake just before.
                let left = u16::try_from(left.as_millis() + 1).unwrap_or(u16::MAX);
                signals.wait(PollTimeout::from(left));
            } else {
                signals.wait(PollTimeout::NONE);
            }
            while let Some(signal) = signals.passed() {
                running.pass_on(signal);
            }
        }
        match reaper.filter(|_| running.has_failed()) {
            Some(reaper) => running.end_all(reaper),
            None => Ok(()),
        }
    }
}

/// The stage of a command that was started, or could not be.
fn begun(spawn: &Spawn<'_>, child: std::io::Result<std::process::Child>) -> Result<Stage> {
    let started = monotonic_now();
    let stage = Stage {
        started,
        ..Stage::default()
    };
    match child {
        Ok(child) => Ok(Stage {
            pid: Some(child.id().cast_signed()),
            ..stage
        }),
        Err(refusal) => Ok(Stage {
            exit: Some(spawn.failed(refusal)?),
            ..stage
        }),
    }
}

/// The commands while they run.
struct Running {
    stages: Vec<Stage>,
    came: Option<Signal>,
}

impl Running {
    /// Takes the ends that there are; says whether somebody still runs.
    fn reap(&mut self) -> Result<bool> {
        let mut is_running = false;
        for stage in &mut self.stages {
            let Some(pid) = stage.pid.filter(|_| stage.exit.is_none()) else {
                continue;
            };
            if !wait_leaving_now(Which::Pid(pid)).map_err(Error::os)? {
                is_running = true;
                continue;
            }
            // As long as it is a zombie /proc knows what it did.
            stage.transferred = transferred(pid);
            stage.time = monotonic_now().saturating_sub(stage.started);
            if let Some((ending, usage)) = reap_with_usage(pid).map_err(Error::os)? {
                stage.usage = usage;
                stage.exit = Some(ending.into());
            }
        }
        Ok(is_running)
    }

    fn has_failed(&self) -> bool {
        let last = self.stages.len().saturating_sub(1);
        let stages = self.stages.iter().enumerate();
        stages
            .into_iter()
            .any(|(index, stage)| stage.has_failed(index == last))
    }

    /// Notes whom a failure of another one ends.
    fn give_up(&mut self) {
        for stage in self.stages.iter_mut().filter(|stage| stage.exit.is_none()) {
            stage.was_ended = true;
        }
    }

    /// Signals all that run; they are not reaped, so their numbers are theirs.
    fn end(&self, signal: Signal) {
        for stage in self.stages.iter().filter(|stage| stage.exit.is_none()) {
            if let Some(pid) = stage.pid {
                let _ = kill(Pid::from_raw(pid), signal);
            }
        }
    }

    fn pass_on(&mut self, signal: Passed) {
        self.came = Some(signal.signal);
        if !signal.is_from_terminal {
            self.end(signal.signal);
        }
    }

    /// Kills what is left, with whatever the commands started.
    fn end_all(&mut self, reaper: &Reaper) -> Result<()> {
        let stages = &mut self.stages;
        reaper.end_all(|pid, ending| {
            let stage = stages.iter_mut().find(|stage| stage.pid == Some(pid));
            if let Some(stage) = stage.filter(|stage| stage.exit.is_none()) {
                stage.time = monotonic_now().saturating_sub(stage.started);
                stage.exit = Some(ending.into());
            }
        })
    }
}
