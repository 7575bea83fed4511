//! The orders of memory that the lock needs, on every machine: loom runs the
//! protocols with each outcome that the memory model allows. The words are
//! those of the program; the atomics are loom's, in the orders of
//! `src/sys/mapping.rs`.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test"
)]

use ipc::shared::owner::{OwnerWord, Stamp};
use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicU64, Ordering, fence};
use loom::sync::{Arc, Mutex};
use loom::thread;

/// What `Cell::load` and `Cell::update` do.
fn load(word: &AtomicU64) -> OwnerWord {
    OwnerWord(word.load(Ordering::Acquire))
}

fn swap(word: &AtomicU64, from: OwnerWord, to: OwnerWord) -> bool {
    word.compare_exchange(from.0, to.0, Ordering::AcqRel, Ordering::Acquire)
        .is_ok()
}

/// A lock with one slot for readers, and what it guards: loom finds any two
/// accesses of which one is a write and none is before the other.
struct Shared {
    gate: AtomicU64,
    slot: AtomicU64,
    guarded: UnsafeCell<()>,
}

impl Shared {
    fn new() -> Arc<Shared> {
        Arc::new(Shared {
            gate: AtomicU64::new(0),
            slot: AtomicU64::new(0),
            guarded: UnsafeCell::new(()),
        })
    }

    /// Pending at one word, then a look at the other: alone or not at all.
    fn pass(&self, own: &AtomicU64, other: &AtomicU64, pid: u32, fenced: bool, inside: impl Fn()) {
        let seen = load(own);
        let pending = seen.pending(Stamp(0), pid + 10);
        if seen.owner().is_some() || !swap(own, seen, pending) {
            return;
        }
        if fenced {
            fence(Ordering::SeqCst);
        }
        if load(other).owner().is_some() {
            assert!(swap(own, pending, pending.given_up()));
            return;
        }
        let held = pending.acquired(Stamp(0), pid);
        assert!(swap(own, pending, held));
        inside();
        assert!(swap(own, held, held.released()));
    }

    fn write(&self, fenced: bool) {
        let inside = || self.guarded.with_mut(|_| ());
        self.pass(&self.gate, &self.slot, 1, fenced, inside);
    }

    fn read(&self, fenced: bool) {
        let inside = || self.guarded.with(|_| ());
        self.pass(&self.slot, &self.gate, 2, fenced, inside);
    }
}

fn reader_against_writer(reader_fenced: bool, writer_fenced: bool) {
    loom::model(move || {
        let shared = Shared::new();
        let writer = Arc::clone(&shared);
        let writer = thread::spawn(move || writer.write(writer_fenced));
        shared.read(reader_fenced);
        writer.join().unwrap();
    });
}

#[test]
fn with_a_fence_on_both_sides_reader_and_writer_exclude_each_other() {
    reader_against_writer(true, true);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn without_the_fence_of_the_writer_they_meet() {
    reader_against_writer(true, false);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn without_the_fence_of_the_reader_they_meet() {
    reader_against_writer(false, true);
}

#[test]
fn a_reader_that_comes_later_sees_what_a_writer_wrote() {
    loom::model(|| {
        let shared = Shared::new();
        let (one, two) = (Arc::clone(&shared), Arc::clone(&shared));
        let one = thread::spawn(move || one.write(true));
        let two = thread::spawn(move || two.read(true));
        shared.write(true);
        one.join().unwrap();
        two.join().unwrap();
    });
}

/// The wait for a word, and the wake: the futex is a queue behind the kernel's
/// lock, in which the word is compared again.
fn sleeper_against_waker(sequence_first: bool) {
    loom::model(move || {
        let held = OwnerWord::FREE.acquired(Stamp(1), 7);
        let word = Arc::new(AtomicU64::new(held.0));
        let sequence = Arc::new(AtomicU64::new(0));
        // Who sleeps, and whether it was woken.
        let queue = Arc::new(Mutex::new((false, false)));
        let waker = {
            let (word, sequence, queue) = (word.clone(), sequence.clone(), queue.clone());
            thread::spawn(move || {
                assert!(swap(&word, held, held.released()));
                sequence.fetch_add(1, Ordering::AcqRel);
                let mut queue = queue.lock().unwrap();
                queue.1 = queue.0;
            })
        };
        let early = sequence.load(Ordering::Acquire);
        let busy = load(&word).owner().is_some();
        let seen = if sequence_first {
            early
        } else {
            sequence.load(Ordering::Acquire)
        };
        if busy {
            let mut queue = queue.lock().unwrap();
            queue.0 = sequence.load(Ordering::Acquire) == seen;
        }
        waker.join().unwrap();
        let (slept, woken) = *queue.lock().unwrap();
        assert!(!slept || woken, "sleeps for ever");
    });
}

#[test]
fn a_release_after_the_look_is_seen_by_the_sequence() {
    sleeper_against_waker(true);
}

#[test]
#[should_panic(expected = "sleeps for ever")]
fn a_sequence_read_after_the_words_misses_it() {
    sleeper_against_waker(false);
}
