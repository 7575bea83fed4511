//! Locks, barriers, values and arrays under fire. Of locks: many processes take, check and release, and are killed at
//! random moments, owners as well as those that act for them.
//!
//! Checked: nobody is inside beside somebody who excludes it (I1), tokens rise
//! (I2), nobody loses what it holds (I3), whoever does not hold it cannot
//! release it (I4), and when all are dead everything can be taken at once (I5).
//!
//! Bounded by counts, paced by counts: nothing here waits for time to pass.
//! `IPC_CHAOS=full` does five times as much, `IPC_CHAOS_SEED` repeats the
//! choices of a run (what the kernel makes of them is its own choice).

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::allow_attributes,
    reason = "a test panics when it fails, and the numbers are the result"
)]

mod agent;
mod barriers;
mod board;
mod lanes;
mod lines;
mod shells;
mod writers;

use ipc::shared::lock::Geometry;
use lanes::{Lanes, Plan};

/// How much of the full count to do: a fifth, or all.
fn share() -> u64 {
    match std::env::var("IPC_CHAOS") {
        Ok(asked) if asked == "full" => 5,
        _ => 1,
    }
}

/// Not a test: what the others start as their processes.
#[test]
fn agent() {
    agent::run_if_asked();
    barriers::run_if_asked();
    writers::run_if_asked();
}

#[test]
fn a_lock_survives() {
    for (lanes, acquisitions) in [(2, 5000), (6, 4000), (16, 1500)] {
        Lanes::run(&Plan {
            lanes,
            acquisitions: acquisitions * share(),
            geometry: Geometry::Plain,
            readers: false,
        });
    }
}

#[test]
fn slots_survive() {
    for (lanes, acquisitions) in [(2, 4000), (6, 4000), (16, 2000)] {
        Lanes::run(&Plan {
            lanes,
            acquisitions: acquisitions * share(),
            geometry: Geometry::Slots(3),
            readers: false,
        });
    }
}

#[test]
fn readers_and_writers_survive() {
    for (lanes, acquisitions) in [(6, 2000), (16, 500)] {
        Lanes::run(&Plan {
            lanes,
            acquisitions: acquisitions * share(),
            geometry: Geometry::Plain,
            readers: true,
        });
    }
}

#[test]
fn shells_survive() {
    for (count, slots) in [(2, 1), (6, 1), (6, 3)] {
        shells::run(count, slots, 40 * share());
    }
}

#[test]
fn barriers_survive() {
    for (parties, generations) in [(2, 300), (6, 200), (16, 30)] {
        barriers::run(parties, generations * share() as usize);
    }
}

#[test]
fn values_and_arrays_survive() {
    for (writers, changes) in [(2, 60), (6, 60)] {
        writers::run(writers, changes * share());
    }
}
