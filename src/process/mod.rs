//! Other processes: starting commands, and signals held back meanwhile.

pub mod arrival;
pub mod blocked;
pub mod identity;
pub mod spawn;
