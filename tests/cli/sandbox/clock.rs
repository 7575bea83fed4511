//! Waiting by the clock, only to look again and to give up.

use std::time::{Duration, Instant};

/// How long anything may take before the test is given up.
pub fn patience() -> Duration {
    let slow = std::env::var("IPC_TEST_SLOW")
        .ok()
        .and_then(|factor| factor.parse().ok())
        .unwrap_or(1);
    Duration::from_secs(30 * slow)
}
/// Waits until something is so that no event tells of.
#[track_caller]
pub fn until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + patience();
    let mut pause = Duration::from_micros(200);
    while !so() {
        assert!(Instant::now() < deadline, "gave up waiting for {what}");
        nap(&mut pause);
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "the one place that waits by the clock"
)]
pub(super) fn nap(pause: &mut Duration) {
    std::thread::sleep(*pause);
    *pause = (*pause * 2).min(Duration::from_millis(20));
}
