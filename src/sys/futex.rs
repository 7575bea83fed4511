//! Sleeping on and waking a word in shared memory, futex(2).
//!
//! Never the private kind: the word is shared between processes.

use std::time::Duration;

use nix::errno::Errno;

use crate::sys::mapping::Word32;

/// Sleeps while the word holds `expected`, until woken or until `until` on
/// the monotonic clock.
///
/// # Errors
/// EAGAIN when the word holds something else, ETIMEDOUT, EINTR, or EFAULT
/// when the file behind the mapping was cut.
pub fn wait(word: Word32<'_>, expected: u32, until: Option<Duration>) -> Result<(), Errno> {
    let until = until.map(|moment| libc::timespec {
        tv_sec: libc::time_t::try_from(moment.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: moment.subsec_nanos().into(),
    });
    let until = until.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: the address is a mapped, aligned word; the kernel only reads it
    // and answers a vanished page with EFAULT; the timespec outlives the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT_BITSET,
            expected,
            until,
            std::ptr::null::<u32>(),
            libc::FUTEX_BITSET_MATCH_ANY,
        )
    };
    Errno::result(result).map(drop)
}

/// Wakes up to `count` sleepers and says how many there were.
pub fn wake(word: Word32<'_>, count: u32) -> usize {
    let count = count.min(i32::MAX as u32);
    // SAFETY: the kernel uses the address as a key and never writes to it.
    let woken = unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, count) };
    usize::try_from(woken).unwrap_or(0)
}
