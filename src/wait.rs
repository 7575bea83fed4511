//! One wait of one invocation: until when, what to say, which signals get in.

use std::time::Duration;

use nix::sys::signal::SigSet;

use crate::deadline::{Deadline, monotonic_now};
use crate::error::{Error, ErrorKind, Result};
use crate::sys::signal::StopFlag;

/// How long a person at a terminal waits before being told for what.
const NOTICE_AFTER: Duration = Duration::from_secs(1);

/// How often a sleeper looks for what the kernel does not wake it for: a wake
/// lost with the process that should have passed it on, an object removed.
pub const RECHECK: Duration = Duration::from_secs(1);

/// How long a process that is there may take to answer one that does not wait.
const ANSWER: Duration = Duration::from_secs(5);

/// A wait in progress. The blocking operations of the library take one.
pub struct Wait {
    deadline: Deadline,
    notice: Option<(Duration, Box<dyn FnOnce()>)>,
    let_in: Option<SigSet>,
    stop: Option<StopFlag>,
}

impl Wait {
    /// Waits until the deadline; signals do what they do.
    pub fn until(deadline: Deadline) -> Wait {
        Wait {
            deadline,
            notice: None,
            let_in: None,
            stop: None,
        }
    }

    /// Calls `notice` once, when the wait has lasted a second.
    #[must_use]
    pub fn noticing(mut self, notice: impl FnOnce() + 'static) -> Wait {
        self.notice = Some((
            monotonic_now().saturating_add(NOTICE_AFTER),
            Box::new(notice),
        ));
        self
    }

    /// Sleeps with this signal mask: what the caller blocks while it holds
    /// something strikes only while it holds nothing.
    #[must_use]
    pub fn letting_in(mut self, mask: SigSet) -> Wait {
        self.let_in = Some(mask);
        self
    }

    /// A wait for a process that is to answer: one that is not to wait for
    /// others gives it a moment all the same, since no answer is there at once.
    ///
    /// # Errors
    /// What `ask` says; [`ErrorKind::WouldBlock`] when the moment was too short.
    pub fn for_an_answer<T>(&mut self, ask: impl FnOnce(&mut Wait) -> Result<T>) -> Result<T> {
        if self.deadline != Deadline::Now {
            return ask(self);
        }
        let answer = self.with_deadline(Deadline::after(ANSWER), ask);
        answer.map_err(|error| match error.kind() {
            ErrorKind::TimedOut => Error::new(ErrorKind::WouldBlock, "there is no answer"),
            _ => error,
        })
    }

    /// Asks for something that has another deadline. All else stays as it is:
    /// the signals that get in and those that stop it are about the invocation.
    pub fn with_deadline<T>(&mut self, deadline: Deadline, ask: impl FnOnce(&mut Wait) -> T) -> T {
        let former = std::mem::replace(&mut self.deadline, deadline);
        let result = ask(self);
        self.deadline = former;
        result
    }

    /// The deadline that the wait was made with.
    pub fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// The mask to sleep with, if it differs from the present one.
    pub fn mask(&self) -> Option<SigSet> {
        self.let_in
    }

    /// Turns signals that end a process into [`ErrorKind::Interrupted`] from
    /// here on: the sleeper has something to undo.
    ///
    /// # Errors
    /// When a handler cannot be installed.
    pub fn stop_on_signals(&mut self) -> Result<()> {
        if self.stop.is_none() {
            self.stop = Some(StopFlag::install().map_err(Error::os)?);
        }
        Ok(())
    }

    /// Whether a signal asked to stop since [`Wait::stop_on_signals`].
    ///
    /// # Errors
    /// [`ErrorKind::Interrupted`] when one did.
    pub fn interrupted(&self) -> Result<()> {
        match self.stop.as_ref().and_then(StopFlag::raised) {
            Some(signal) => Err(Error::new(ErrorKind::Interrupted(signal), "interrupted")),
            None => Ok(()),
        }
    }

    /// The moment to sleep until: the deadline, the notice or the re-check,
    /// whichever is first. Nothing means for ever.
    ///
    /// # Errors
    /// The deadline has passed, or a signal asked to stop.
    pub fn next(&mut self, recheck: Option<Duration>) -> Result<Option<Duration>> {
        self.interrupted()?;
        let now = monotonic_now();
        let deadline = match self.deadline {
            Deadline::Never => None,
            Deadline::At(moment) if moment > now => Some(moment),
            Deadline::At(_) | Deadline::Now => return Err(self.deadline.passed()),
        };
        if let Some((_, notice)) = self.notice.take_if(|(due, _)| *due <= now) {
            notice();
        }
        let notice = self.notice.as_ref().map(|(due, _)| *due);
        let recheck = recheck.map(|span| now.saturating_add(span));
        Ok([deadline, notice, recheck].into_iter().flatten().min())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::rc::Rc;

    #[test]
    fn sleeps_until_whatever_comes_first() {
        let mut wait = Wait::until(Deadline::after(Duration::from_secs(3600)));
        let now = monotonic_now();
        let recheck = wait.next(Some(Duration::from_secs(1))).unwrap().unwrap();
        assert!(recheck < now + Duration::from_secs(60));
        assert!(wait.next(None).unwrap().unwrap() > now + Duration::from_secs(60));
        assert_eq!(Wait::until(Deadline::Never).next(None).unwrap(), None);
    }

    #[test]
    fn a_passed_deadline_is_a_time_out_and_now_is_busy() {
        let past = Wait::until(Deadline::At(Duration::ZERO))
            .next(None)
            .unwrap_err();
        assert_eq!(past.kind(), ErrorKind::TimedOut);
        let now = Wait::until(Deadline::Now).next(None).unwrap_err();
        assert_eq!(now.kind(), ErrorKind::WouldBlock);
    }

    #[test]
    fn who_waits_for_an_answer_lets_the_same_signals_in() {
        let mask = SigSet::from(nix::sys::signal::Signal::SIGUSR2);
        for deadline in [Deadline::Now, Deadline::Never] {
            let mut wait = Wait::until(deadline).letting_in(mask);
            wait.stop_on_signals().unwrap();
            let mut count = 0;
            wait.for_an_answer(|wait| {
                count += 1;
                assert_eq!(wait.mask(), Some(mask));
                assert!(wait.stop.is_some());
                assert_ne!(wait.deadline(), Deadline::Now);
                Ok(())
            })
            .unwrap();
            assert_eq!((count, wait.deadline()), (1, deadline));
        }
    }

    #[test]
    fn the_notice_comes_once() {
        let count = Rc::new(Cell::new(0));
        let seen = Rc::clone(&count);
        let mut wait = Wait::until(Deadline::Never).noticing(move || seen.set(seen.get() + 1));
        wait.notice.as_mut().unwrap().0 = Duration::ZERO;
        wait.next(None).unwrap();
        wait.next(None).unwrap();
        assert_eq!(count.get(), 1);
    }
}
