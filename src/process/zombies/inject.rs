//! Having a parent reap by force: it is made to call wait4(2), by ptrace(2).
//!
//! The last resort, for a parent that must not end. Everything that is known
//! to go wrong is refused before the parent is touched. Some things cannot be:
//! when this process is killed within some fifty microseconds, the parent is
//! left damaged; and its own later wait for that child finds none.

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};

use super::Zombie;
use crate::error::{Error, ErrorKind, Result};
use crate::process::identity::{
    Call, Confinement, Dispositions, Process, Row, calls_of_threads, target_of,
};
use crate::process::signal::Signals;
use crate::sys::ptrace::{self, Refusal};

/// System calls that go on as if nothing had been. Others, such as epoll_wait
/// and sigtimedwait, end with EINTR when a tracer so much as looks.
#[cfg(target_arch = "x86_64")]
const ALLOWED: [libc::c_long; 12] = [
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_poll,
    libc::SYS_ppoll,
    libc::SYS_select,
    libc::SYS_pselect6,
    libc::SYS_futex,
    libc::SYS_read,
    libc::SYS_wait4,
    libc::SYS_waitid,
    libc::SYS_pause,
    // What the kernel calls one of these when it has been interrupted before.
    libc::SYS_restart_syscall,
];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED: [libc::c_long; 0] = [];

/// How often to look, once a millisecond, whether a parent is back.
const MOST_LOOKS: u32 = 1000;

/// Makes `parent` reap `zombie`.
///
/// Takes some 50 µs of the parent's time, and does not change its sleep.
///
/// # Errors
/// [`ErrorKind::Limit`] with the reason for which it is refused, with the
/// parent untouched; [`ErrorKind::Denied`]; [`ErrorKind::Missing`].
pub fn inject(parent: i32, zombie: &Zombie) -> Result<()> {
    let process = Process::open(parent)?;
    refuse(parent).map_err(|error| error.about(format!("process {parent}")))?;
    let is_right = || {
        // It is stopped now: what it was in is what it is in.
        let row = Row::of(zombie.pid);
        let is_its = row.is_some_and(|row| {
            row.is_zombie() && row.ppid == parent && row.is(zombie.pid, zombie.start)
        });
        is_its && !process.is_dead() && is_allowed(parent, Call::of(parent))
    };
    if !is_right() {
        let error = Error::new(ErrorKind::Missing, "has no such zombie any more");
        return Err(error.about(format!("process {parent}")));
    }
    let mut former = SigSet::empty();
    sigprocmask(
        SigmaskHow::SIG_SETMASK,
        Some(&SigSet::all()),
        Some(&mut former),
    )
    .map_err(Error::os)?;
    let result = ptrace::wait_in(parent, zombie.pid, is_right);
    // Puts back the mask that was in force.
    let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&former), None);
    let result = result.map_err(|refusal| explained(refusal).about(format!("process {parent}")))?;
    if result == i64::from(zombie.pid) && !zombie.is_there() {
        wait_until_back(parent, &process);
        return Ok(());
    }
    let error = match i32::try_from(-result) {
        Ok(errno) if errno > 0 => Error::os(Errno::from_raw(errno)),
        _ => Error::new(ErrorKind::Limit, "the zombie is still there"),
    };
    Err(error.about(format!("wait4 in process {parent}")))
}

/// Gives the parent the time to be in its call again, so that the next zombie
/// finds it there; one that has something else to do meanwhile is not waited for.
fn wait_until_back(parent: i32, process: &Process) {
    for _ in 0..MOST_LOOKS {
        if process.is_dead() || is_allowed(parent, Call::of(parent)) {
            return;
        }
        let _ = poll(&mut [], PollTimeout::from(1_u8));
    }
}

/// Refuses everything in which it is not known to be harmless.
fn refuse(parent: i32) -> Result<()> {
    let no = |why: &str| Err(Error::new(ErrorKind::Limit, format!("refused: {why}")));
    if !cfg!(target_arch = "x86_64") {
        return no("this has been tried on x86-64 only");
    }
    if parent == 1 {
        return no("it is the first process of its pid namespace");
    }
    if parent == std::process::id().cast_signed() {
        return no("it is this process");
    }
    let (Some(row), Some(confinement)) = (Row::of(parent), Confinement::of(parent)) else {
        return no("it cannot be looked at");
    };
    if row.is_kernel_thread() {
        return no("it is a thread of the kernel");
    }
    if confinement.tracer != 0 {
        return no(&format!("process {} traces it", confinement.tracer));
    }
    if row.state.is_stopped() {
        return no("it is stopped");
    }
    if confinement.seccomp != 0 {
        return no("a seccomp filter may kill it for the call");
    }
    if confinement.namespaces_below != 0 {
        return no("it lives in another pid namespace");
    }
    let traps = Signals(1 << (libc::SIGTRAP - 1));
    let ignores = Dispositions::of(parent).is_none_or(|found| found.ignored.0 & traps.0 != 0);
    if ignores {
        return no("it ignores SIGTRAP, which it would not any more");
    }
    let call = Call::of(parent);
    match (call, call.name()) {
        (Call::Hidden, _) => return no("the call that it is in is hidden from this user"),
        (Call::None, _) => return no("it is running, in no system call"),
        (call, Some(name)) if !is_allowed(parent, call) => {
            return no(&format!(
                "a look would disturb the call that it is in, {name}"
            ));
        }
        _ => {}
    }
    if confinement.threads > 1 && calls_of_threads(parent).into_iter().any(is_wait) {
        return no("one of its threads waits for children itself");
    }
    Ok(())
}

fn is_wait(call: Call) -> bool {
    matches!(call, Call::In(number, _) if [libc::SYS_wait4, libc::SYS_waitid].contains(&number))
}

fn is_allowed(parent: i32, call: Call) -> bool {
    let Call::In(number, arguments) = call else {
        return false;
    };
    // A socket may have a time-out, which makes the read end with EINTR.
    let is_read = number == libc::SYS_read;
    ALLOWED.contains(&number) && (!is_read || reads_pipe_or_terminal(parent, arguments[0]))
}

fn reads_pipe_or_terminal(parent: i32, descriptor: u64) -> bool {
    let target = target_of(parent, descriptor).unwrap_or_default();
    let kinds = ["pipe:[", "/dev/pts/", "/dev/tty"];
    kinds.iter().any(|kind| target.starts_with(kind))
}

fn explained(refusal: Refusal) -> Error {
    let no = |why: &str| Error::new(ErrorKind::Limit, format!("refused: {why}"));
    match refusal {
        Refusal::System(Errno::EPERM) => Error::os(Errno::EPERM)
            .saying("this user may not trace it")
            .hint("as root, or see /proc/sys/kernel/yama/ptrace_scope"),
        Refusal::System(errno) => Error::os(errno),
        Refusal::Signal => no("it is just being stopped or sent a signal; try again"),
        Refusal::NoCall => no("it is running, in no system call"),
        Refusal::OtherWidth => no("it is a 32-bit program"),
        Refusal::Processor => no("this has been tried on x86-64 only"),
    }
}
