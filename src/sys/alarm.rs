//! Ending the sleep of a system call that takes no time-out.

use std::time::Duration;

use nix::sys::signal::{
    SaFlags, SigAction, SigEvent, SigHandler, SigSet, SigevNotify, Signal, sigaction,
};
use nix::sys::timer::{Expiration, Timer, TimerSetTimeFlags};
use nix::time::ClockId;

/// Ignored by default, so that one that comes too late does nothing; not
/// SIGALRM, whose timer may be one of the caller's that outlived the exec.
const SIGNAL: Signal = Signal::SIGURG;

/// A timer may strike between the look at the clock and the system call, so
/// it strikes again until it is set anew.
const AGAIN: Duration = Duration::from_millis(10);

extern "C" fn wake(_: libc::c_int) {}

/// A timer whose signal interrupts a sleep (EINTR) and does nothing else.
#[derive(Debug)]
pub struct Alarm {
    timer: Option<Timer>,
    action: SigAction,
    mask: SigSet,
}

impl Alarm {
    /// Makes one that is not set; dropping it puts back what was there.
    ///
    /// # Errors
    /// EAGAIN when the user has too many timers, timer_create(2).
    pub fn new() -> nix::Result<Alarm> {
        let event = SigevNotify::SigevSignal {
            signal: SIGNAL,
            si_value: 0,
        };
        let timer = Timer::new(ClockId::CLOCK_MONOTONIC, SigEvent::new(event))?;
        let handler = SigAction::new(SigHandler::Handler(wake), SaFlags::empty(), SigSet::empty());
        // SAFETY: the handler does nothing at all, which is async-signal-safe.
        let action = unsafe { sigaction(SIGNAL, &handler) }?;
        let mask = SigSet::thread_get_mask()?;
        SigSet::from(SIGNAL).thread_unblock()?;
        Ok(Alarm {
            timer: Some(timer),
            action,
            mask,
        })
    }

    /// Interrupts sleeps from this reading of the monotonic clock on, or never.
    ///
    /// # Errors
    /// None in practice, timer_settime(2).
    pub fn set(&mut self, moment: Option<Duration>) -> nix::Result<()> {
        let Some(timer) = &mut self.timer else {
            return Ok(());
        };
        // A first expiration of zero disarms it.
        let first = moment.unwrap_or_default();
        timer.set(
            Expiration::IntervalDelayed(first.into(), AGAIN.into()),
            TimerSetTimeFlags::TFD_TIMER_ABSTIME,
        )
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        drop(self.timer.take());
        // SAFETY: this puts back the action that was there before.
        let _ = unsafe { sigaction(SIGNAL, &self.action) };
        let _ = self.mask.thread_set_mask();
    }
}
