//! Drives the real binary in processes of its own, a file per noun.
#![allow(
    missing_docs,
    dead_code,
    unreachable_pub,
    unsafe_code,
    clippy::multiple_unsafe_ops_per_block,
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::allow_attributes,
    reason = "a test may panic and say why"
)]

mod sandbox;
mod shell;
mod shortage;

mod array;
mod array_damage;
mod barrier;
mod barrier_crash;
mod demo;
mod event;
mod examples;
mod fork_tree;
mod fork_tree_ends;
mod grammar;
mod kill;
mod kill_cgroup;
mod kill_explain;
mod kill_targets;
mod kill_tree;
mod kill_wait;
mod listing;
mod lock;
mod lock_crash;
mod lock_faults;
mod lock_nested;
mod lock_pages;
mod lock_peers;
mod lock_run;
mod lock_shared;
mod lock_shells;
mod lock_show;
mod lock_stamps;
mod lock_wait;
mod lock_worlds;
mod man;
mod mq;
mod names;
mod namespaces;
mod npyz;
mod numpy;
mod once;
mod output;
mod pipe;
mod proc;
mod proc_answers;
mod proc_limits;
mod proc_listing;
mod proc_logs;
mod proc_restarts;
mod proc_stops;
mod proc_ties;
mod proc_worlds;
mod progress;
mod python;
mod readme;
mod replace;
mod sem;
mod sem_collect;
mod sem_crash;
mod sem_damage;
mod sem_list;
mod sem_refusal;
mod sem_run;
mod sem_wait;
mod shm;
mod shm_create;
mod shm_faults;
mod shm_owners;
mod shm_python;
mod shm_read;
mod shm_space;
mod shm_write;
mod signal;
mod sock;
mod terminal;
mod tree;
mod value;
mod value_listing;
mod value_races;
mod value_writers;
mod wait;
mod wait_objects;
mod words;
mod zombies;
mod zombies_inject;
mod zombies_refused;
mod zombies_run;
mod zombies_signals;

/// A test file that nobody listed would never run.
#[test]
fn every_file_is_in_the_list() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli");
    check_list(&folder, "main.rs");
}

/// Checks that a file lists the others of its folder, and theirs likewise.
fn check_list(folder: &std::path::Path, list: &str) {
    let source = std::fs::read_to_string(folder.join(list)).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let module = name.trim_end_matches(".rs");
        assert!(
            name == list || source.contains(&format!("mod {module};")),
            "{name} is not listed in {list}"
        );
        if entry.file_type().unwrap().is_dir() {
            check_list(&entry.path(), "mod.rs");
        }
    }
}
