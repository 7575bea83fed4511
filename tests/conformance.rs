//! Other programs on the other side: glibc's own semaphores, and Python's.
//!
//! glibc is called in threads and forked children of this program; `ipc` runs
//! in processes of its own. Where a test checks an assertion of the Open POSIX
//! Test Suite, its name begins with the interface and the number there.
#![cfg(target_env = "gnu")]
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

#[path = "cli/sandbox/mod.rs"]
mod sandbox;

#[path = "conformance/glibc.rs"]
mod glibc;
#[path = "conformance/mixed.rs"]
mod mixed;
#[path = "conformance/open.rs"]
mod open;
#[path = "conformance/python.rs"]
mod python;
#[path = "conformance/wait.rs"]
mod wait;
