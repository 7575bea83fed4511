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

mod demo;
mod event;
mod examples;
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
mod lock_worlds;
mod mq;
mod readme;
mod sem;
mod sem_run;
mod shm;

/// A test file that nobody listed here would never run.
#[test]
fn every_file_is_in_the_list() {
    let source = include_str!("main.rs");
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let module = name.trim_end_matches(".rs");
        assert!(
            module == "main" || source.contains(&format!("mod {module};")),
            "{name} is not listed"
        );
    }
}
