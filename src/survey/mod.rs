//! The read-only view of the host: which objects there are.

pub mod conditions;
pub mod holdings;
pub mod pipes;
pub mod scan;
pub mod sockets;
pub mod traces;
pub mod users;
