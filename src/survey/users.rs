//! Which processes have a file open.

use crate::process::identity;

/// The processes that have this file open, by number, without this one.
///
/// Those of other users are seen by root only.
pub fn of_file(device: u64, inode: u64) -> Vec<i32> {
    let this = std::process::id().cast_signed();
    let mut pids = identity::all();
    pids.retain(|pid| *pid != this && identity::has_open(*pid, device, inode));
    pids
}
