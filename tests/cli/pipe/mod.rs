//! `ipc pipe`: FIFOs between processes, and pipelines.

use std::path::PathBuf;

use crate::sandbox::{Running, Sandbox};

mod amounts;
mod bulk;
mod crash;
mod duplex;
mod ends;
mod refusals;
mod run;
mod run_ends;
mod shown;

/// Where a FIFO lies for other programs.
pub fn path(sb: &Sandbox, name: &str) -> PathBuf {
    sb.folder()
        .join("run")
        .join(format!("pipe.{}", sb.full(name)))
}

/// Makes a FIFO and says where it lies.
pub fn made(sb: &Sandbox, name: &str) -> PathBuf {
    sb.ipc(["-q", "pipe", "create", name]).run().ok();
    path(sb, name)
}

/// Waits until a process sleeps in open(2) of the other end.
#[track_caller]
pub fn waits_for_a_partner(running: &Running) {
    running.blocked_in(&[libc::SYS_openat, libc::SYS_open]);
}

/// A process that has both ends open, until its input is closed. No fork of
/// this one has them, so that those who have can be counted.
pub fn keeper(sb: &Sandbox, path: &std::path::Path) -> (Running, std::process::ChildStdin) {
    let script = format!("exec 3<>'{}'; echo held; exec cat", path.display());
    let (mut keeper, input) = sb.sh(&script).start_with_input();
    assert_eq!(keeper.line(), "held");
    (keeper, input)
}

/// Keeps both ends open, as a shell does with exec 3<>PATH.
pub fn held(path: &std::path::Path) -> std::fs::File {
    let mut options = std::fs::OpenOptions::new();
    options.read(true).write(true).open(path).unwrap()
}
