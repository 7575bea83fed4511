//! Other processes: which they are, their signals, starting commands and trees
//! of them, and reaping what they leave.

pub mod arrival;
pub mod blocked;
pub mod ending;
pub mod fork_tree;
pub mod identity;
pub mod init;
pub mod mailbox;
pub mod pipeline;
pub mod reaper;
pub mod selection;
pub mod serve;
pub mod signal;
pub mod spawn;
pub mod store;
pub mod supervise;
pub mod target;
mod watched;
pub mod zombies;
