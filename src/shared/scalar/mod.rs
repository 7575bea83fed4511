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
                let refused = refused("is too long for");
                let is_line = text
                    .strip_suffix(b"\n")
                    .is_some_and(|line| line.len() <= self.width);
                return Err(match is_line {
                    true => refused.hint("without its line end it fits: --lines takes that off"),
                    false => refused,
                });
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
mod tests;
