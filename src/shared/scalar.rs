//! One element's contents: text, bits, and arithmetic.
//!
//! Everything here is pure: a cell is read as bits, changed here, and put back
//! by one compare-and-swap elsewhere.

use std::cmp::Ordering;
use std::fmt::LowerExp;

use serde::{Serialize, Serializer};

use crate::error::{Error, ErrorKind, Result};
use crate::escape::escaped;
use crate::payload::Payload;
use crate::shared::element::{Class, Element};

/// One element's contents, apart from where they lie.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// A whole number; wide enough for every type.
    Int(i128),
    /// A floating point number of 64 bits.
    Float(f64),
    /// A floating point number of 32 bits.
    Single(f32),
    /// Yes or no.
    Bool(bool),
    /// Bytes without their padding.
    Bytes(Vec<u8>),
}

/// Reading from text.
impl Element {
    /// Reads a value of this type from text.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] for text that is no such value or out of range.
    pub fn parse(self, text: &[u8]) -> Result<Scalar> {
        let refused = |why: &str| {
            Error::new(
                ErrorKind::Usage,
                format!("'{}' {why} {self}", escaped(text)),
            )
        };
        if self.class == Class::Bytes {
            if text.len() > self.width {
                return Err(refused("is too long for"));
            }
            return Ok(Scalar::Bytes(without_padding(text).to_vec()));
        }
        let word = std::str::from_utf8(text)
            .map_err(|_| refused("is no"))?
            .trim();
        match self.class {
            Class::Bool => match word {
                "true" | "True" | "1" => Ok(Scalar::Bool(true)),
                "false" | "False" | "0" => Ok(Scalar::Bool(false)),
                _ => Err(refused("is no")),
            },
            Class::Float => {
                let number: f64 = word.parse().map_err(|_| refused("is no"))?;
                let scalar = self.float(number);
                // Only what is written as infinite may be infinite.
                if scalar.is_infinite() && !word.to_ascii_lowercase().contains("inf") {
                    return Err(refused("is out of range for"));
                }
                Ok(scalar)
            }
            _ => {
                let number = whole_number(word).ok_or_else(|| refused("is no"))?;
                let (least, most) = self.range();
                if (least..=most).contains(&number) {
                    Ok(Scalar::Int(number))
                } else {
                    Err(refused("is out of range for"))
                }
            }
        }
    }

    /// Reads what is to be added: it may be negative whatever the type.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] for text that is no number, and for types that are none.
    pub fn parse_operand(self, text: &[u8]) -> Result<Scalar> {
        self.require_number()?;
        if self.class == Class::Float {
            return self.parse(text);
        }
        let word = std::str::from_utf8(text)
            .ok()
            .and_then(|word| whole_number(word.trim()));
        let number = word.filter(|number| i128::from(u64::MAX) >= number.abs());
        number.map(Scalar::Int).ok_or_else(|| {
            Error::new(
                ErrorKind::Usage,
                format!("'{}' is no whole number of 64 bits", escaped(text)),
            )
        })
    }

    /// Refuses types that cannot be added to or ordered as numbers.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] for bool and bytes.
    pub fn require_number(self) -> Result<()> {
        if self.is_number() {
            return Ok(());
        }
        let message = format!("{self} is no number: set, swap and cas work on it");
        Err(Error::new(ErrorKind::Usage, message))
    }

    fn float(self, number: f64) -> Scalar {
        if self.width == 4 {
            Scalar::Single(number as f32)
        } else {
            Scalar::Float(number)
        }
    }
}

/// Decimal, or hexadecimal, octal and binary as in C and Python.
fn whole_number(word: &str) -> Option<i128> {
    let (negative, digits) = match word.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, word.strip_prefix('+').unwrap_or(word)),
    };
    let (radix, digits) = match digits.get(..2) {
        Some("0x" | "0X") => (16, &digits[2..]),
        Some("0o" | "0O") => (8, &digits[2..]),
        Some("0b" | "0B") => (2, &digits[2..]),
        _ => (10, digits),
    };
    // A second sign would parse too.
    if !digits.starts_with(|c: char| c.is_ascii_hexdigit()) {
        return None;
    }
    let number = i128::from_str_radix(digits, radix).ok()?;
    Some(if negative { -number } else { number })
}

/// Bits and bytes.
impl Element {
    /// The bits of a value, for a cell of at most eight bytes.
    pub fn encode(self, scalar: &Scalar) -> u64 {
        match scalar {
            Scalar::Int(number) => *number as u64 & mask(self.bits()),
            Scalar::Float(number) => number.to_bits(),
            Scalar::Single(number) => u64::from(number.to_bits()),
            Scalar::Bool(yes) => u64::from(*yes),
            Scalar::Bytes(bytes) => {
                let mut cell = bytes.clone();
                cell.resize(self.width, 0);
                self.bits_of(&cell)
            }
        }
    }

    /// The value that the bits of a cell mean.
    pub fn decode(self, bits: u64) -> Scalar {
        match self.class {
            Class::Signed => {
                let unused = 64 - self.bits();
                Scalar::Int(i128::from((bits << unused).cast_signed() >> unused))
            }
            Class::Unsigned => Scalar::Int(i128::from(bits)),
            Class::Float if self.width == 4 => Scalar::Single(f32::from_bits(bits as u32)),
            Class::Float => Scalar::Float(f64::from_bits(bits)),
            // numpy takes any other byte for true as well.
            Class::Bool => Scalar::Bool(bits != 0),
            Class::Bytes => self.decode_bytes(&self.bytes_of(bits)),
        }
    }

    /// The value that bytes in memory order mean.
    pub fn decode_bytes(self, bytes: &[u8]) -> Scalar {
        if self.class == Class::Bytes {
            return Scalar::Bytes(without_padding(bytes).to_vec());
        }
        self.decode(self.bits_of(bytes))
    }

    /// The bytes of a value in memory order, padded to the width.
    pub fn encode_bytes(self, scalar: &Scalar) -> Vec<u8> {
        match scalar {
            Scalar::Bytes(bytes) => {
                let mut padded = bytes.clone();
                padded.resize(self.width, 0);
                padded
            }
            other => self.bytes_of(self.encode(other)),
        }
    }

    fn bytes_of(self, bits: u64) -> Vec<u8> {
        match self.width {
            1 => vec![bits as u8],
            2 => (bits as u16).to_ne_bytes().to_vec(),
            4 => (bits as u32).to_ne_bytes().to_vec(),
            _ => bits.to_ne_bytes().to_vec(),
        }
    }

    fn bits_of(self, bytes: &[u8]) -> u64 {
        match *bytes {
            [a] => u64::from(a),
            [a, b] => u64::from(u16::from_ne_bytes([a, b])),
            [a, b, c, d] => u64::from(u32::from_ne_bytes([a, b, c, d])),
            _ => u64::from_ne_bytes(std::array::from_fn(|i| bytes.get(i).copied().unwrap_or(0))),
        }
    }
}

/// Arithmetic.
impl Element {
    /// The sum, within the range of the type; `wrap` lets it go around.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`] (EOVERFLOW) when it does not fit, and
    /// [`ErrorKind::Usage`] for what is no number.
    pub fn sum(self, now: &Scalar, more: &Scalar, wrap: bool) -> Result<Scalar> {
        match (now, more) {
            (Scalar::Int(now), Scalar::Int(more)) => {
                let sum = now + more;
                let (least, most) = self.range();
                if (least..=most).contains(&sum) {
                    return Ok(Scalar::Int(sum));
                }
                if wrap {
                    return Ok(self.decode(sum as u64 & mask(self.bits())));
                }
                Err(overflow(&format!("{now} and {more} make {sum}"), self))
            }
            (Scalar::Float(a), Scalar::Float(b)) => self.finite(now, more, a + b, wrap),
            (Scalar::Single(a), Scalar::Single(b)) => {
                self.finite(now, more, f64::from(a + b), wrap)
            }
            _ => Err(self.require_number().err().unwrap_or_else(|| {
                Error::new(ErrorKind::Usage, format!("{self} takes numbers of its own"))
            })),
        }
    }

    /// A sum of floats, which may be infinite only if one of them was.
    fn finite(self, now: &Scalar, more: &Scalar, sum: f64, wrap: bool) -> Result<Scalar> {
        let escaped = sum.is_infinite() && !now.is_infinite() && !more.is_infinite();
        if escaped && !wrap {
            let sum = format!("{} and {} are too much", now.shown(), more.shown());
            return Err(overflow(&sum, self));
        }
        Ok(self.float(sum))
    }
}

impl Scalar {
    /// How two values of one type compare; nothing for NaN.
    pub fn compare(&self, other: &Scalar) -> Option<Ordering> {
        match (self, other) {
            (Scalar::Int(a), Scalar::Int(b)) => Some(a.cmp(b)),
            (Scalar::Float(a), Scalar::Float(b)) => a.partial_cmp(b),
            (Scalar::Single(a), Scalar::Single(b)) => a.partial_cmp(b),
            (Scalar::Bool(a), Scalar::Bool(b)) => Some(a.cmp(b)),
            (Scalar::Bytes(a), Scalar::Bytes(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }

    /// Whether two values look alike: equal, or both NaN.
    pub fn is_same(&self, other: &Scalar) -> bool {
        self == other || (self.is_nan() && other.is_nan())
    }

    /// Whether it is not a number, which no comparison finds.
    pub fn is_nan(&self) -> bool {
        match self {
            Scalar::Float(number) => number.is_nan(),
            Scalar::Single(number) => number.is_nan(),
            _ => false,
        }
    }

    fn is_infinite(&self) -> bool {
        match self {
            Scalar::Float(number) => number.is_infinite(),
            Scalar::Single(number) => number.is_infinite(),
            _ => false,
        }
    }

    /// The value as text: as many digits as tell it apart.
    pub fn text(&self) -> Vec<u8> {
        match self {
            Scalar::Int(number) => number.to_string().into_bytes(),
            Scalar::Float(number) => shortest(format!("{number:?}"), number),
            Scalar::Single(number) => shortest(format!("{number:?}"), number),
            Scalar::Bool(yes) => yes.to_string().into_bytes(),
            Scalar::Bytes(bytes) => bytes.clone(),
        }
    }

    /// The text, fit for an error message.
    pub fn shown(&self) -> String {
        escaped(&self.text())
    }
}

/// Rust writes 5.0, and an exponent where it is shorter; the point is left out.
fn shortest(debug: String, number: &impl LowerExp) -> Vec<u8> {
    let exponent = format!("{number:e}");
    let whole = debug.strip_suffix(".0").unwrap_or(&debug);
    let text = if debug.contains('e') {
        &exponent
    } else {
        whole
    };
    text.as_bytes().to_vec()
}

/// A JSON number, as exact as it is; NaN and the infinities are strings.
impl Serialize for Scalar {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let float = |number: f64, text: Vec<u8>, serializer: S| {
            let text = String::from_utf8_lossy(&text).into_owned();
            match text.parse() {
                // The shortest text of 32 bits, read as 64, shows no false digits.
                Ok(shortest) if number.is_finite() => serializer.serialize_f64(shortest),
                _ => serializer.serialize_str(&text),
            }
        };
        match self {
            Scalar::Int(number) => match i64::try_from(*number) {
                Ok(number) => serializer.serialize_i64(number),
                Err(_) => serializer.serialize_u64(*number as u64),
            },
            Scalar::Float(number) => float(*number, self.text(), serializer),
            Scalar::Single(number) => float(f64::from(*number), self.text(), serializer),
            Scalar::Bool(yes) => serializer.serialize_bool(*yes),
            Scalar::Bytes(bytes) => Payload::new(bytes).serialize(serializer),
        }
    }
}

fn without_padding(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| *byte != 0);
    &bytes[..end.map_or(0, |last| last + 1)]
}

fn mask(bits: u32) -> u64 {
    if bits >= 64 {
        u64::MAX
    } else {
        (1 << bits) - 1
    }
}

fn overflow(sum: &str, element: Element) -> Error {
    Error::os(nix::errno::Errno::EOVERFLOW)
        .saying(format!("{sum}, which {element} cannot hold"))
        .hint("--wrap lets it go around")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(name: &str) -> Element {
        name.parse().unwrap()
    }

    fn shown(name: &str, text: &str) -> String {
        element(name).parse(text.as_bytes()).unwrap().shown()
    }

    #[test]
    fn bits_go_there_and_back() {
        for (name, text) in [
            ("int8", "-128"),
            ("int64", "-9223372036854775808"),
            ("uint64", "18446744073709551615"),
            ("float32", "0.1"),
            ("float64", "-1e300"),
            ("float64", "NaN"),
            ("float32", "-inf"),
            ("float64", "-0"),
            ("bool", "true"),
            ("bytes1", "a"),
            ("bytes4", "abc"),
            ("bytes8", "abcdefgh"),
        ] {
            let element = element(name);
            let scalar = element.parse(text.as_bytes()).unwrap();
            let bits = element.encode(&scalar);
            assert!(element.decode(bits).is_same(&scalar), "{name} {text}");
            assert_eq!(scalar.shown(), text, "{name}");
            let bytes = element.encode_bytes(&scalar);
            assert!(element.decode_bytes(&bytes).is_same(&scalar), "{name}");
        }
    }

    #[test]
    fn floats_are_as_short_as_they_can_be() {
        for (name, text, short) in [
            ("float64", "5.0", "5"),
            ("float64", "0.1", "0.1"),
            ("float32", "0.1", "0.1"),
            ("float64", "1e300", "1e300"),
            ("float64", "1.5e-7", "1.5e-7"),
            ("float64", "123456789", "123456789"),
            ("float64", "inf", "inf"),
        ] {
            assert_eq!(shown(name, text), short);
        }
    }

    fn sum(name: &str, now: &str, more: &str, wrap: bool) -> Result<String> {
        let element = element(name);
        let now = element.parse(now.as_bytes()).unwrap();
        let more = element.parse_operand(more.as_bytes())?;
        element.sum(&now, &more, wrap).map(|sum| sum.shown())
    }

    #[test]
    fn sums_are_checked_unless_they_may_wrap() {
        for (name, now, more, checked, wrapped) in [
            ("uint8", "250", "5", Some("255"), "255"),
            ("uint8", "250", "6", None, "0"),
            ("uint8", "3", "-3", Some("0"), "0"),
            ("uint8", "3", "-4", None, "255"),
            ("int8", "127", "1", None, "-128"),
            (
                "int64",
                "9223372036854775807",
                "1",
                None,
                "-9223372036854775808",
            ),
            (
                "uint64",
                "18446744073709551615",
                "18446744073709551615",
                None,
                "18446744073709551614",
            ),
            (
                "uint64",
                "18446744073709551615",
                "-18446744073709551615",
                Some("0"),
                "0",
            ),
            ("float32", "3e38", "3e38", None, "inf"),
            ("float64", "inf", "1", Some("inf"), "inf"),
            ("float64", "inf", "-inf", Some("NaN"), "NaN"),
            ("float32", "0.1", "0.2", Some("0.3"), "0.3"),
        ] {
            let shown = sum(name, now, more, false);
            assert_eq!(shown.ok().as_deref(), checked, "{name} {now} {more}");
            assert_eq!(sum(name, now, more, true).unwrap(), wrapped);
        }
        for name in ["bool", "bytes4"] {
            assert!(sum(name, "1", "1", false).is_err());
        }
    }

    #[test]
    fn text_out_of_range_or_of_another_kind_is_refused() {
        for (name, text) in [
            ("int8", "128"),
            ("uint8", "-1"),
            ("int8", "1.5"),
            ("bool", "yes"),
            ("bytes2", "abc"),
            ("int64", "0x"),
            ("int64", "0x-5"),
            ("int64", "--1"),
            ("int64", ""),
            ("int64", "+"),
            ("int64", "9223372036854775808"),
            ("float32", "1e39"),
            ("float64", "1e999"),
            ("float64", "1,5"),
        ] {
            assert!(
                element(name).parse(text.as_bytes()).is_err(),
                "{name} {text}"
            );
        }
        assert_eq!(element("int64").parse(b"0xff").unwrap(), Scalar::Int(255));
        assert_eq!(element("int64").parse(b"-0b11").unwrap(), Scalar::Int(-3));
    }

    #[test]
    fn a_number_that_is_none_compares_with_nothing_but_looks_like_itself() {
        let (nan, one) = (Scalar::Float(f64::NAN), Scalar::Float(1.0));
        assert_eq!(nan.compare(&nan), None);
        assert!(nan.is_same(&nan) && !nan.is_same(&one));
        assert!(Scalar::Float(0.0).is_same(&Scalar::Float(-0.0)));
        // Rounded to its type before it is compared.
        let tenth = element("float32").parse(b"0.1").unwrap();
        let cell = element("float32").encode(&tenth);
        assert_eq!(element("float32").decode(cell), tenth);
    }

    #[test]
    fn any_byte_but_zero_is_true() {
        for bits in 1..=255 {
            assert_eq!(element("bool").decode(bits), Scalar::Bool(true));
        }
    }

    #[test]
    fn numbers_are_numbers_in_json() {
        for (name, text, json) in [
            ("uint64", "18446744073709551615", "18446744073709551615"),
            ("int64", "-9223372036854775808", "-9223372036854775808"),
            ("float32", "0.1", "0.1"),
            ("float64", "NaN", "\"NaN\""),
            ("float64", "-inf", "\"-inf\""),
            ("bool", "1", "true"),
            ("bytes4", "ab", r#"{"encoding":"utf-8","data":"ab"}"#),
        ] {
            let scalar = element(name).parse(text.as_bytes()).unwrap();
            let value = serde_json::to_value(scalar).unwrap();
            assert_eq!(value.to_string(), json);
        }
    }
}
