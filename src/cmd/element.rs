//! What the nouns of typed memory share: types, operands and how they look.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use clap::builder::{OsStringValueParser, TypedValueParser};

use super::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escaped;
use crate::exit::Exit;
use crate::shared::array::{Array, Family};
use crate::shared::element::{Element, is_ambiguous};
use crate::shared::scalar::Scalar;

/// The help of an argument that names a type.
pub(crate) const TYPES: &str = "\
Type: int8 to int64, uint8 to uint64, float32, float64, bool, or bytesN

Short names are i8 to i64, u8 to u64, f32 and f64; codes of numpy such as i4, <i8,
f8, ? and S16 mean what they mean there, but bare i8 and u8 are 8 bits here and 64
bits to numpy. bytesN holds up to N bytes, 1048576 at most, and is padded with NUL.

Whole numbers may be written as 16, 0x10, 0o20 or 0b10000, with a sign before them.";

/// The type of something new, as it was written.
#[derive(Debug, Clone)]
pub(crate) struct NewType {
    pub(crate) element: Element,
    ambiguous: Option<String>,
}

impl std::str::FromStr for NewType {
    type Err = Error;

    fn from_str(name: &str) -> Result<NewType> {
        Ok(NewType {
            element: name.parse()?,
            ambiguous: is_ambiguous(name).then(|| name.to_owned()),
        })
    }
}

impl NewType {
    /// Says what a name means that means something else to numpy.
    pub(crate) fn explain(&self, context: &Context) {
        if let Some(name) = &self.ambiguous {
            let (element, class) = (self.element, name.trim_end_matches('8'));
            let wide = if class == "i" { "int64" } else { "uint64" };
            context.remark(format_args!(
                "{name} is {element} here, 8 bits; numpy's {name} is {wide}"
            ));
        }
    }
}

/// Adds what to type next when there is no such object.
pub(crate) fn hinted(error: Error, family: Family) -> Error {
    match (error.kind(), family) {
        (ErrorKind::Missing, Family::Value) => error.hint("ipc value create NAME TYPE INITIAL"),
        (ErrorKind::Missing, Family::Array) => error.hint("ipc array create NAME TYPE LENGTH"),
        _ => error,
    }
}

/// Prints one element on a line of its own.
pub(crate) fn print(context: &mut Context, scalar: &Scalar) -> Result<()> {
    print_before(context, scalar, b'\n')
}

/// Prints one element and what parts it from the next.
pub(crate) fn print_before(context: &mut Context, scalar: &Scalar, separator: u8) -> Result<()> {
    let mut line = scalar.text();
    line.push(separator);
    match scalar {
        Scalar::Bytes(_) => context.out.bytes(&line),
        // Nothing in a number acts on a terminal: no need to ask whether it is one.
        _ => context.out.stdout().write(&line),
    }
}

/// The bytes of an element in memory, as they are.
pub(crate) fn print_raw(context: &mut Context, array: &Array, scalar: &Scalar) -> Result<()> {
    let bytes = array.header().element.encode_bytes(scalar);
    context.out.stdout().write(&bytes)
}

/// Busy under --try is an answer, not a failure.
pub(crate) fn answered(result: Result<()>) -> Result<Exit> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Exit::No),
        result => result.map(|()| Exit::Done),
    }
}

/// Splits text into elements: by lines for bytes, by blanks for the rest.
pub(crate) fn elements(element: Element, text: &[u8]) -> Box<dyn Iterator<Item = &[u8]> + '_> {
    if element.is_text() {
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let none = text.is_empty();
        let lines = text.split(|byte| *byte == b'\n').filter(move |_| !none);
        return Box::new(lines);
    }
    let words = text.split(u8::is_ascii_whitespace);
    Box::new(words.filter(|word| !word.is_empty()))
}

/// Negative numbers of every form, and slices from the end, where clap would
/// see options: it lets -5 pass, but neither -inf nor -.5 nor -1e-3.
///
/// Such words get a mark in front, which [`operand`] takes off again.
pub(crate) fn shielded(words: &[OsString]) -> Vec<OsString> {
    let shield = |word: &OsString| {
        if is_negative(word.as_bytes()) || word.as_bytes().first() == Some(&MARK) {
            OsString::from_vec([&[MARK], word.as_bytes()].concat())
        } else {
            word.clone()
        }
    };
    words.iter().map(shield).collect()
}

const MARK: u8 = 1;

fn is_negative(word: &[u8]) -> bool {
    let Some(rest) = word.strip_prefix(b"-") else {
        return false;
    };
    match rest.first() {
        Some(first) if first.is_ascii_digit() || matches!(first, b'.' | b':') => true,
        _ => [&b"inf"[..], b"infinity", b"nan"]
            .iter()
            .any(|name| rest.eq_ignore_ascii_case(name)),
    }
}

/// Parses an argument of a verb whose words are [`shielded`].
pub(crate) fn operand() -> impl TypedValueParser<Value = OsString> {
    OsStringValueParser::new().map(|word| match word.as_bytes().strip_prefix(&[MARK]) {
        Some(rest) => OsStr::from_bytes(rest).to_owned(),
        None => word,
    })
}

/// Reads `3`, `2x3` or `2,3`.
pub(crate) fn parse_shape(word: &OsStr) -> Result<Vec<usize>> {
    let text = word.to_string_lossy();
    let refused = || {
        let message = format!(
            "'{}' is no length: write 3, or 2x3 for two dimensions",
            escaped(word.as_bytes())
        );
        Error::new(ErrorKind::Usage, message)
    };
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    text.split([',', 'x'])
        .map(|part| {
            let digits = Some(part).filter(|part| plain(part)).ok_or_else(refused)?;
            // Digits that are no number are too many of them.
            digits.parse().map_err(|_| {
                Error::os(nix::errno::Errno::EFBIG).saying("an array has at most 63 bits of size")
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_and_slices_are_shielded() {
        for word in ["-1", "-.5", "-inf", "-NaN", "-1e-3", "-2:", "-0x10"] {
            let marked = shielded(&[OsString::from(word)]);
            assert_eq!(marked[0].as_bytes()[0], MARK, "{word}");
        }
        for word in ["-t", "--old", "-", "--", "5", "-info"] {
            assert_eq!(shielded(&[OsString::from(word)]), [word], "{word}");
        }
    }

    #[test]
    fn shapes_as_people_write_them() {
        let parse_shape = |text: &str| parse_shape(OsStr::new(text));
        assert_eq!(parse_shape("3").unwrap(), [3]);
        assert_eq!(parse_shape("2x3").unwrap(), [2, 3]);
        assert_eq!(parse_shape("2,3,4").unwrap(), [2, 3, 4]);
        for text in ["", "x", "2x", "-1", "+1", "2 3", "1.5"] {
            assert!(parse_shape(text).is_err(), "{text}");
        }
        let huge = parse_shape("99999999999999999999999").unwrap_err();
        assert_eq!(huge.kind(), ErrorKind::Limit);
    }

    #[test]
    fn text_is_split_by_blanks_or_lines() {
        let split = |name: &str, text: &'static str| -> Vec<&[u8]> {
            elements(name.parse().unwrap(), text.as_bytes()).collect()
        };
        assert_eq!(split("int8", " 1 2\n\n3\n"), [b"1", b"2", b"3"]);
        assert_eq!(split("bytes9", "a b\n\nc\n"), [&b"a b"[..], b"", b"c"]);
        assert_eq!(split("bytes9", ""), [b""; 0]);
    }
}
