//! Events: something has happened, or happens now.
//!
//! One 64-bit word: bit 0 says set, the rest counts settings and pulses. A
//! waiter remembers the count that it came with, so that it sees every pulse
//! after it, however short. There is no owner, so there is nothing to recover.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use serde::Serialize;

use crate::deadline::monotonic_now;
use crate::error::{Error, ErrorKind, Result};
use crate::facts::{Described, Facts, Label};
use crate::name::Name;
use crate::process::identity::Process;
use crate::shared::bell::Bell;
use crate::shared::page::{Page, PageKind, WORDS};
use crate::size::Mode;
use crate::sys::futex;
use crate::wait::{RECHECK, Wait};

const SET: u64 = 1;
const ONE_MORE: u64 = 2;

/// An open event.
///
/// Dropping it changes nothing: an event stays as it is until somebody
/// changes it, whoever dies.
#[derive(Debug)]
pub struct Event {
    page: Arc<Page>,
}

/// What can be known of an event at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventState {
    /// Whether it is set.
    pub set: bool,
    /// How often it was set or pulsed.
    pub count: u64,
}

impl Event {
    /// Makes an event that is not set. Does not block.
    ///
    /// # Errors
    /// [`ErrorKind::Exists`].
    pub fn create(name: &Name, mode: Mode) -> Result<()> {
        Page::create(PageKind::Event, name, 0, mode)
    }

    /// Opens an existing event.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`], [`ErrorKind::Denied`], [`ErrorKind::Broken`].
    pub fn open(name: &Name) -> Result<Event> {
        Page::open(PageKind::Event, name).map(|page| Event {
            page: Arc::new(page),
        })
    }

    /// Opens an event; it is made, not set, on its first use.
    ///
    /// # Errors
    /// As [`Event::open`] and [`Event::create`].
    pub fn open_or_create(name: &Name, mode: Mode) -> Result<Event> {
        loop {
            match Event::open(name) {
                Err(error) if error.kind() == ErrorKind::Missing => match Event::create(name, mode)
                {
                    // Somebody else was faster: theirs is as good.
                    Err(error) if error.kind() == ErrorKind::Exists => {}
                    result => result?,
                },
                result => return result,
            }
        }
    }

    /// Opens an existing event to look at it: needs read permission alone.
    ///
    /// # Errors
    /// As [`Event::open`].
    pub fn look(name: &Name) -> Result<Event> {
        Page::look(PageKind::Event, name).map(|page| Event {
            page: Arc::new(page),
        })
    }

    /// Removes the name; waiters end with [`ErrorKind::Broken`].
    ///
    /// # Errors
    /// [`ErrorKind::Missing`], [`ErrorKind::Denied`].
    pub fn unlink(name: &Name) -> Result<()> {
        Page::unlink(PageKind::Event, name, &[WORDS])
    }

    /// The state now.
    pub fn state(&self) -> EventState {
        let word = self.page.word(WORDS).load();
        EventState {
            set: word & SET != 0,
            count: word / ONE_MORE,
        }
    }

    /// The event as one sees it who comes now.
    pub fn awaited(&self) -> Awaited {
        Awaited {
            page: Arc::clone(&self.page),
            came: self.page.word(WORDS).load(),
        }
    }

    /// Sets it: all waiters go on, and those who come later do not wait.
    /// Says whether it was set before.
    pub fn set(&self) -> bool {
        self.change(|now| now.wrapping_add(ONE_MORE) | SET) & SET != 0
    }

    /// Clears it: those who come later wait. Says whether it was set before.
    pub fn clear(&self) -> bool {
        self.change(|now| now & !SET) & SET != 0
    }

    /// Lets all go on who wait at this moment, and changes nothing for others.
    pub fn pulse(&self) {
        self.change(|now| now.wrapping_add(ONE_MORE));
    }

    /// Waits until it is set or pulsed; with `unless`, until that process has
    /// ended, whichever is first.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`] when the process ended first;
    /// [`ErrorKind::Broken`] when the event was removed; what the wait says.
    pub fn wait(&self, unless: Option<Process>, wait: &mut Wait) -> Result<()> {
        let came = self.page.word(WORDS).load();
        if came & SET != 0 {
            return Ok(());
        }
        if let Some(process) = unless {
            return self.awaited().wait_unless(&process, wait);
        }
        loop {
            let now = self.page.word(WORDS).load();
            if has_come(came, now) {
                return Ok(());
            }
            self.page.require_present()?;
            let until = wait.next(Some(RECHECK))?;
            // Woken, or too late to sleep, or time to look again.
            let _ = futex::wait(self.page.sleeper(WORDS), now as u32, until);
        }
    }

    fn change(&self, next: impl Fn(u64) -> u64) -> u64 {
        let changed = self
            .page
            .word(WORDS)
            .update(|now| Ok::<u64, std::convert::Infallible>(next(now)));
        let before = match changed {
            Ok(before) => before,
            Err(never) => match never {},
        };
        futex::wake(self.page.sleeper(WORDS), u32::MAX);
        before
    }
}

/// Whether it was set or pulsed since the word was read as `came`.
fn has_come(came: u64, now: u64) -> bool {
    now & SET != 0 || now / ONE_MORE != came / ONE_MORE
}

/// An event as one sees it who came at a certain moment.
#[derive(Debug, Clone)]
pub struct Awaited {
    page: Arc<Page>,
    came: u64,
}

impl Awaited {
    /// Whether it is set, or was set or pulsed since.
    ///
    /// # Errors
    /// [`ErrorKind::Broken`] when it was not, and the event was removed.
    pub fn has_come(&self) -> Result<bool> {
        if has_come(self.came, self.page.word(WORDS).load()) {
            return Ok(true);
        }
        self.page.require_present().map(|()| false)
    }

    /// Has a bell ring when that may be so.
    ///
    /// # Errors
    /// When the system has no room for a thread.
    pub fn ring(&self, bell: &Bell) -> Result<()> {
        let this = self.clone();
        bell.hang(move |until| {
            let now = this.page.word(WORDS).load();
            if has_come(this.came, now) {
                return false;
            }
            let _ = futex::wait(this.page.sleeper(WORDS), now as u32, Some(until));
            true
        })
    }

    /// Sleeps until the word changes, unless it has come already.
    fn sleep(&self, until: Option<Duration>) {
        let now = self.page.word(WORDS).load();
        if !has_come(self.came, now) {
            let _ = futex::wait(self.page.sleeper(WORDS), now as u32, until);
        }
    }

    /// Waits beside a process: its descriptor and what a second thread makes
    /// of the word are watched together. Both stay readable, so nothing that
    /// happens before the sleep is slept through.
    fn wait_unless(&self, process: &Process, wait: &mut Wait) -> Result<()> {
        // Without a descriptor or a thread to spare the next look sees it.
        let bell = Bell::new().and_then(|bell| self.ring(&bell).map(|()| bell));
        loop {
            // Asked in this order an event that came before the end counts.
            let ended = process.is_dead();
            let removed = match self.has_come() {
                Ok(true) => return Ok(()),
                other => other.err(),
            };
            if ended {
                return Err(Error::new(
                    ErrorKind::Missing,
                    format!("process {} ended first", process.pid()),
                ));
            }
            if let Some(removed) = removed {
                return Err(removed);
            }
            let until = wait.next(Some(RECHECK))?;
            match &bell {
                Ok(bell) => listen(bell, process, until)?,
                Err(_) => self.sleep(until),
            }
        }
    }
}

/// Sleeps until the bell rings, the process ends or it is time.
fn listen(bell: &Bell, process: &Process, until: Option<Duration>) -> Result<()> {
    let left = until.map(|moment| moment.saturating_sub(monotonic_now()).into());
    let mut watched = [
        PollFd::new(process.as_fd(), PollFlags::POLLIN),
        PollFd::new(bell.as_fd(), PollFlags::POLLIN),
    ];
    match ppoll(&mut watched, left, None) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(errno) => return Err(Error::os(errno)),
    }
    bell.silence();
    Ok(())
}

/// What a listing or `stat` shows of an event.
#[derive(Debug, Clone, Serialize)]
pub struct EventInfo {
    /// Always `event`.
    pub kind: &'static str,
    #[serde(flatten)]
    /// Its name.
    pub label: Label,
    /// `ok`, or what lies there instead of an event.
    pub status: String,
    /// Whether it is set; unknown when it cannot be read.
    pub set: Option<bool>,
    /// How often it was set or pulsed.
    pub count: Option<u64>,
    #[serde(flatten)]
    /// Owner, mode, place and time.
    pub facts: Facts,
}

impl EventInfo {
    /// Looks at an event, whatever its state.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`].
    pub fn look(name: &Name) -> Result<EventInfo> {
        let (facts, status) = Page::inspect(PageKind::Event, name)?;
        let state = match status.as_str() {
            "ok" => Event::look(name).ok().map(|event| event.state()),
            _ => None,
        };
        Ok(EventInfo {
            kind: PageKind::Event.word(),
            label: Label::new(name.as_bytes()),
            status,
            set: state.map(|state| state.set),
            count: state.map(|state| state.count),
            facts,
        })
    }
}

impl Described for EventInfo {
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
