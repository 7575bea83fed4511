//! The read-only view of the host: which objects there are.

pub mod accounts;
pub mod scan;
pub mod users;
