//! JSON on lines, and the payloads in it.

use std::io::Write;

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::Formatter;

use crate::escape::acts_on_a_terminal;

pub use crate::payload::{Payload, bytes_of};

/// One JSON document and a line end, harmless on a terminal.
pub fn json_line(document: &impl Serialize) -> Vec<u8> {
    let mut line = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut line, Harmless);
    // Our documents are structs of strings and numbers, which always have a form.
    let _ = document.serialize(&mut serializer);
    line.push(b'\n');
    line
}

/// A JSON object with the entries of another one at its end.
pub fn with_entries(mut document: Value, more: &impl Serialize) -> Value {
    let more = serde_json::to_value(more);
    if let (Some(entries), Ok(Value::Object(more))) = (document.as_object_mut(), more) {
        entries.extend(more);
    }
    document
}

/// JSON asks for escapes of C0 controls alone; this also escapes DEL, C1 and
/// what turns the direction of text. The meaning is the same.
struct Harmless;

impl Formatter for Harmless {
    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> std::io::Result<()>
    where
        W: ?Sized + Write,
    {
        let mut rest = fragment;
        while let Some(at) = rest.find(acts_on_a_terminal) {
            let (plain, tail) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let mut left = tail.chars();
            if let Some(c) = left.next() {
                write!(writer, "\\u{:04x}", c as u32)?;
            }
            rest = left.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_harmless_on_a_terminal_and_means_the_same() {
        let text = "a\u{1b}\u{7f}\u{9b}\u{202e}ö漢\"";
        let line = json_line(&text);
        let shown = "\"a\\u001b\\u007f\\u009b\\u202eö漢\\\"\"\n";
        assert_eq!(String::from_utf8(line.clone()).unwrap(), shown);
        assert_eq!(serde_json::from_slice::<String>(&line).unwrap(), text);
    }
}
