//! How many may hold a lock.

use crate::error::{Error, ErrorKind, Result};

/// Most slots of one lock.
pub const MAX_SLOTS: u32 = 240;

/// How many may hold a lock, fixed when it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Geometry {
    /// One holder, or many readers.
    Plain,
    /// This many holders.
    Slots(u32),
}

impl Geometry {
    /// The geometry of that many slots; nothing else asked for is plain.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] outside of 1 to [`MAX_SLOTS`].
    pub fn of_slots(slots: Option<u32>) -> Result<Geometry> {
        match slots {
            None => Ok(Geometry::Plain),
            Some(count) if (1..=MAX_SLOTS).contains(&count) => Ok(Geometry::Slots(count)),
            Some(_) => Err(Error::new(
                ErrorKind::Usage,
                format!("a lock has 1 to {MAX_SLOTS} slots"),
            )),
        }
    }

    pub(super) fn number(self) -> u32 {
        match self {
            Geometry::Plain => 0,
            Geometry::Slots(count) => count,
        }
    }
}

impl std::fmt::Display for Geometry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Geometry::Plain => write!(f, "no slots"),
            Geometry::Slots(count) => write!(f, "{count} slots"),
        }
    }
}
