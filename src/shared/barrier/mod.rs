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
use crate::shared::judge::{Verdict, judge, require_stamp};
use crate::shared::owner::{OwnerWord, Stamp};
use crate::shared::page::{Page, PageKind, WORDS};
use crate::shared::watch::Watch;
use crate::size::Mode;
use crate::sys::futex;
use crate::wait::{RECHECK, Wait};

mod info;
mod state;

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
        loop {
            let state = self.state();
            if state.generation() != place.generation {
                return Ok(None);
            }
            // Who died while it waited does not go on, so nobody goes on with it.
            if self.dead_member(place.generation, Some(place)).is_some() {
                self.end(state, true);
                continue;
            }
            let passed = Passed {
                index: state.arrived(),
                generation: state.generation(),
            };
            if state.arrived() + 1 >= self.parties() {
                if self.end(state, false) {
                    return Ok(Some(passed));
                }
            } else if wait.deadline() == Deadline::Now {
                // One that is not to wait must not break the others' generation.
                return Err(Deadline::Now.passed());
            } else if self.exchange(state, state.one_more()) {
                return self.wait_for_others(passed, parent, wait).map(Some);
            }
        }
    }

    fn wait_for_others(
        &self,
        passed: Passed,
        parent: Option<&Process>,
        wait: &mut Wait,
    ) -> Result<Passed> {
        // One thread for the whole wait. It watches this member's own parent;
        // the death of others shows in the file that they had open.
        let parents = parent
            .map(|parent| Process::open(parent.pid()))
            .and_then(Result::ok);
        let _watch = Watch::start(&self.page, STATE, parents.into_iter().collect());
        loop {
            let state = self.state();
            match state.fate_of(passed.generation) {
                Fate::Complete => return Ok(passed),
                Fate::Broken => return Err(broken("another member died, gave up or reset it")),
                Fate::Open => {}
            }
            if let Some(dead) = self.dead_member(passed.generation, None) {
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

    /// A member of the generation that has died, or whose parent has, but for
    /// the one in the place `except`.
    ///
    /// One that cannot be judged for want of descriptors is judged at the next
    /// look: whoever has arrived must not leave with an error of its own, since
    /// the others count on it.
    fn dead_member(&self, generation: u64, except: Option<&Place>) -> Option<u32> {
        let is_dead = |word, pid| matches!(judge(word, pid), Ok(Verdict::Dead));
        for index in self.places() {
            let word = self.member(index);
            let Some(pid) = word.owner() else { continue };
            let side = self.side(index);
            let is_excepted = except.is_some_and(|place| place.index == index);
            if side.generation != generation || is_excepted {
                continue;
            }
            if is_dead(word, pid) {
                return Some(pid);
            }
            let Some(parent) = side.parent() else {
                continue;
            };
            if is_dead(OwnerWord::FREE.acquired(word.stamp(), parent), parent) {
                return Some(parent);
            }
        }
        None
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

    /// Whether a dead process has the place, and no open generation counts on it.
    fn is_forsaken(&self, index: usize, word: OwnerWord, pid: u32, state: State) -> bool {
        let counted = self.side(index).generation == state.generation() && state.arrived() > 0;
        !counted && matches!(judge(word, pid), Ok(Verdict::Dead))
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
