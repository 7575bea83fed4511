//! Other processes: which they are, their signals, starting commands.

pub mod arrival;
pub mod blocked;
pub mod identity;
pub mod mailbox;
pub mod selection;
pub mod signal;
pub mod spawn;
pub mod target;
