//! What lives inside a mapping and is shared by its contents, not its name.

pub mod array;
pub mod barrier;
pub mod bell;
pub mod comparison;
pub mod element;
pub mod event;
pub mod judge;
pub mod lock;
pub mod npy;
pub mod owner;
pub mod page;
pub mod scalar;
pub mod select;
mod watch;
