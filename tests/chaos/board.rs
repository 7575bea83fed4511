//! What the processes of a run share beside the lock: who is inside, counts,
//! and a bell for the controller.

use std::fs::File;
use std::path::Path;

use ipc::process::identity::Process;
use ipc::sys::futex;
use ipc::sys::mapping::Mapping;

const BELL: usize = 0;
const ACQUISITIONS: usize = 8;
const VIOLATIONS: usize = 16;
const STRANGERS: usize = 24;
const ANSWERS: usize = 32;
const GUARDS: usize = 64;
const TOKENS: usize = 2048;
/// Of the file.
pub(crate) const SIZE: u64 = 4096;
/// The gate and all readers.
const PLACES: usize = 121;

/// The shared page.
pub(crate) struct Board(Mapping);

impl Board {
    pub(crate) fn open(path: &Path) -> Board {
        let file = File::options().read(true).write(true).open(path).unwrap();
        Board(Mapping::new(&file, SIZE as usize).unwrap())
    }

    fn add(&self, offset: usize) -> u64 {
        let next = |now| Ok::<u64, ()>(now + 1);
        self.0.cell(offset, 8).update(next).unwrap() + 1
    }

    fn count(&self, offset: usize) -> u64 {
        self.0.cell(offset, 8).load()
    }

    /// Tells the controller to look.
    pub(crate) fn ring(&self) {
        self.add(BELL);
        futex::wake(self.0.word32(BELL), 1);
    }

    /// Tells the controller to look, and waits until it has: it could not keep
    /// up otherwise.
    pub(crate) fn ring_and_wait(&self) {
        let answers = self.count(ANSWERS) as u32;
        self.ring();
        let _ = futex::wait(self.0.word32(ANSWERS), answers, None);
    }

    /// The controller has looked.
    pub(crate) fn answer(&self) {
        self.add(ANSWERS);
        futex::wake(self.0.word32(ANSWERS), u32::MAX);
    }

    /// How often it has rung.
    pub(crate) fn rings(&self) -> u32 {
        self.count(BELL) as u32
    }

    /// Waits for another ring than those counted; gives up at that moment.
    pub(crate) fn wait_for_ring(&self, heard: u32, until: std::time::Duration) {
        let _ = futex::wait(self.0.word32(BELL), heard, Some(until));
    }

    pub(crate) fn acquired(&self) -> u64 {
        self.add(ACQUISITIONS)
    }

    pub(crate) fn acquisitions(&self) -> u64 {
        self.count(ACQUISITIONS)
    }

    pub(crate) fn stranger_refused(&self) {
        self.add(STRANGERS);
    }

    pub(crate) fn strangers(&self) -> u64 {
        self.count(STRANGERS)
    }

    pub(crate) fn violations(&self) -> u64 {
        self.count(VIOLATIONS)
    }

    /// A broken promise, unless the owner has died: then none was made to it.
    pub(crate) fn violation(&self, owner: &Process, what: &str) {
        if !owner.is_dead() {
            self.add(VIOLATIONS);
            eprintln!("VIOLATION: process {}: {what}", owner.pid());
        }
    }

    /// Marks the owner as inside; somebody else who lives must not be.
    pub(crate) fn enter(&self, place: usize, owner: &Process, token: u64, again: bool) {
        let own = mark_of(owner);
        let guard = self.0.cell(GUARDS + 8 * place, 8);
        let entered = guard.update(|now| match now {
            _ if now == own || !is_alive(now) => Ok(own),
            _ => Err(now),
        });
        if let Err(other) = entered {
            self.violation(owner, &format!("{} is inside (I1)", pid_of(other)));
        }
        let newest = self.0.cell(TOKENS + 8 * place, 8);
        let risen = newest.update(|last| match last {
            _ if last < token || again && last == token => Ok(token),
            _ => Err(last),
        });
        if let Err(last) = risen {
            self.violation(owner, &format!("token {token} after {last} (I2)"));
        }
    }

    /// Of readers and writers: the other kind must not be inside.
    pub(crate) fn excludes(&self, place: usize, owner: &Process) {
        let others = if place == 0 { 1..PLACES } else { 0..1 };
        for other in others {
            let mark = self.count(GUARDS + 8 * other);
            if is_alive(mark) {
                self.violation(owner, &format!("{} is inside too (I1)", pid_of(mark)));
            }
        }
    }

    pub(crate) fn leave(&self, place: usize, owner: &Process) {
        let own = mark_of(owner);
        let guard = self.0.cell(GUARDS + 8 * place, 8);
        let left = guard.update(|now| if now == own { Ok(0) } else { Err(now) });
        if let Err(other) = left {
            self.violation(owner, &format!("{} came in meanwhile (I1)", pid_of(other)));
        }
    }
}

/// Number and start: numbers are used again within a long run.
fn mark_of(process: &Process) -> u64 {
    let start = process.start().unwrap_or_default().as_millis() as u64;
    start << 22 | process.pid() as u64
}

fn pid_of(mark: u64) -> i32 {
    (mark & ((1 << 22) - 1)) as i32
}

fn is_alive(mark: u64) -> bool {
    mark != 0
        && Process::open(pid_of(mark))
            .is_ok_and(|process| mark_of(&process) == mark && !process.is_dead())
}
