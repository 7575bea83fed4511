//! What is in the way of whoever waits, and whom to watch meanwhile.

use crate::error::Result;
use crate::process::identity::Process;
use crate::shared::owner::OwnerWord;

/// Owners that one thread watches; more are left to the re-check.
const MOST: usize = 200;
/// Descriptors that are let go at once when there are too few: two to judge
/// the next owner with, and four for the watch.
const ROOM: usize = 6;

/// A word that is in the way, and the process to wait for.
pub(super) struct Obstacle {
    pub(super) index: usize,
    pub(super) word: OwnerWord,
    /// None where it cannot be watched: the re-check is for those.
    pub(super) process: Option<Process>,
}

/// All words in the way, with the descriptors of as many of their owners as
/// this process may keep open.
#[derive(Default)]
pub(super) struct Obstacles {
    list: Vec<Obstacle>,
    watched: usize,
    full: bool,
}

impl Obstacles {
    pub(super) fn of(obstacle: Obstacle) -> Obstacles {
        let mut only = Obstacles::default();
        only.push(obstacle);
        only
    }

    pub(super) fn push(&mut self, mut obstacle: Obstacle) {
        if self.full || self.watched == MOST {
            obstacle.process = None;
        }
        self.watched += usize::from(obstacle.process.is_some());
        self.list.push(obstacle);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Obstacle> {
        self.list.iter()
    }

    pub(super) fn into_list(self) -> Vec<Obstacle> {
        self.list
    }

    /// Looks at the next word; once more with fewer owners watched when there
    /// were no descriptors to look with.
    pub(super) fn with_room<T>(&mut self, mut look: impl FnMut() -> Result<T>) -> Result<T> {
        loop {
            match look() {
                Err(error) if error.is_shortage() && self.make_room() => {}
                result => return result,
            }
        }
    }

    /// The same for what is only useful, and had or not.
    pub(super) fn with_room_for<T>(&mut self, mut get: impl FnMut() -> Option<T>) -> Option<T> {
        loop {
            match get() {
                None if self.make_room() => {}
                result => return result,
            }
        }
    }

    /// Lets go of some of the watched owners and takes on no more. Says
    /// whether there were any.
    fn make_room(&mut self) -> bool {
        self.full = true;
        let watched = self
            .list
            .iter_mut()
            .rev()
            .filter(|one| one.process.is_some());
        let mut let_go = 0;
        for obstacle in watched.take(ROOM) {
            obstacle.process = None;
            let_go += 1;
        }
        self.watched -= let_go;
        let_go > 0
    }
}
