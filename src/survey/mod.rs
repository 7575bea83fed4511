//! The read-only view of the host: which objects there are.

pub mod pipes;
pub mod scan;
pub mod users;
