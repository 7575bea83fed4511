//! JSON on lines, and the payloads in it.

use serde::Serialize;

pub use crate::payload::Payload;

/// One JSON document and a line end.
pub fn json_line(document: &impl Serialize) -> Vec<u8> {
    // Our documents are structs of strings and numbers, which always have a form.
    let mut line = serde_json::to_vec(document).unwrap_or_default();
    line.push(b'\n');
    line
}
