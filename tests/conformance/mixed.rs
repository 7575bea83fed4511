//! Pools of waiters of both kinds: nobody is lost, nothing is counted twice.

use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::glibc::{Child, Peer, Waiter, posix_name, unlink, unlink_named};
use crate::sandbox::{Running, Sandbox, patience, until};

struct Pool<'a> {
    sb: &'a Sandbox,
    peer: &'static Peer,
    ours: Vec<Running>,
    theirs: Vec<Waiter>,
}

impl Pool<'_> {
    /// So many waiters of each kind, all asleep.
    fn new(sb: &Sandbox, each: usize) -> Pool<'_> {
        let peer = Peer::create(sb, "s", true, 0).unwrap().lasting();
        let mut pool = Pool {
            sb,
            peer,
            ours: Vec::new(),
            theirs: Vec::new(),
        };
        // In turns, so that neither kind stands first in the kernel's queue.
        for _ in 0..each {
            pool.theirs.push(peer.waiter());
            let words = ["sem", "acquire", "s", "-t", "30s"];
            pool.ours.push(sb.ipc(words).start());
        }
        pool.theirs.iter().for_each(Waiter::blocked);
        pool.ours.iter().for_each(Running::blocked);
        pool
    }

    fn release(&self, units: usize) {
        let units = units.to_string();
        let words = ["sem", "release", "s", "-n", &units];
        self.sb.ipc(words).run().ok();
    }

    fn word(&self) -> (u32, u32) {
        let bytes = std::fs::read(self.sb.sem_file("s")).unwrap();
        let word = u64::from_ne_bytes(std::array::from_fn(|i| bytes[i]));
        (word as u32, (word >> 32) as u32)
    }

    /// Waits until so many still wait and no unit is left.
    #[track_caller]
    fn settles_at(&self, waiters: u32) {
        until(&format!("{waiters} waiters to be left"), || {
            self.word() == (0, waiters)
        });
    }

    /// Everybody has got a unit.
    #[track_caller]
    fn all_went_on(self) {
        let word = self.sb.sem_file("s");
        for waiter in self.theirs {
            waiter.join().unwrap();
        }
        for waiter in self.ours {
            let (status, _, stderr) = waiter.finish();
            assert!(status.success(), "{status}: {stderr}");
        }
        assert_eq!(std::fs::read(word).unwrap()[..8], [0; 8]);
    }
}

#[test]
fn exactly_as_many_of_a_mixed_pool_go_on_as_ipc_releases() {
    let sb = Sandbox::new();
    let pool = Pool::new(&sb, 8);
    pool.release(5);
    pool.settles_at(11);
    for _ in 0..3 {
        pool.release(1);
    }
    pool.settles_at(8);
    pool.release(8);
    pool.all_went_on();
}

#[test]
fn exactly_as_many_of_a_mixed_pool_go_on_as_glibc_posts() {
    let sb = Sandbox::new();
    let pool = Pool::new(&sb, 8);
    for left in [11, 8, 3, 2, 0] {
        let (_, before) = pool.word();
        for _ in left..before {
            pool.peer.post().unwrap();
        }
        pool.settles_at(left);
    }
    pool.all_went_on();
}

#[test]
fn one_release_of_several_units_wakes_as_many_glibc_waiters() {
    let sb = Sandbox::new();
    let pool = Pool::new(&sb, 0);
    let waiters: Vec<Waiter> = (0..6).map(|_| pool.peer.waiter()).collect();
    waiters.iter().for_each(Waiter::blocked);
    pool.release(4);
    pool.settles_at(2);
    pool.release(2);
    for waiter in waiters {
        waiter.join().unwrap();
    }
    assert_eq!(pool.word(), (0, 0));
}

#[test]
fn killed_and_late_waiters_of_ipc_hold_up_no_glibc_waiter() {
    let sb = Sandbox::new();
    let mut pool = Pool::new(&sb, 4);
    let short = ["sem", "acquire", "s", "-t", "30ms"];
    let late: Vec<Running> = (0..3).map(|_| sb.ipc(short).start()).collect();
    for mut victim in pool.ours.drain(..) {
        victim.signal(libc::SIGKILL);
        assert_eq!(victim.wait().signal(), Some(libc::SIGKILL));
    }
    for waiter in late {
        assert_eq!(waiter.finish().0.code(), Some(124));
    }
    // Four that were killed stay counted, and take nothing.
    pool.settles_at(8);
    pool.release(2);
    pool.settles_at(6);
    pool.peer.post().unwrap();
    pool.peer.post().unwrap();
    pool.settles_at(4);
    for waiter in pool.theirs {
        waiter.join().unwrap();
    }
}

#[test]
fn a_wake_for_a_waiter_that_leaves_goes_to_another() {
    let sb = Sandbox::new();
    for round in 0..30 {
        let pool = Pool::new(&sb, 2);
        // Two posts, and a signal for one of four: it has its unit, or the
        // two units are for the other three.
        let leaver = &pool.ours[round % 2];
        pool.peer.post().unwrap();
        leaver.signal(libc::SIGTERM);
        pool.peer.post().unwrap();
        until("two units to be taken", || pool.word().0 == 0);
        let mut endings = Vec::new();
        pool.release(2);
        for waiter in pool.ours {
            endings.push(waiter.finish().0);
        }
        for waiter in pool.theirs {
            waiter.join().unwrap();
        }
        let gone = endings.iter().filter(|status| !status.success()).count();
        assert!(gone <= 1, "round {round}: {endings:?}");
        assert_eq!(pool.peer.value(), gone as i32, "round {round}");
        unlink(&sb, "s").unwrap();
    }
}

#[test]
fn units_are_conserved_over_two_thousand_pairs() {
    const UNITS: u32 = 2;
    let sb = Sandbox::new();
    let peer = Peer::create(&sb, "s", true, UNITS).unwrap();
    let span = patience();
    // Inside are never more than there are units: counted by glibc's users in
    // memory that the children share.
    let inside = SharedCounter::new();
    let visit = || -> Result<(), i32> {
        for _ in 0..600 {
            peer.timed_wait(span)?;
            if inside.enter() >= UNITS {
                return Err(libc::EPROTO);
            }
            // SAFETY: has no precondition.
            unsafe { libc::sched_yield() };
            inside.leave();
            peer.post()?;
        }
        Ok(())
    };
    let children: Vec<Child> = (0..3)
        .map(|_| Child::fork(|| visit().err().unwrap_or(0)))
        .collect();
    let script = "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        ipc sem acquire s -t 30s && ipc sem release s || exit
    done; for i in 1 2 3 4 5; do
        ipc sem acquire s -n 2 -t 30s && ipc sem release s -n 2 || exit
        ipc sem acquire s -n 2 -t 1ms && ipc sem release s -n 2
    done; true";
    let shells: Vec<Running> = (0..5).map(|_| sb.sh(script).start()).collect();
    for shell in shells {
        let (status, _, stderr) = shell.finish();
        assert!(status.success(), "{status}: {stderr}");
    }
    for child in children {
        assert_eq!(child.wait(), 0);
    }
    let bytes = std::fs::read(sb.sem_file("s")).unwrap();
    assert_eq!(bytes[..8], u64::from(UNITS).to_ne_bytes());
}

/// A number in memory that a fork shares.
struct SharedCounter(*mut u32);

impl SharedCounter {
    fn new() -> SharedCounter {
        let (protection, flags) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_ANONYMOUS,
        );
        // SAFETY: a new mapping wherever there is room.
        let page = unsafe { libc::mmap(std::ptr::null_mut(), 4096, protection, flags, -1, 0) };
        assert_ne!(page, libc::MAP_FAILED);
        SharedCounter(page.cast())
    }

    fn number(&self) -> &AtomicU32 {
        // SAFETY: the page is mapped until the program ends, aligned, and only
        // reached in this way.
        unsafe { AtomicU32::from_ptr(self.0) }
    }

    fn enter(&self) -> u32 {
        self.number().fetch_add(1, Ordering::SeqCst)
    }

    fn leave(&self) {
        self.number().fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn opening_while_glibc_creates_and_removes_sees_it_or_does_not() {
    let sb = Sandbox::new();
    let name = posix_name(&sb, "s");
    let flags = libc::O_CREAT | libc::O_EXCL;
    let goes_on = AtomicBool::new(true);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while goes_on.load(Ordering::Relaxed) {
                // For a moment such a file has two names, and then none.
                drop(Peer::open_with(&name, flags, 0o600, 1).unwrap());
                unlink_named(&name).unwrap();
            }
        });
        let _stop = Stop(&goes_on);
        let codes: Vec<Option<i32>> = (0..100)
            .map(|_| sb.ipc(["sem", "acquire", "s", "--try"]).run())
            .map(|outcome| outcome.status.code())
            .collect();
        // There, empty since the last of these took the unit, or missing:
        // never taken for broken.
        let expected = |code: &Option<i32>| matches!(code, Some(0 | 1 | 3));
        assert!(codes.iter().all(expected), "{codes:?}");
    });
}

/// Ends the loop of a thread, also when its test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}
