//! The read-only view of the host: which objects there are.

pub mod scan;
pub mod sockets;
pub mod users;
