//! The lock inside one process: holders are real child processes.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::*;
use crate::deadline::Deadline;
use crate::shared::lock::acquire::Want;
use crate::wait::Wait;

pub(super) struct Fixture {
    pub(super) name: Name,
}

impl Fixture {
    pub(super) fn new(test: &str, geometry: Geometry) -> Fixture {
        let name = Name::parse(format!("unit-{}-{test}", std::process::id()).as_bytes()).unwrap();
        Lock::create(&name, geometry, Mode::default()).unwrap();
        Fixture { name }
    }

    pub(super) fn lock(&self) -> Lock {
        Lock::open(&self.name).unwrap()
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        Lock::unlink(&self.name).unwrap();
    }
}

/// A process that lives until it is dropped.
pub(super) struct Someone(Child);

impl Someone {
    pub(super) fn new() -> Someone {
        Someone(
            Command::new("cat")
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .spawn()
                .unwrap(),
        )
    }

    pub(super) fn process(&self) -> Process {
        Process::open(self.0.id() as i32).unwrap()
    }

    fn die(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Someone {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(super) fn take(lock: &Lock, owner: &Process, want: Want) -> Result<Acquired> {
    let request = Request {
        owner,
        want,
        reentrant: false,
        recover: true,
    };
    lock.acquire(&request, &mut Wait::until(Deadline::Now))
}

fn refused(result: Result<Acquired>) -> ErrorKind {
    result.unwrap_err().kind()
}

#[test]
fn one_holds_and_the_other_is_refused() {
    let fixture = Fixture::new("exclusive", Geometry::Plain);
    let (lock, one, two) = (fixture.lock(), Someone::new(), Someone::new());
    let first = take(&lock, &one.process(), Want::Exclusive).unwrap();
    assert!(!first.recovered);
    assert_eq!(
        refused(take(&lock, &two.process(), Want::Exclusive)),
        ErrorKind::WouldBlock
    );
    assert_eq!(
        refused(take(&lock, &one.process(), Want::Exclusive)),
        ErrorKind::Exists
    );
    assert_eq!(
        lock.release(&two.process()).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    assert!(lock.verify(first.token()).unwrap());
    lock.release(&one.process()).unwrap();
    assert!(!lock.verify(first.token()).unwrap());
    let second = take(&lock, &two.process(), Want::Exclusive).unwrap();
    assert!(second.token() > first.token());
}

#[test]
fn death_frees_and_the_next_owner_is_told() {
    let fixture = Fixture::new("death", Geometry::Plain);
    let (lock, one, two) = (fixture.lock(), Someone::new(), Someone::new());
    let pid = one.0.id();
    take(&lock, &one.process(), Want::Exclusive).unwrap();
    one.die();
    assert!(lock.holders().unwrap().is_empty());
    assert!(lock.is_abandoned());
    let next = take(&lock, &two.process(), Want::Exclusive).unwrap();
    assert_eq!((next.recovered, next.dead_owner), (true, Some(pid)));
    lock.release(&two.process()).unwrap();
    assert!(!lock.is_abandoned());
}

#[test]
fn a_waiter_gets_the_lock_of_an_owner_that_dies() {
    let fixture = Fixture::new("waiter", Geometry::Plain);
    let (one, two) = (Someone::new(), Someone::new());
    take(&fixture.lock(), &one.process(), Want::Exclusive).unwrap();
    let (lock, process) = (fixture.lock(), two.process());
    let waiter = std::thread::spawn(move || {
        let request = Request {
            owner: &process,
            want: Want::Exclusive,
            reentrant: false,
            recover: true,
        };
        lock.acquire(
            &request,
            &mut Wait::until(Deadline::after(Duration::from_secs(30))),
        )
        .unwrap()
        .recovered
    });
    one.die();
    assert!(waiter.join().unwrap());
}

#[test]
fn a_run_hold_and_a_pending_one_end_in_order() {
    let fixture = Fixture::new("run", Geometry::Plain);
    let (lock, one, two) = (fixture.lock(), Someone::new(), Someone::new());
    let run = take(&lock, &one.process(), Want::Exclusive).unwrap();
    lock.mark_as_run(&run);
    assert!(lock.holders().unwrap()[0].run);
    one.die();
    assert!(!lock.is_abandoned());
    assert!(
        !take(&lock, &two.process(), Want::Exclusive)
            .unwrap()
            .recovered
    );
}

#[test]
fn readers_share_and_keep_writers_out() {
    let fixture = Fixture::new("readers", Geometry::Plain);
    let (lock, one, two, three) = (
        fixture.lock(),
        Someone::new(),
        Someone::new(),
        Someone::new(),
    );
    take(&lock, &one.process(), Want::Shared).unwrap();
    take(&lock, &two.process(), Want::Shared).unwrap();
    assert_eq!(
        refused(take(&lock, &three.process(), Want::Exclusive)),
        ErrorKind::WouldBlock
    );
    // The writer that gave up keeps nobody out.
    assert_eq!(lock.holders().unwrap().len(), 2);
    lock.release(&one.process()).unwrap();
    two.die();
    let writer = take(&lock, &three.process(), Want::Exclusive).unwrap();
    assert!(!writer.recovered);
    assert_eq!(
        refused(take(&lock, &one.process(), Want::Shared)),
        ErrorKind::WouldBlock
    );
}

#[test]
fn slots_are_counted_and_come_back() {
    let fixture = Fixture::new("slots", Geometry::Slots(2));
    let lock = fixture.lock();
    let (one, two, three) = (Someone::new(), Someone::new(), Someone::new());
    take(&lock, &one.process(), Want::Exclusive).unwrap();
    take(&lock, &two.process(), Want::Exclusive).unwrap();
    assert_eq!(
        refused(take(&lock, &three.process(), Want::Exclusive)),
        ErrorKind::WouldBlock
    );
    one.die();
    assert!(
        take(&lock, &three.process(), Want::Exclusive)
            .unwrap()
            .recovered
    );
    lock.release(&two.process()).unwrap();
    assert_eq!(lock.holders().unwrap().len(), 1);
}

#[test]
fn depth_counts_for_the_one_hold() {
    let fixture = Fixture::new("depth", Geometry::Plain);
    let (lock, one) = (fixture.lock(), Someone::new());
    let owner = one.process();
    let again = Request {
        owner: &owner,
        want: Want::Exclusive,
        reentrant: true,
        recover: true,
    };
    for _ in 0..3 {
        lock.acquire(&again, &mut Wait::until(Deadline::Now))
            .unwrap();
    }
    assert_eq!(lock.holders().unwrap()[0].depth, 3);
    for _ in 0..3 {
        lock.release(&owner).unwrap();
    }
    assert!(lock.holders().unwrap().is_empty());
}

#[test]
fn a_broken_hold_has_a_token_that_is_refused() {
    let fixture = Fixture::new("broken", Geometry::Plain);
    let (lock, one) = (fixture.lock(), Someone::new());
    let hold = take(&lock, &one.process(), Want::Exclusive).unwrap();
    assert_eq!(lock.break_holds().unwrap().len(), 1);
    assert!(!lock.verify(hold.token()).unwrap());
    assert!(lock.release(&one.process()).is_err());
}
