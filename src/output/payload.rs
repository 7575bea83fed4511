//! Payloads in JSON: text as it is, other bytes in base64, and which of both.

use std::io::Write;

use data_encoding::BASE64;
use serde::Serialize;
use serde_json::ser::Formatter;

use crate::escape::acts_on_a_terminal;

/// Bytes as two fields of a JSON object: `data`, and its `encoding`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Payload {
    /// `utf-8` or `base64`.
    pub encoding: &'static str,
    /// The bytes in that encoding.
    pub data: String,
}

impl Payload {
    /// The JSON form of bytes.
    pub fn new(bytes: &[u8]) -> Payload {
        match std::str::from_utf8(bytes) {
            Ok(text) => Payload {
                encoding: "utf-8",
                data: text.to_owned(),
            },
            Err(_) => Payload {
                encoding: "base64",
                data: BASE64.encode(bytes),
            },
        }
    }
}

/// One JSON document and a line end, harmless on a terminal.
pub fn json_line(document: &impl Serialize) -> Vec<u8> {
    let mut line = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut line, Harmless);
    // Our documents are structs of strings and numbers, which always have a form.
    let _ = document.serialize(&mut serializer);
    line.push(b'\n');
    line
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
    fn only_what_is_not_text_is_encoded() {
        assert_eq!(Payload::new("größe".as_bytes()).data, "größe");
        assert_eq!(Payload::new(b"").encoding, "utf-8");
        let binary = Payload::new(b"\xff\x00");
        assert_eq!((binary.encoding, binary.data.as_str()), ("base64", "/wA="));
    }

    #[test]
    fn json_is_harmless_on_a_terminal_and_means_the_same() {
        let text = "a\u{1b}\u{7f}\u{9b}\u{202e}ö漢\"";
        let line = json_line(&text);
        let shown = "\"a\\u001b\\u007f\\u009b\\u202eö漢\\\"\"\n";
        assert_eq!(String::from_utf8(line.clone()).unwrap(), shown);
        assert_eq!(serde_json::from_slice::<String>(&line).unwrap(), text);
    }
}
