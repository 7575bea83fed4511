//! What lives inside a mapping and is shared by its contents, not its name.

pub mod array;
pub mod element;
pub mod judge;
pub mod npy;
pub mod owner;
pub mod scalar;
pub mod select;
