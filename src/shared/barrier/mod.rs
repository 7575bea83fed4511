//! Barriers: nobody goes on until all have arrived.
//!
//! One state word counts generations and arrivals; a word for each member says
//! which process waits, so that a generation whose member dies is broken for
//! the others instead of hanging for ever.
//!
//! | offset | word |
//! | --- | --- |
//! | 64 | the state: generation, arrivals, and how the last generations ended |
//! | 72 | moves whenever a member has left its place |
//! | 128 + 8 i | the process that waits as member i |
//! | 2048 + 8 i | the generation that member i waits for, and its parent |

use std::convert::Infallible;
use std::sync::Arc;

use crate::deadline::Deadline;
use crate::error::{Error, ErrorKind, Result};
use crate::name::Name;
use crate::process::identity::{Process, since_boot};
use crate::shared::judge::require_stamp;
use crate::shared::owner::{OwnerWord, Stamp};
use crate::shared::page::{Page, PageKind, WORDS};
use crate::shared::watch::Watch;
use crate::size::Mode;
use crate::sys::futex;
use crate::wait::{RECHECK, Wait};

mod death;
mod info;
mod state;

use death::Round;
pub use info::{BarrierInfo, Member};
use state::{Fate, Side, State};

/// Most members of one barrier.
pub const MAX_PARTIES: u32 = 240;

const STATE: usize = 64;
const LEFT: usize = 72;
const MEMBERS: usize = WORDS;
const SIDES: usize = 2048;

/// An open barrier.
///
/// Dropping it changes nothing. A member that is killed while it waits, or
/// whose parent is, breaks the generation for the others.
#[derive(Debug)]
pub struct Barrier {
    page: Arc<Page>,
}

/// An arrival that was waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passed {
    /// How many had arrived before.
    pub index: u32,
    /// Which generation it was.
    pub generation: u64,
}

impl Barrier {
    /// Makes a barrier for so many members. Does not block.
    ///
    /// # Errors
    /// [`ErrorKind::Exists`]; [`ErrorKind::Usage`] outside of 1 to [`MAX_PARTIES`].
    pub fn create(name: &Name, parties: u32, mode: Mode) -> Result<()> {
        if !(1..=MAX_PARTIES).contains(&parties) {
            let message = format!("a barrier has 1 to {MAX_PARTIES} parties");
            return Err(Error::new(ErrorKind::Usage, message).about(name));
        }
        Page::create(PageKind::Barrier, name, parties, mode)
    }

    /// Opens an existing barrier.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`], [`ErrorKind::Denied`], [`ErrorKind::Broken`].
    pub fn open(name: &Name) -> Result<Barrier> {
        Page::open(PageKind::Barrier, name).and_then(|page| Barrier::of(page, name))
    }

    /// Opens an existing barrier to look at it: needs read permission alone.
    ///
    /// # Errors
    /// As [`Barrier::open`].
    pub fn look(name: &Name) -> Result<Barrier> {
        Page::look(PageKind::Barrier, name).and_then(|page| Barrier::of(page, name))
    }

    fn of(page: Page, name: &Name) -> Result<Barrier> {
        if (1..=MAX_PARTIES).contains(&page.geometry()) {
            return Ok(Barrier {
                page: Arc::new(page),
            });
        }
        let message = format!("says that it has {} parties", page.geometry());
        Err(Error::new(ErrorKind::Broken, message).about(name))
    }

    /// Removes the name; those who wait end with [`ErrorKind::Broken`].
    ///
    /// # Errors
    /// [`ErrorKind::Missing`], [`ErrorKind::Denied`].
    pub fn unlink(name: &Name) -> Result<()> {
        Page::unlink(PageKind::Barrier, name, &[STATE, LEFT])
    }

    /// How many have to arrive.
    pub fn parties(&self) -> u32 {
        self.page.geometry()
    }

    /// How many have arrived, and in which generation.
    pub fn arrived(&self) -> (u32, u64) {
        let state = self.state();
        (state.arrived(), state.generation())
    }

    /// Refuses another number of parties than this.
    ///
    /// # Errors
    /// [`ErrorKind::Exists`], naming both.
    pub fn require(&self, parties: u32) -> Result<()> {
        if self.parties() == parties {
            return Ok(());
        }
        let message = format!("the barrier has {} parties, not {parties}", self.parties());
        Err(Error::new(ErrorKind::Exists, message))
    }

    /// Arrives, and waits until all have.
    ///
    /// The member is this process and `parent`: when one of them dies, the
    /// generation is broken for the others. So it is when the deadline passes.
    ///
    /// # Errors
    /// [`ErrorKind::Broken`] when another member died, gave up or reset it, or
    /// the barrier was removed; [`ErrorKind::TimedOut`];
    /// [`ErrorKind::WouldBlock`] when it was not to wait and is not the last.
    pub fn wait(&self, parent: Option<Process>, wait: &mut Wait) -> Result<Passed> {
        self.page.require_this_namespace()?;
        let this = Process::open(std::process::id().cast_signed())?;
        loop {
            let place = self.take_place(&this, parent.as_ref(), wait)?;
            let result = self.arrive(&place, parent.as_ref(), wait);
            self.leave(&place);
            // None: the generation ended between the two steps, so once more.
            if let Some(result) = result.transpose() {
                return result;
            }
        }
    }

    /// Breaks the present generation; a new one starts. Says how many waited.
    pub fn reset(&self) -> u32 {
        let state = self.state();
        if state.arrived() == 0 || !self.end(state, true) {
            return 0;
        }
        state.arrived()
    }

    /// Counts this member and waits; nothing when its generation is over.
    fn arrive(
        &self,
        place: &Place,
        parent: Option<&Process>,
        wait: &mut Wait,
    ) -> Result<Option<Passed>> {
        let mut watch = None;
        let mut has_looked = false;
        loop {
            let state = self.state();
            if state.generation() != place.generation {
                return Ok(None);
            }
            let is_last = state.arrived() + 1 >= self.parties();
            let is_to_wait = !is_last && wait.deadline() != Deadline::Now;
            if is_to_wait && watch.is_none() {
                // Before the look, so that no death falls in between.
                watch = Some(self.watch(parent));
                has_looked = false;
            }
            // Who died while it waited does not go on, so nobody goes on with it.
            if !has_looked && self.dead_member(place.generation, Some(place)).is_some() {
                self.end(state, true);
                continue;
            }
            has_looked = true;
            let passed = Passed {
                index: state.arrived(),
                generation: state.generation(),
            };
            match &watch {
                _ if is_last => {
                    if self.end(state, false) {
                        return Ok(Some(passed));
                    }
                }
                Some(watch) => {
                    if self.exchange(state, state.one_more()) {
                        return self.wait_for_others(passed, place, watch, wait).map(Some);
                    }
                }
                // One that is not to wait must not break the others' generation.
                None => return Err(Deadline::Now.passed()),
            }
        }
    }

    /// One thread for the whole wait. It watches this member's own parent; the
    /// death of others shows in the file that they had open.
    fn watch(&self, parent: Option<&Process>) -> Watch {
        let parents = parent.map(|parent| Process::open(parent.pid()));
        let parents = parents.and_then(Result::ok).into_iter().collect();
        Watch::start(&self.page, STATE, parents)
    }

    fn wait_for_others(
        &self,
        passed: Passed,
        place: &Place,
        watch: &Watch,
        wait: &mut Wait,
    ) -> Result<Passed> {
        let mut round = Round::after(place);
        let mut has_slept = false;
        loop {
            let state = self.state();
            match state.fate_of(passed.generation) {
                Fate::Complete => return Ok(passed),
                Fate::Broken => return Err(broken("another member died, gave up or reset it")),
                Fate::Open => {}
            }
            let dead = match () {
                () if watch.has_noticed() => self.dead_member(passed.generation, None),
                () if has_slept => round.dead_member(self, passed.generation),
                () => None,
            };
            if let Some(dead) = dead {
                if self.end(state, true) {
                    return Err(broken(&format!("process {dead}, a member, died")));
                }
                continue;
            }
            match self
                .page
                .require_present()
                .and_then(|()| wait.next(Some(RECHECK)))
            {
                // Woken, or too late to sleep, or time to look again.
                Ok(until) => {
                    let _ = futex::wait(self.page.sleeper(STATE), state.0 as u32, until);
                    has_slept = true;
                }
                Err(error) if self.give_up(passed.generation) => return Err(error),
                Err(_) => {}
            }
        }
    }

    /// Breaks a generation that is still open; not when it came to its end.
    fn give_up(&self, generation: u64) -> bool {
        loop {
            let state = self.state();
            if state.generation() != generation {
                return state.fate_of(generation) != Fate::Complete;
            }
            if self.end(state, true) {
                return true;
            }
        }
    }

    /// Notes this process in a free place, for the present generation.
    fn take_place(
        &self,
        this: &Process,
        parent: Option<&Process>,
        wait: &mut Wait,
    ) -> Result<Place> {
        loop {
            // Read before the places: one that is left after the look moves it.
            let left = self.page.word(LEFT).load() as u32;
            let state = self.state();
            for index in self.places() {
                let word = self.member(index);
                if let Some(pid) = word.owner()
                    && !self.is_forsaken(index, word, pid, state)
                {
                    continue;
                }
                let now = Stamp::at(since_boot());
                require_stamp(word, now)?;
                let mine = word.released().acquired(now, this.pid().cast_unsigned());
                if self.exchange_at(MEMBERS + 8 * index, word.0, mine.0) {
                    let parent = parent.map_or(0, |parent| parent.pid().cast_unsigned());
                    let side = Side {
                        generation: state.generation(),
                        parent,
                    };
                    self.note(index, side);
                    return Ok(Place {
                        index,
                        word: mine,
                        generation: state.generation(),
                    });
                }
            }
            // All places are taken: by members of a generation that has ended and
            // who have not left yet, or by more parties than there are.
            let until = wait.next(Some(RECHECK))?;
            let _watch = Watch::start(&self.page, LEFT, Vec::new());
            // Woken, or too late to sleep, or time to look again.
            let _ = futex::wait(self.page.sleeper(LEFT), left, until);
        }
    }

    fn leave(&self, place: &Place) {
        // Whoever takes the place next has it a moment before it has said this.
        self.note(place.index, Side::NOBODY);
        self.exchange_at(
            MEMBERS + 8 * place.index,
            place.word.0,
            place.word.released().0,
        );
        // Somebody of the next generation may wait for the place.
        let Ok(_) = self
            .page
            .word(LEFT)
            .update(|now| Ok::<u64, Infallible>(now.wrapping_add(1)));
        futex::wake(self.page.sleeper(LEFT), u32::MAX);
    }

    /// Ends the generation of this state and wakes all.
    fn end(&self, state: State, broken: bool) -> bool {
        let ended = self.exchange(state, state.ended(broken));
        if ended {
            futex::wake(self.page.sleeper(STATE), u32::MAX);
        }
        ended
    }

    fn exchange(&self, from: State, to: State) -> bool {
        self.exchange_at(STATE, from.0, to.0)
    }

    fn exchange_at(&self, offset: usize, from: u64, to: u64) -> bool {
        self.page
            .word(offset)
            .update(|now| if now == from { Ok(to) } else { Err(()) })
            .is_ok()
    }

    fn state(&self) -> State {
        State(self.page.word(STATE).load())
    }

    fn places(&self) -> std::ops::Range<usize> {
        0..self.parties() as usize
    }

    fn member(&self, index: usize) -> OwnerWord {
        OwnerWord(self.page.word(MEMBERS + 8 * index).load())
    }

    fn note(&self, index: usize, side: Side) {
        let Ok(_) = self
            .page
            .word(SIDES + 8 * index)
            .update(|_| Ok::<u64, Infallible>(side.bits()));
    }

    fn side(&self, index: usize) -> Side {
        Side::of(self.page.word(SIDES + 8 * index).load())
    }
}

/// The place of a member, while it waits.
struct Place {
    index: usize,
    word: OwnerWord,
    generation: u64,
}

fn broken(why: &str) -> Error {
    Error::new(ErrorKind::Broken, format!("the barrier is broken: {why}"))
        .hint("the next wait starts a new generation")
}
