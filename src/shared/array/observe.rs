//! Having a bell rung by those who write.

use std::sync::Arc;

use super::Array;
use crate::error::Result;
use crate::shared::bell::Bell;

impl Array {
    /// Has a bell ring when one of ours writes; says whether that can be, since
    /// a file of another program has no place to say so.
    ///
    /// # Errors
    /// When the system has no room for a thread.
    pub fn ring(self: &Arc<Array>, bell: &Bell) -> Result<bool> {
        let Some(mut seen) = self.generation() else {
            return Ok(false);
        };
        let array = Arc::clone(self);
        bell.hang(move |until| {
            let Some(trailer) = array.trailer() else {
                return false;
            };
            // One that was cut would not let anybody sleep.
            let slept = trailer.sleep(seen, Some(until));
            seen = trailer.generation();
            slept.is_ok()
        })?;
        Ok(true)
    }
}
