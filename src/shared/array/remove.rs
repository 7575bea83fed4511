//! Removing a value or array, and telling those who wait for it.

use super::refusal::missing;
use super::{Array, Family, info, path};
use crate::backing::{self, Access};
use crate::error::{Error, Result};
use crate::name::Name;

impl Array {
    /// Removes the name. Processes that have it open keep it, but waiters of
    /// this program end with [`crate::error::ErrorKind::Broken`].
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Missing`], [`crate::error::ErrorKind::Denied`], and [`crate::error::ErrorKind::Broken`]
    /// for what is of another family, or something else: it is left alone.
    pub fn unlink(name: &Name, family: Family) -> Result<()> {
        unlink(name, family)
    }
}

fn unlink(name: &Name, family: Family) -> Result<()> {
    let about = |error: Error| missing(error, family.word()).about(name);
    let file = backing::open(&path(name), Access::Read).map_err(about)?;
    info::require_family(&file, &[family])
        .map_err(|error| about(error).hint(info::removal_hint(&file)))?;
    // One that cannot be mapped has nobody waiting on it.
    let waited_on = Array::open_any(name, Access::Write)
        .or_else(|_| Array::open_any(name, Access::Read))
        .ok();
    backing::unlink(&path(name)).map_err(about)?;
    if let Some(removed) = waited_on {
        removed.announce();
    }
    Ok(())
}
