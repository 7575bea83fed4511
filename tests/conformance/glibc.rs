//! glibc's semaphores as a peer: `sem_open` and its family, in this process,
//! in its threads, and in children of it.

use std::ffi::{CStr, CString};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::sandbox::{Sandbox, patience, until};

/// What glibc refused with.
pub type Answer = Result<(), i32>;

unsafe extern "C" {
    // The libc crate has all of the family but this one.
    fn sem_clockwait(
        semaphore: *mut libc::sem_t,
        clock: libc::clockid_t,
        until: *const libc::timespec,
    ) -> libc::c_int;
}

fn answer(result: libc::c_int) -> Answer {
    match result {
        0 => Ok(()),
        _ => Err(errno()),
    }
}

fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap()
}

/// A moment so far from now that only a lost wake reaches it.
fn patient(clock: libc::clockid_t, span: Duration) -> libc::timespec {
    // SAFETY: all zeros is a valid value of this plain C struct.
    let mut now: libc::timespec = unsafe { std::mem::zeroed() };
    // SAFETY: `now` is writable.
    unsafe { libc::clock_gettime(clock, &raw mut now) };
    let nanos = now.tv_nsec + i64::from(span.subsec_nanos());
    libc::timespec {
        tv_sec: now.tv_sec + span.as_secs() as i64 + nanos / 1_000_000_000,
        tv_nsec: nanos % 1_000_000_000,
    }
}

/// A semaphore opened by glibc.
pub struct Peer(*mut libc::sem_t);

// SAFETY: semaphores are made for use by several threads.
unsafe impl Send for Peer {}
// SAFETY: as above.
unsafe impl Sync for Peer {}

/// The name as glibc takes it.
pub fn posix_name(sb: &Sandbox, name: &str) -> CString {
    CString::new(format!("/{}", sb.full(name))).unwrap()
}

impl Peer {
    pub fn open(sb: &Sandbox, name: &str) -> Result<Peer, i32> {
        Peer::open_with(&posix_name(sb, name), 0, 0, 0)
    }

    /// `O_CREAT` and, as the flags say, `O_EXCL`.
    pub fn create(sb: &Sandbox, name: &str, exclusive: bool, value: u32) -> Result<Peer, i32> {
        let flags = libc::O_CREAT | if exclusive { libc::O_EXCL } else { 0 };
        Peer::open_with(&posix_name(sb, name), flags, 0o600, value)
    }

    /// What the others are made of: sem_open(3).
    pub fn open_with(name: &CStr, flags: i32, mode: libc::mode_t, value: u32) -> Result<Peer, i32> {
        // SAFETY: the name outlives the call, and both variadic arguments are given.
        let semaphore = unsafe { libc::sem_open(name.as_ptr(), flags, mode, value) };
        if semaphore == libc::SEM_FAILED {
            return Err(errno());
        }
        Ok(Peer(semaphore))
    }

    pub fn wait(&self) -> Answer {
        // SAFETY: the semaphore is open.
        answer(unsafe { libc::sem_wait(self.0) })
    }

    pub fn try_wait(&self) -> Answer {
        // SAFETY: the semaphore is open.
        answer(unsafe { libc::sem_trywait(self.0) })
    }

    /// On the wall clock.
    pub fn timed_wait(&self, span: Duration) -> Answer {
        let until = patient(libc::CLOCK_REALTIME, span);
        // SAFETY: the semaphore is open and the time outlives the call.
        answer(unsafe { libc::sem_timedwait(self.0, &raw const until) })
    }

    /// On the monotonic clock.
    pub fn clock_wait(&self, span: Duration) -> Answer {
        let until = patient(libc::CLOCK_MONOTONIC, span);
        // SAFETY: the semaphore is open and the time outlives the call.
        answer(unsafe { sem_clockwait(self.0, libc::CLOCK_MONOTONIC, &raw const until) })
    }

    pub fn post(&self) -> Answer {
        // SAFETY: the semaphore is open.
        answer(unsafe { libc::sem_post(self.0) })
    }

    pub fn value(&self) -> i32 {
        let mut value = -1;
        // SAFETY: the semaphore is open and the value is writable.
        assert_eq!(unsafe { libc::sem_getvalue(self.0, &raw mut value) }, 0);
        value
    }

    /// Starts a thread that takes a unit, waiting as long as the tests do.
    pub fn waiter(&'static self) -> Waiter {
        self.waiter_by(|peer| peer.timed_wait(patience()))
    }

    /// Starts a thread that waits in the way given.
    pub fn waiter_by(&'static self, way: impl FnOnce(&Peer) -> Answer + Send + 'static) -> Waiter {
        let (says, thread_id) = channel();
        let thread = std::thread::spawn(move || {
            // SAFETY: has no precondition.
            says.send(unsafe { libc::gettid() }).unwrap();
            way(self)
        });
        let address = self.0 as usize;
        Waiter {
            address,
            thread_id,
            thread,
        }
    }

    /// The same, without an end: for threads that outlive the function.
    pub fn lasting(self) -> &'static Peer {
        // A few mappings of 32 bytes until the program ends.
        Box::leak(Box::new(self))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // SAFETY: the semaphore is open, and nobody uses it after this.
        unsafe { libc::sem_close(self.0) };
    }
}

pub fn unlink(sb: &Sandbox, name: &str) -> Answer {
    unlink_named(&posix_name(sb, name))
}

pub fn unlink_named(name: &CStr) -> Answer {
    // SAFETY: the name outlives the call.
    answer(unsafe { libc::sem_unlink(name.as_ptr()) })
}

/// A thread that waits in glibc.
pub struct Waiter {
    address: usize,
    thread_id: Receiver<i32>,
    thread: JoinHandle<Answer>,
}

impl Waiter {
    /// Waits until it sleeps on this semaphore.
    #[track_caller]
    pub fn blocked(&self) {
        let thread = self.thread_id.recv().unwrap();
        let sleeping = format!("{} {:#x} ", libc::SYS_futex, self.address);
        until("a thread to sleep in glibc", || {
            let call = std::fs::read_to_string(format!("/proc/self/task/{thread}/syscall"));
            call.is_ok_and(|call| call.starts_with(&sleeping))
        });
    }

    pub fn is_done(&self) -> bool {
        self.thread.is_finished()
    }

    /// How its wait ended.
    pub fn join(self) -> Answer {
        self.thread.join().unwrap()
    }
}

/// A child process that calls glibc; killed when dropped.
pub struct Child(i32);

impl Child {
    /// Forks. The child may call nothing that allocates: this program has threads.
    pub fn fork(body: impl FnOnce() -> i32) -> Child {
        // SAFETY: the child makes system calls and atomic operations only, and
        // leaves by _exit(2), so that no lock of another thread matters.
        match unsafe { libc::fork() } {
            0 => {
                let code = body();
                // SAFETY: does not return.
                unsafe { libc::_exit(code) }
            }
            pid => {
                assert!(pid > 0, "fork: {}", errno());
                Child(pid)
            }
        }
    }

    /// Its exit code; a signal counts as 128 and the signal.
    pub fn wait(mut self) -> i32 {
        let mut status = 0;
        // SAFETY: a child of this process that is not reaped yet.
        assert_eq!(unsafe { libc::waitpid(self.0, &raw mut status, 0) }, self.0);
        self.0 = 0;
        if libc::WIFEXITED(status) {
            libc::WEXITSTATUS(status)
        } else {
            128 + libc::WTERMSIG(status)
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.0 > 0 {
            // SAFETY: a child of this process that is not reaped yet.
            unsafe {
                libc::kill(self.0, libc::SIGKILL);
                libc::waitpid(self.0, std::ptr::null_mut(), 0);
            }
        }
    }
}
