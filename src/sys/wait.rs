//! Ends of children, with real-time signals, which nix has no names for.

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
