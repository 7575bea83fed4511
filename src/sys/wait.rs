//! Ends of children, with real-time signals, which nix has no names for.

use std::time::Duration;

use nix::errno::Errno;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl Ending {
    /// The ending in a status of wait(2), which field 52 of `/proc/PID/stat` has too.
    pub fn of_status(status: i32) -> Ending {
        match status & 0x7f {
            0 => Ending::Code(status >> 8 & 0xff),
            signal => Ending::Signal(signal),
        }
    }

    /// The exit code, if it ended by itself.
    pub fn code(self) -> Option<i32> {
        match self {
            Ending::Code(code) => Some(code),
            Ending::Signal(_) => None,
        }
    }

    /// The signal that ended it, if one did.
    pub fn signal(self) -> Option<i32> {
        match self {
            Ending::Code(_) => None,
            Ending::Signal(signal) => Some(signal),
        }
    }
}

/// Which children a wait is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Whichever ends.
    Any,
    /// The one with this number.
    Pid(i32),
}

/// Takes the end of a child, if one has ended; never waits.
///
/// # Errors
/// ECHILD when there is no such child.
pub fn reap(which: Which) -> Result<Option<(i32, Ending)>, Errno> {
    wait(which, libc::WEXITED | libc::WNOHANG)
}

/// Waits until a child has ended and takes its end.
///
/// # Errors
/// ECHILD when there is no such child; EINTR.
pub fn reap_waiting(which: Which) -> Result<Option<(i32, Ending)>, Errno> {
    wait(which, libc::WEXITED)
}

/// Waits until a child has ended and leaves it a zombie.
///
/// # Errors
/// As [`reap_waiting`].
pub fn wait_leaving(which: Which) -> Result<Option<(i32, Ending)>, Errno> {
    wait(which, libc::WEXITED | libc::WNOWAIT)
}

/// Whether a child has ended; it stays a zombie. Never waits.
///
/// # Errors
/// ECHILD when there is no such child.
pub fn wait_leaving_now(which: Which) -> Result<bool, Errno> {
    let found = wait(which, libc::WEXITED | libc::WNOWAIT | libc::WNOHANG)?;
    Ok(found.is_some())
}

/// What a process used, with its children that it waited for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Processor time in its own code.
    pub user: Duration,
    /// Processor time in the kernel for it.
    pub system: Duration,
    /// Most memory that it, or the one before its exec, had in RAM at a time, in bytes.
    pub max_rss: u64,
}

/// Takes the end of a child that has ended, and what it used, wait4(2).
///
/// # Errors
/// ECHILD when there is no such child.
pub fn reap_with_usage(pid: i32) -> Result<Option<(Ending, Usage)>, Errno> {
    let mut status: libc::c_int = 0;
    // SAFETY: all zeros is a valid value of this plain C struct.
    let mut used: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both places are writable, of the right type, and outlive the call.
    let found = unsafe { libc::wait4(pid, &raw mut status, libc::WNOHANG, &raw mut used) };
    if Errno::result(found)? == 0 {
        return Ok(None);
    }
    let ending = if libc::WIFSIGNALED(status) {
        Ending::Signal(libc::WTERMSIG(status))
    } else {
        Ending::Code(libc::WEXITSTATUS(status))
    };
    let usage = Usage {
        user: span(used.ru_utime),
        system: span(used.ru_stime),
        max_rss: u64::try_from(used.ru_maxrss).unwrap_or(0) * 1024,
    };
    Ok(Some((ending, usage)))
}

fn span(time: libc::timeval) -> Duration {
    let seconds = Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or(0));
    seconds + Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or(0))
}

fn wait(which: Which, flags: i32) -> Result<Option<(i32, Ending)>, Errno> {
    let (kind, id) = match which {
        Which::Any => (libc::P_ALL, 0),
        Which::Pid(pid) => (libc::P_PID, pid.cast_unsigned()),
    };
    // SAFETY: all zeros is a valid value of this plain C struct.
    let mut found: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: the struct is writable, of the right type, and outlives the call.
    let result = unsafe { libc::waitid(kind, id, &raw mut found, flags) };
    Errno::result(result)?;
    // SAFETY: waitid filled the fields of a child, or left all zero.
    let pid = unsafe { found.si_pid() };
    // SAFETY: as above.
    let status = unsafe { found.si_status() };
    let ending = match found.si_code {
        libc::CLD_EXITED => Ending::Code(status),
        _ => Ending::Signal(status),
    };
    Ok((pid != 0).then_some((pid, ending)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_how_it_ended() {
        assert_eq!(Ending::of_status(9 << 8), Ending::Code(9));
        assert_eq!(Ending::of_status(255 << 8), Ending::Code(255));
        assert_eq!(Ending::of_status(9), Ending::Signal(9));
        // With a core file.
        assert_eq!(Ending::of_status(0x80 | 6), Ending::Signal(6));
        assert_eq!(Ending::of_status(36), Ending::Signal(36));
    }
}
