//! Blocked signals, real-time ones included, taken with all that came with them.

use std::time::Duration;

use nix::errno::Errno;

/// What came with a signal, siginfo_t.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    /// Its number.
    pub signal: i32,
    /// How it was sent.
    pub code: i32,
    /// The sender, where the code stands for one.
    pub pid: i32,
    /// The sender's user.
    pub uid: u32,
    /// The value, where the code stands for one.
    pub value: i32,
}

/// Blocks signals in this thread, before any other one is there.
///
/// # Errors
/// EINVAL for a number that the C library keeps for itself.
pub fn block(signals: &[i32]) -> Result<(), Errno> {
    let set = set_of(signals)?;
    // SAFETY: the set is initialised and outlives the call; no old one is asked for.
    let result =
        unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) };
    Errno::result(result).map(drop)
}

/// Takes a blocked signal, and waits for it at most this long.
///
/// # Errors
/// EAGAIN when none came in time, EINTR.
pub fn take(signals: &[i32], timeout: Option<Duration>) -> Result<Taken, Errno> {
    let set = set_of(signals)?;
    let timeout = timeout.map(|span| *nix::sys::time::TimeSpec::from(span).as_ref());
    let timeout = timeout
        .as_ref()
        .map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: all zeros is a valid value of this plain C struct.
    let mut information: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set and the time are initialised or null, the structure is
    // writable, and all outlive the call.
    let result = unsafe { libc::sigtimedwait(&raw const set, &raw mut information, timeout) };
    let signal = Errno::result(result)?;
    // SAFETY: zeroed or filled by the kernel, these bytes are initialised.
    let pid = unsafe { information.si_pid() };
    // SAFETY: as above.
    let uid = unsafe { information.si_uid() };
    // SAFETY: as above.
    let value = unsafe { information.si_value() };
    Ok(Taken {
        signal,
        code: information.si_code,
        pid,
        uid,
        // The int of the union is its first half where numbers are little-endian.
        value: value.sival_ptr.addr() as i32,
    })
}

fn set_of(signals: &[i32]) -> Result<libc::sigset_t, Errno> {
    // SAFETY: all zeros is a valid value of this plain C struct.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set is writable and outlives the call.
    unsafe { libc::sigemptyset(&raw mut set) };
    for signal in signals {
        // SAFETY: the set was made empty above; a wrong number is refused.
        let result = unsafe { libc::sigaddset(&raw mut set, *signal) };
        Errno::result(result)?;
    }
    Ok(set)
}
