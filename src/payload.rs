//! Payloads in JSON: text as it is, other bytes in base64, and which of both.

use data_encoding::BASE64;
use serde::Serialize;
use serde_json::Value;

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

/// The bytes of a payload in a document; nothing for what is no payload.
pub fn bytes_of(value: &Value) -> Option<Vec<u8>> {
    let data = value.get("data")?.as_str()?;
    match value.get("encoding")?.as_str()? {
        "utf-8" => Some(data.as_bytes().to_vec()),
        "base64" => BASE64.decode(data.as_bytes()).ok(),
        _ => None,
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
    fn a_document_gives_the_bytes_back() {
        for bytes in [&b"text"[..], b"\xff\x00", b""] {
            let document = serde_json::to_value(Payload::new(bytes)).unwrap();
            assert_eq!(bytes_of(&document).as_deref(), Some(bytes));
        }
        assert_eq!(bytes_of(&serde_json::json!({"data": 1})), None);
    }
}
