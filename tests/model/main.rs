//! An explicit-state model of the lock: every interleaving of small instances,
//! with processes killed at every step. The words and their transitions are
//! those of the program, `ipc::shared::owner`.
//!
//! Checked: nobody is inside beside somebody who excludes it (MUTEX), nobody
//! loses what it holds (ROBBED, LOST) to whoever does not hold it (NOT YOURS),
//! stamps rise (STAMP) and tokens are new (TOKEN), the next one is told of an
//! abandonment (UNTOLD), what is pending says so (PENDING), `status --mine` is
//! right (MINE), nobody sleeps for ever (STUCK) or up to a re-check without
//! reason (`need_recheck`), and in the end everything can be taken (LEAK).

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::allow_attributes,
    reason = "a test panics when it fails, and the numbers are the result"
)]

mod change;
mod explore;
mod mutants;
mod sleep;
mod state;
mod step;
mod symmetry;

use explore::{Report, explore};
use state::{Config, Role};

const TWO: &[Role] = &[Role::Writer; 2];
const THREE: &[Role] = &[Role::Writer; 3];

/// Two processes and every fault, on a kernel with all that ipc makes use of.
const PLAIN: Config = Config {
    roles: TWO,
    words: 1,
    rounds: 1,
    rounds_of_heir: 0,
    cli_kills: 2,
    owner_kills: 1,
    reuses: 1,
    removal: false,
    meddles: false,
    inotify: true,
    uniques: true,
    mutant: None,
};
/// The same with nothing but start times and the re-check.
const OLD_KERNEL: Config = Config {
    inotify: false,
    uniques: false,
    ..PLAIN
};
const CALM: Config = Config {
    cli_kills: 0,
    owner_kills: 0,
    reuses: 0,
    ..PLAIN
};
const SLOTS: Config = Config {
    roles: &[Role::Slot; 3],
    words: 2,
    ..CALM
};
const ONE_READER: Config = Config {
    roles: &[Role::Reader, Role::Writer],
    words: 2,
    ..PLAIN
};
const TWO_READERS: Config = Config {
    roles: &[Role::Reader, Role::Reader, Role::Writer],
    words: 3,
    ..CALM
};

#[track_caller]
fn holds(name: &str, config: &Config) -> Report {
    let start = std::time::Instant::now();
    let report = explore(config);
    println!(
        "{name}: {} states, {} of them need the re-check, {:.1?}",
        report.states,
        report.need_recheck,
        start.elapsed()
    );
    if let Some((promise, steps)) = &report.violation {
        steps.iter().for_each(|step| println!("  {step:?}"));
        panic!("{name}: {promise}");
    }
    // The kernel tells of every death and every removal; only without its
    // telling, and only behind a killed waker, does the clock have to help.
    if config.inotify || config.cli_kills == 0 {
        assert_eq!(report.need_recheck, 0, "{name}");
    }
    report
}

/// The larger instances take minutes: `IPC_MODEL=full`.
fn in_full() -> bool {
    std::env::var_os("IPC_MODEL").is_some_and(|asked| asked == "full")
}

#[test]
fn two_processes() {
    holds("2 processes", &PLAIN);
    holds("2 processes, old kernel", &OLD_KERNEL);
    let calm = Config {
        cli_kills: 0,
        rounds_of_heir: 1,
        ..PLAIN
    };
    holds("2 processes, the heir takes it too", &calm);
    let old = Config {
        meddles: true,
        uniques: false,
        inotify: false,
        ..calm
    };
    holds("2 processes, the heir takes it too, old kernel", &old);
    let long = Config {
        rounds: 3,
        meddles: true,
        cli_kills: 1,
        ..CALM
    };
    holds("2 processes, 3 rounds", &long);
}

#[test]
fn three_processes() {
    let three = Config {
        roles: THREE,
        ..CALM
    };
    holds(
        "3 processes, a kill",
        &Config {
            cli_kills: 1,
            ..three
        },
    );
    holds(
        "3 processes, an owner's death",
        &Config {
            owner_kills: 1,
            ..three
        },
    );
    if in_full() {
        holds(
            "3 processes, one fault of each kind, old kernel",
            &Config {
                roles: THREE,
                cli_kills: 1,
                ..OLD_KERNEL
            },
        );
        holds(
            "3 processes, one fault of each kind",
            &Config {
                roles: THREE,
                cli_kills: 1,
                ..PLAIN
            },
        );
    }
}

#[test]
fn two_slots() {
    holds("2 slots, 3 processes", &SLOTS);
    holds(
        "2 slots, 3 processes, an owner's death",
        &Config {
            owner_kills: 1,
            ..SLOTS
        },
    );
    let two = Config {
        roles: &[Role::Slot; 2],
        ..SLOTS
    };
    holds(
        "2 slots, 2 processes, kills",
        &Config {
            cli_kills: 1,
            owner_kills: 1,
            reuses: 1,
            ..two
        },
    );
    holds(
        "1 slot, 2 processes, kills",
        &Config {
            words: 1,
            cli_kills: 2,
            owner_kills: 1,
            reuses: 1,
            ..two
        },
    );
    if in_full() {
        holds(
            "2 slots, 3 processes, a kill",
            &Config {
                cli_kills: 1,
                ..SLOTS
            },
        );
    }
}

#[test]
fn readers_and_a_writer() {
    holds(
        "a reader, a writer, 2 kills",
        &Config {
            owner_kills: 0,
            reuses: 0,
            ..ONE_READER
        },
    );
    holds(
        "a reader, a writer, one fault of each kind",
        &Config {
            cli_kills: 1,
            ..ONE_READER
        },
    );
    holds("2 readers, a writer", &TWO_READERS);
    if in_full() {
        holds(
            "2 readers, a writer, a kill, old kernel",
            &Config {
                cli_kills: 1,
                inotify: false,
                uniques: false,
                ..TWO_READERS
            },
        );
        holds("a reader, a writer, all", &ONE_READER);
        holds(
            "2 readers, a writer, a kill",
            &Config {
                cli_kills: 1,
                ..TWO_READERS
            },
        );
        holds(
            "2 readers, a writer, an owner's death",
            &Config {
                owner_kills: 1,
                ..TWO_READERS
            },
        );
    }
}

#[test]
fn removal() {
    let one = Config {
        removal: true,
        reuses: 0,
        cli_kills: 1,
        ..PLAIN
    };
    holds("removal", &one);
    holds(
        "removal under a reader and a writer",
        &Config {
            roles: ONE_READER.roles,
            words: 2,
            owner_kills: 0,
            ..one
        },
    );
}
