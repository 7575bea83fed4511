//! What became of a process that was sent a signal, and why it is still there.

use std::os::fd::AsFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};

use super::Member;
use crate::deadline::monotonic_now;
use crate::error::{Error, Result};
use crate::process::identity::{Dispositions, Row};
use crate::process::signal::Signal;
use crate::wait::Wait;

/// How long a parent is given to reap, before its child is called a zombie.
const REAPING: Duration = Duration::from_millis(200);

/// What became of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It has ended.
    Gone,
    /// It has ended, and its parent has not reaped it.
    Zombie,
    /// The signal may not be sent to it.
    Denied,
    /// It is stopped, so the signal waits.
    Stopped,
    /// It sleeps where no signal wakes it.
    Uninterruptible,
    /// All of its threads block the signal.
    Blocked,
    /// It ignores the signal.
    Ignored,
    /// It handles the signal, and went on.
    Handled,
    /// The signal does not end processes.
    Unaffected,
    /// It is on its way out, or takes the signal by sigwait(3).
    Ending,
}

impl Verdict {
    /// The word that JSON has for it.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Gone => "gone",
            Verdict::Zombie => "zombie",
            Verdict::Denied => "not_permitted",
            Verdict::Stopped => "stopped",
            Verdict::Uninterruptible => "uninterruptible",
            Verdict::Blocked => "blocked",
            Verdict::Ignored => "ignored",
            Verdict::Handled => "handled",
            Verdict::Unaffected => "unaffected",
            Verdict::Ending => "ending",
        }
    }

    /// What people read.
    pub fn sentence(self) -> &'static str {
        match self {
            Verdict::Gone => "gone",
            Verdict::Zombie => "zombie: ended, and not reaped by its parent",
            Verdict::Denied => "still there: not permitted",
            Verdict::Stopped => "still there: stopped, the signal waits for SIGCONT",
            Verdict::Uninterruptible => "still there: uninterruptible sleep in the kernel",
            Verdict::Blocked => "still there: the signal is blocked",
            Verdict::Ignored => "still there: the signal is ignored",
            Verdict::Handled => "still there: the signal is handled",
            Verdict::Unaffected => "still there: the signal does not end processes",
            Verdict::Ending => "still there: not ended yet, or it waits for this very signal",
        }
    }

    /// Whether the process has ended.
    pub fn is_end(self) -> bool {
        matches!(self, Verdict::Gone | Verdict::Zombie)
    }

    /// The verdict about a member now.
    pub fn of(member: &Member) -> Verdict {
        let row = Row::of(member.row.pid).filter(|row| row.start == member.row.start);
        if member.process.is_dead() {
            let is_corpse = row.is_some_and(|row| row.state.is_zombie());
            return if is_corpse {
                Verdict::Zombie
            } else {
                Verdict::Gone
            };
        }
        if member.is_refused() {
            return Verdict::Denied;
        }
        match (row, member.sent.last()) {
            (Some(row), Some(signal)) => why_there(&row, *signal),
            _ => Verdict::Ending,
        }
    }
}

/// Why a process that lives does so after a signal.
fn why_there(row: &Row, signal: Signal) -> Verdict {
    let fate = Dispositions::of(row.pid).unwrap_or_default().fate(signal);
    // What is stopped takes only KILL; the rest waits for CONT.
    let waits = row.state.is_stopped() && signal != Signal::KILL;
    match fate {
        _ if row.state.is_uninterruptible() => Verdict::Uninterruptible,
        "ignored" => Verdict::Ignored,
        "blocked" => Verdict::Blocked,
        _ if waits => Verdict::Stopped,
        _ if !signal.action().is_deadly() => Verdict::Unaffected,
        "handled" => Verdict::Handled,
        _ => Verdict::Ending,
    }
}

/// Waits until all members have ended; those that have may then be reaped.
///
/// Members that could not be signalled are not waited for.
///
/// # Errors
/// [`TimedOut`](crate::error::ErrorKind::TimedOut) or [`WouldBlock`](crate::error::ErrorKind::WouldBlock) when some live on.
pub fn until_ended(members: &[&Member], wait: &mut Wait) -> Result<()> {
    let members = || members.iter().filter(|member| member.refusal.is_none());
    loop {
        let mut left: Vec<PollFd<'_>> = members()
            .filter(|member| !member.process.is_dead())
            .map(|member| PollFd::new(member.process.as_fd(), PollFlags::POLLIN))
            .collect();
        if left.is_empty() {
            break;
        }
        sleep(&mut left, wait.next(None)?)?;
    }
    until_reaped(&members().copied().collect::<Vec<_>>(), wait)
}

/// Gives parents a moment: an end is told to the kernel's pollers before the
/// parent has had the time to reap.
fn until_reaped(members: &[&Member], wait: &mut Wait) -> Result<()> {
    let until = monotonic_now().saturating_add(REAPING);
    loop {
        let corpses = members
            .iter()
            .filter(|member| Verdict::of(member) == Verdict::Zombie);
        // Without events only the hang-up is told, which is the reaping.
        let mut left: Vec<PollFd<'_>> = corpses
            .map(|member| PollFd::new(member.process.as_fd(), PollFlags::empty()))
            .collect();
        let Ok(next) = wait.next(Some(Duration::from_millis(10))) else {
            return Ok(());
        };
        if left.is_empty() || monotonic_now() >= until {
            return Ok(());
        }
        sleep(&mut left, next)?;
    }
}

fn sleep(watched: &mut [PollFd<'_>], until: Option<Duration>) -> Result<()> {
    let left = until.map(|moment| moment.saturating_sub(monotonic_now()).into());
    match ppoll(watched, left, None) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(Error::os(errno)),
    }
}
