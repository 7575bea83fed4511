//! What the model is worth: each promise is broken when the algorithm is.

use crate::explore::explore;
use crate::state::{Config, Mutant, Role};
use crate::{CALM, OLD_KERNEL, ONE_READER, PLAIN, SLOTS, THREE};

/// What is broken, where, and the promise that must be found broken.
const MUTANTS: &[(Mutant, Config, &str)] = &[
    (Mutant::NoWake, SILENT, "RE-CHECK"),
    (Mutant::SequenceStands, SILENT_SLOT, "RE-CHECK"),
    (
        Mutant::NoWatch,
        Config {
            owner_kills: 1,
            ..CALM
        },
        "RE-CHECK",
    ),
    (
        Mutant::HelperWakesOnce,
        Config {
            cli_kills: 1,
            inotify: true,
            ..SILENT_SLOT
        },
        "RE-CHECK",
    ),
    (
        Mutant::NoLookBeforeSleep,
        Config {
            cli_kills: 1,
            inotify: true,
            ..SILENT_SLOT
        },
        "RE-CHECK",
    ),
    (Mutant::NoRecheck, OLD_KERNEL, "STUCK"),
    (Mutant::StampStands, CALM, "STAMP"),
    (Mutant::StampPerWord, SLOTS, "TOKEN"),
    (Mutant::NoStartTime, OLD_KERNEL, "MINE"),
    (Mutant::MineByNumber, OLD_KERNEL, "MINE"),
    (Mutant::NoUniqueNumber, PLAIN, "MINE"),
    (Mutant::StoreInsteadOfSwap, CALM, "STAMP"),
    (
        Mutant::HelperStores,
        Config {
            owner_kills: 1,
            roles: THREE,
            ..CALM
        },
        "STAMP",
    ),
    (Mutant::LiveIsDead, CALM, "ROBBED"),
    (Mutant::ReleaseKeepsNumber, CALM, "RE-CHECK"),
    (Mutant::ReaderSkipsGate, ONE_READER, "MUTEX"),
    (
        Mutant::ReaderInOwnersName,
        Config {
            owner_kills: 0,
            reuses: 0,
            ..ONE_READER
        },
        "MUTEX",
    ),
    (Mutant::WriterSkipsReaders, ONE_READER, "MUTEX"),
    (Mutant::WriterLooksOnce, ONE_READER, "MUTEX"),
    (Mutant::PendingUnmarked, ONE_READER, "PENDING"),
    (Mutant::PendingForgetsAbandonment, PLAIN, "UNTOLD"),
];
/// Nothing tells of the end of a process but its wake.
const SILENT: Config = Config {
    inotify: false,
    ..CALM
};
const SILENT_SLOT: Config = Config {
    roles: &[Role::Slot; 2],
    words: 1,
    ..SILENT
};

#[test]
fn every_mutant_is_killed() {
    let mut survivors = Vec::new();
    for (mutant, base, expected) in MUTANTS {
        let config = Config {
            mutant: Some(*mutant),
            ..base.clone()
        };
        let report = explore(&config);
        let late = config.inotify || config.cli_kills == 0;
        let killed_by = match &report.violation {
            Some((promise, _)) => promise,
            None if late && report.need_recheck > 0 => "RE-CHECK",
            None => "nothing",
        };
        println!("{mutant:?}: {killed_by} after {} states", report.states);
        if killed_by != *expected {
            survivors.push((mutant, killed_by));
        }
    }
    assert!(
        survivors.is_empty(),
        "killed by something else than expected: {survivors:?}"
    );
}
