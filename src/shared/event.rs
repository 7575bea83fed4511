//! Events: something has happened, or happens now.
//!
//! One 64-bit word: bit 0 says set, the rest counts settings and pulses. A
//! waiter remembers the count that it came with, so that it sees every pulse
//! after it, however short. There is no owner, so there is nothing to recover.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::Serialize;

use crate::error::{Error, ErrorKind, Result};
use crate::facts::{Described, Facts, Label};
use crate::name::Name;
use crate::process::identity::Process;
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
        let ended = unless.map(|process| Ended::watch(process, Arc::clone(&self.page)));
        loop {
            let now = self.page.word(WORDS).load();
            if now & SET != 0 || now / ONE_MORE != came / ONE_MORE {
                return Ok(());
            }
            // An event that came before the end counts, so it was asked first.
            if let Some(process) = ended.as_ref().and_then(Ended::ended) {
                return Err(Error::new(
                    ErrorKind::Missing,
                    format!("process {process} ended first"),
                ));
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

/// A process whose end is noticed by a thread, which then wakes the sleepers.
struct Ended {
    pid: i32,
    ended: Arc<AtomicBool>,
}

impl Ended {
    fn watch(process: Process, page: Arc<Page>) -> Ended {
        let ended = Arc::new(AtomicBool::new(process.is_dead()));
        let watched = Ended {
            pid: process.pid(),
            ended: Arc::clone(&ended),
        };
        // The thread ends with this process: it holds nothing that outlives it.
        std::thread::spawn(move || {
            let mut entry = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
            while poll(&mut entry, PollTimeout::NONE).is_err() {}
            ended.store(true, Ordering::Release);
            futex::wake(page.sleeper(WORDS), u32::MAX);
        });
        watched
    }

    fn ended(&self) -> Option<i32> {
        self.ended.load(Ordering::Acquire).then_some(self.pid)
    }
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
