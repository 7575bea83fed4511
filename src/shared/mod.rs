//! What lives inside a mapping and is shared by its contents, not its name.

pub mod element;
pub mod npy;
pub mod owner;
