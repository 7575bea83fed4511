//! When to stop waiting.
//!
//! Deadlines are absolute and on the monotonic clock: a step of the wall clock
//! or a stop and continue of the process does not move them.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use crate::error::{Error, ErrorKind, Result};

/// The moment after which a wait gives up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deadline {
    /// Waits as long as it takes.
    Never,
    /// Does not wait at all: busy is an answer, not a time-out.
    Now,
    /// Waits until this reading of the monotonic clock.
    At(Duration),
}

impl Deadline {
    /// The moment that lies `span` from now; zero means not to wait at all.
    pub fn after(span: Duration) -> Deadline {
        if span.is_zero() {
            return Deadline::Now;
        }
        monotonic_now()
            .checked_add(span)
            .map_or(Deadline::Never, Deadline::At)
    }

    /// The error to give when the deadline has passed: busy if it never meant to wait.
    pub fn passed(self) -> Error {
        match self {
            Deadline::Now => Error::new(ErrorKind::WouldBlock, "would have to wait"),
            Deadline::Never | Deadline::At(_) => Error::new(ErrorKind::TimedOut, "timed out"),
        }
    }
}

/// Reads CLOCK_MONOTONIC.
pub fn monotonic_now() -> Duration {
    // The clock exists on every Linux; zero would only make a wait longer.
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from)
}

/// Reads a span of time: `250ms`, `2s`, `1m30s`; a bare number is seconds and
/// may have decimals.
///
/// # Errors
/// [`ErrorKind::Usage`] for anything else, negative numbers included.
pub fn parse_span(text: &str) -> Result<Duration> {
    let refused = || {
        Error::new(
            ErrorKind::Usage,
            "a duration is like 250ms, 2s or 1m30s; a bare number is seconds",
        )
    };
    let too_long = || {
        let most = u64::MAX;
        Error::new(
            ErrorKind::Usage,
            format!("is longer than the longest duration, {most} seconds"),
        )
    };
    let bare = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if bare {
        let seconds: f64 = text.parse().map_err(|_| refused())?;
        return Duration::try_from_secs_f64(seconds).map_err(|_| too_long());
    }
    humantime::parse_duration(text).map_err(|refusal| match refusal {
        humantime::DurationError::NumberOverflow => too_long(),
        _ => refused(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_as_people_write_them() {
        for (text, millis) in [
            ("250ms", 250),
            ("2s", 2000),
            ("1m30s", 90_000),
            ("3", 3000),
            ("0.25", 250),
            ("0", 0),
        ] {
            assert_eq!(
                parse_span(text).unwrap(),
                Duration::from_millis(millis),
                "{text}"
            );
        }
        for text in [
            "",
            "-1",
            "1e3",
            "inf",
            "NaN",
            "1x",
            ".",
            "1.2.3",
            "99999999999999999999999",
        ] {
            assert!(parse_span(text).is_err(), "{text}");
        }
    }

    #[test]
    fn one_that_is_too_long_is_told_so() {
        for text in [
            "99999999999999999999999",
            "99999999999999999999s",
            "9999999999999999999m",
        ] {
            let refusal = parse_span(text).unwrap_err().to_string();
            assert!(refusal.starts_with("is longer than"), "{text}: {refusal}");
        }
    }

    #[test]
    fn zero_means_not_to_wait() {
        assert_eq!(Deadline::after(Duration::ZERO), Deadline::Now);
        assert_eq!(Deadline::after(Duration::MAX), Deadline::Never);
    }
}
