//! How a supervisor ends what it looks after: who asks for it, and when.
//!
//! Whoever asks is heard: each signal is sent once, and of several deadlines
//! the earliest counts. A later and more patient stop takes back nothing.

use std::collections::HashSet;
use std::time::Duration;

use nix::sys::signal::Signal as Known;

use super::Supervisor;
use crate::deadline::monotonic_now;
use crate::error::Result;
use crate::facts::wall_clock;
use crate::process::identity::Process;
use crate::process::reaper::children;
use crate::process::signal::Signal;
use crate::process::supervise::record::{Line, Stop};

/// Tells the supervisor to read what was added to the record.
pub(in crate::process::supervise) const LOOK: Known = Known::SIGUSR1;

/// How often a stop looks for what has lost its parent meanwhile.
const AGAIN: Duration = Duration::from_millis(50);

/// Somebody wants the command to end.
pub(super) struct Stopping {
    signal: Signal,
    kill_at: Duration,
    sent: HashSet<i32>,
}

impl Stopping {
    /// When there is something to do again.
    pub(super) fn next_look(&self) -> Duration {
        let again = monotonic_now().saturating_add(AGAIN);
        self.kill_at.min(again)
    }
}

impl Supervisor<'_> {
    /// Does what signals ask for.
    pub(super) fn hear(&mut self) -> Result<()> {
        while let Ok(Some(info)) = self.signals.read_signal() {
            if info.ssi_signo == LOOK as u32 {
                self.read_requests()?;
                continue;
            }
            let sender = i32::try_from(info.ssi_pid).ok().filter(|pid| *pid > 0);
            self.stop_by(sender)?;
        }
        Ok(())
    }

    fn read_requests(&mut self) -> Result<()> {
        let lines = self.world.record.lines()?;
        let stops: Vec<Stop> = lines
            .into_iter()
            .filter_map(|line| match line {
                Line::Stop(stop) => Some(stop),
                _ => None,
            })
            .collect();
        let new = stops.get(self.requests..).unwrap_or_default().to_vec();
        self.requests = stops.len();
        new.into_iter().try_for_each(|stop| self.stop(stop))
    }

    /// Ends with the one that it was to end with.
    pub(super) fn follow(&mut self) -> Result<()> {
        let leader = self.world.plan.die_with.as_ref();
        let leader = leader.filter(|one| !self.has_followed && one.is_dead());
        let Some(leader) = leader.map(Process::pid) else {
            return Ok(());
        };
        self.has_followed = true;
        self.stop_by(Some(leader))
    }

    /// A stop that nobody has written down yet.
    fn stop_by(&mut self, by: Option<i32>) -> Result<()> {
        let stop = Stop {
            at: wall_clock(),
            signal: Signal::TERM.number(),
            after: self.world.plan.stop_after.as_secs_f64(),
            by,
        };
        match self.world.record.append(&[Line::Stop(stop)]) {
            // Others may have written a request before it, which is not lost so.
            Ok(()) => self.read_requests(),
            // It is more important that it stops than that it is known why.
            Err(_) => self.stop(stop),
        }
    }

    fn stop(&mut self, stop: Stop) -> Result<()> {
        let signal = Signal::from_number(stop.signal).unwrap_or(Signal::TERM);
        let after = Duration::try_from_secs_f64(stop.after).unwrap_or(Duration::MAX);
        let kill_at = monotonic_now().saturating_add(after);
        self.stopping = Some(match self.stopping.take() {
            Some(former) => Stopping {
                // What joins later is not spared because others ask more kindly.
                signal: match former.signal {
                    Signal::KILL => Signal::KILL,
                    _ => signal,
                },
                kill_at: former.kill_at.min(kill_at),
                sent: HashSet::new(),
            },
            None => Stopping {
                signal,
                kill_at,
                sent: HashSet::new(),
            },
        });
        // At once: the next request may be read before anything else is done.
        self.ask();
        if self.due.take().is_some() {
            // There is no next run, so the last one was it.
            self.write_end(None, children().is_empty());
        }
        Ok(())
    }

    /// Sends the signal to the command and what it left, once to each.
    fn ask(&mut self) {
        let Some(stopping) = &mut self.stopping else {
            return;
        };
        for pid in children() {
            if !stopping.sent.insert(pid) {
                continue;
            }
            // Nobody else reaps it, so it is still the same one.
            if let Ok(child) = Process::open(pid) {
                let _ = child.send(stopping.signal);
                // One that is stopped would not hear of it.
                let _ = child.send(Signal::CONT);
            }
        }
    }

    /// Asks what has come since, and kills all when it is time.
    pub(super) fn go_on_stopping(&mut self) -> Result<()> {
        self.ask();
        let is_time = |stopping: &Stopping| stopping.kill_at <= monotonic_now();
        if !self.stopping.as_ref().is_some_and(is_time) {
            return Ok(());
        }
        let mut ended = Vec::new();
        self.reaper.end_all(|pid, how| ended.push((pid, how)))?;
        let end = ended
            .into_iter()
            .find_map(|(pid, how)| self.end_of_command(pid, how));
        match end {
            Some((ending, since)) => self.ended(ending, since, true),
            None => Ok(()),
        }
    }
}
