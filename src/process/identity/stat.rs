//! The line of `/proc/PID/stat`, proc_pid_stat(5), taken apart.

use std::time::Duration;

use nix::unistd::{SysconfVar, sysconf};

use crate::error::{Error, Result};

/// The state of a process by its letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State(pub u8);

impl State {
    /// Ended and not reaped. The first thread of a process may have ended
    /// alone: then [`Row::threads`] is above one, and the process lives.
    pub fn is_zombie(self) -> bool {
        self.0 == b'Z' || self.0 == b'X'
    }

    /// Stopped, by a signal or by a debugger.
    pub fn is_stopped(self) -> bool {
        matches!(self.0, b'T' | b't')
    }

    /// Asleep where no signal wakes it.
    pub fn is_uninterruptible(self) -> bool {
        self.0 == b'D'
    }

    /// The letter.
    pub fn letter(self) -> char {
        char::from(self.0)
    }

    /// The state in a word.
    pub fn word(self) -> &'static str {
        match self.0 {
            b'R' => "running",
            b'S' => "sleeping",
            b'D' => "uninterruptible",
            b'T' => "stopped",
            b't' => "traced",
            b'Z' => "zombie",
            b'X' | b'x' => "dead",
            b'I' => "idle",
            b'P' => "parked",
            _ => "unknown",
        }
    }
}

/// One process at the moment at which it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its number.
    pub pid: i32,
    /// Its parent, 0 when that lies in another pid namespace.
    pub ppid: i32,
    /// Its process group.
    pub pgid: i32,
    /// Its session.
    pub session: i32,
    /// What it does.
    pub state: State,
    /// Its short name, without the brackets: any bytes.
    pub comm: Vec<u8>,
    /// When it started, since boot, rounded down to the kernel's ticks.
    pub start: Duration,
    /// PF_ flags of the kernel.
    pub flags: u64,
    /// How many threads it has.
    pub threads: u32,
    /// How a zombie ended, as wait(2) has it; 0 too where that is hidden.
    pub exit_code: i32,
}

impl Row {
    /// The row of one process, if it is there and not hidden.
    pub fn of(pid: i32) -> Option<Row> {
        Row::read(pid).ok().flatten()
    }

    /// The row of one process; nothing where it is hidden or gone.
    ///
    /// # Errors
    /// A shortage of descriptors: it must not pass for a hidden start, which
    /// lets any process of the number through.
    pub(super) fn read(pid: i32) -> Result<Option<Row>> {
        match std::fs::read(format!("/proc/{pid}/stat")).map_err(Error::os) {
            Ok(line) => Ok(ticks_per_second().and_then(|hz| Row::parse(&line, hz))),
            Err(error) if error.is_shortage() => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// Whether it has ended and waits to be reaped, all of its threads.
    pub fn is_zombie(&self) -> bool {
        self.state.is_zombie() && self.threads <= 1
    }

    /// Whether it is the same process as one of this number and start.
    pub fn is(&self, pid: i32, start: Duration) -> bool {
        self.pid == pid && self.start == start
    }

    /// Whether it is a thread of the kernel.
    pub fn is_kernel_thread(&self) -> bool {
        /// PF_KTHREAD of the kernel.
        const KERNEL_THREAD: u64 = 0x0020_0000;
        self.flags & KERNEL_THREAD != 0
    }

    /// What there is to say of a process that `/proc` does not show.
    pub fn unseen(pid: i32) -> Row {
        Row {
            pid,
            ppid: 0,
            pgid: 0,
            session: 0,
            state: State(b'?'),
            comm: Vec::new(),
            start: Duration::ZERO,
            flags: 0,
            threads: 0,
            exit_code: 0,
        }
    }

    /// Takes a line apart; nothing when it is not one.
    pub(super) fn parse(line: &[u8], per_second: u64) -> Option<Row> {
        let open = line.iter().position(|byte| *byte == b'(')?;
        let close = line.iter().rposition(|byte| *byte == b')')?;
        let pid = number(line.get(..open)?.trim_ascii_end())?;
        let mut row = Row::unseen(i32::try_from(pid).ok()?);
        row.comm = line.get(open + 1..close)?.to_vec();
        let rest = line.get(close + 2..)?;
        for (index, word) in rest.split(|byte| *byte == b' ').enumerate() {
            // How it ended is last, and known of corpses alone.
            if index + 3 > 22 && !row.state.is_zombie() {
                break;
            }
            // The first field behind the name is the third of the manual.
            match index + 3 {
                3 => row.state = State(*word.first()?),
                4 => row.ppid = number(word)? as i32,
                5 => row.pgid = number(word)? as i32,
                6 => row.session = number(word)? as i32,
                9 => row.flags = number(word)? as u64,
                20 => row.threads = number(word)? as u32,
                22 => row.start = of_ticks(number(word)? as u64, per_second),
                52 => row.exit_code = number(word.trim_ascii_end())? as i32,
                _ => {}
            }
        }
        Some(row)
    }
}

/// A number with its sign, which only debuggers and priorities have.
fn number(word: &[u8]) -> Option<i64> {
    let (digits, sign) = match word {
        [b'-', digits @ ..] => (digits, -1),
        digits => (digits, 1),
    };
    let add = |sum: i64, byte: &u8| {
        let digit = byte.is_ascii_digit().then(|| i64::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    };
    let value = digits.iter().try_fold(0, add)?;
    (!digits.is_empty()).then_some(sign * value)
}

/// A field by its number in proc_pid_stat(5), from 4 on; the second one, in
/// brackets, may hold blanks and brackets.
pub(super) fn field(line: &[u8], number: usize) -> Option<u64> {
    let end = line.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(&line[end + 1..]).ok()?;
    rest.split_ascii_whitespace()
        .nth(number.checked_sub(3)?)?
        .parse()
        .ok()
}

/// How many ticks there are in a second of `/proc`.
pub(super) fn ticks_per_second() -> Option<u64> {
    let found = sysconf(SysconfVar::CLK_TCK).ok().flatten();
    found
        .and_then(|hz| u64::try_from(hz).ok())
        .filter(|hz| *hz > 0)
}

/// A span in the ticks of `/proc`.
pub(super) fn of_ticks(ticks: u64, per_second: u64) -> Duration {
    let micros = u128::from(ticks) * 1_000_000 / u128::from(per_second);
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}

/// The start time from field 22 of proc_pid_stat(5), as scripts read it.
pub fn start_from_ticks(ticks: u64) -> Option<Duration> {
    Some(of_ticks(ticks, ticks_per_second()?))
}

/// Field 22 of proc_pid_stat(5) for a start time: exact, since it was one.
pub fn ticks_of(start: Duration) -> Option<u64> {
    let ticks = (start.as_micros() * u128::from(ticks_per_second()?)).div_ceil(1_000_000);
    u64::try_from(ticks).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &[u8] = b"7 (a) b (c) Z 1 5 6 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 3 0 4711 1 2 \
        0 0 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0 2304\n";

    #[test]
    fn a_line_is_taken_apart_behind_any_name() {
        let row = Row::parse(LINE, 100).unwrap();
        assert_eq!(row.comm, b"a) b (c");
        assert_eq!((row.pid, row.ppid, row.pgid, row.session), (7, 1, 5, 6));
        assert_eq!((row.threads, row.flags), (3, 4_194_560));
        assert_eq!(row.start, Duration::from_millis(47_110));
        assert_eq!(row.exit_code, 2304);
        assert_eq!(row.state.word(), "zombie");
    }

    #[test]
    fn the_start_time_is_found_behind_any_name() {
        let line = b"7 (a) b (c) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4711 1 2 3";
        assert_eq!(field(line, 22), Some(4711));
        assert_eq!(field(line, 9), Some(4_194_560));
    }

    #[test]
    fn what_is_no_line_is_nothing() {
        for line in [&b""[..], b"7", b"7 (", b"7 ()", b"x (a) S 1", b"7 (a) S x"] {
            assert_eq!(Row::parse(line, 100), None);
        }
    }

    #[test]
    fn ticks_and_spans_go_both_ways() {
        for ticks in [0, 1, 3, 4711, 123_456_789] {
            assert_eq!(ticks_of(start_from_ticks(ticks).unwrap()), Some(ticks));
        }
        // Ticks that are no whole number of microseconds.
        assert_eq!(of_ticks(1, 1024), Duration::from_micros(976));
    }
}
