//! Other processes: starting commands and trees of them, reaping what they leave, and
//! signals held back meanwhile.

pub mod arrival;
pub mod blocked;
pub mod fork_tree;
pub mod identity;
pub mod reaper;
pub mod spawn;
