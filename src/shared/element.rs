//! The types of values and array elements, and arithmetic on their bits.
//!
//! Everything here is pure: a cell is read as bits, changed here, and put back
//! by one compare-and-swap elsewhere.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, ErrorKind, Result};
use crate::escape::escaped;

/// What the bits of an element mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A whole number with a sign.
    Signed,
    /// A whole number without a sign.
    Unsigned,
    /// An IEEE 754 number of 32 or 64 bits.
    Float,
    /// Zero or one, in a byte.
    Bool,
    /// Bytes, padded with NUL.
    Bytes,
}

/// The type of an element: what its bits mean, and how many bytes it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element {
    /// What the bits mean.
    pub class: Class,
    /// Bytes of one element.
    pub width: usize,
}

/// Longest text of a `bytesN` element.
pub const MAX_BYTES: usize = 1 << 20;

impl Element {
    /// The type as numpy writes it in a header: `<i8`, `|b1`, `|S16`.
    pub fn descr(self) -> String {
        let letter = match self.class {
            Class::Signed => 'i',
            Class::Unsigned => 'u',
            Class::Float => 'f',
            Class::Bool => 'b',
            Class::Bytes => 'S',
        };
        let order = match self.width {
            _ if self.class == Class::Bytes => '|',
            1 => '|',
            _ if cfg!(target_endian = "big") => '>',
            _ => '<',
        };
        format!("{order}{letter}{}", self.width)
    }

    /// Reads a type as numpy writes it in a header.
    ///
    /// # Errors
    /// [`ErrorKind::Broken`] with the reason, for what is not supported.
    pub fn from_descr(descr: &str) -> Result<Element> {
        let refused = |why: &str| {
            Err(Error::new(
                ErrorKind::Broken,
                format!("type '{}' {why}", escaped(descr.as_bytes())),
            ))
        };
        let foreign = if cfg!(target_endian = "big") {
            '<'
        } else {
            '>'
        };
        let (order, code) = match descr.chars().next() {
            Some(order @ ('<' | '>' | '|' | '=')) => (order, &descr[1..]),
            _ => ('=', descr),
        };
        let Some(element) = Element::from_code(code) else {
            return refused("is not supported");
        };
        if order == foreign && element.width > 1 && element.class != Class::Bytes {
            return refused("has the byte order of other machines");
        }
        Ok(element)
    }

    /// Reads numpy's letter and width: `i8` is 64 bits here.
    fn from_code(code: &str) -> Option<Element> {
        if code == "?" {
            return Some(Element {
                class: Class::Bool,
                width: 1,
            });
        }
        let class = match code.chars().next()? {
            'i' => Class::Signed,
            'u' => Class::Unsigned,
            'f' => Class::Float,
            'b' => Class::Bool,
            'S' => Class::Bytes,
            _ => return None,
        };
        let width: usize = code[1..].parse().ok()?;
        let fits = match class {
            Class::Signed | Class::Unsigned => [1, 2, 4, 8].contains(&width),
            Class::Float => [4, 8].contains(&width),
            Class::Bool => width == 1,
            Class::Bytes => (1..=MAX_BYTES).contains(&width),
        };
        fits.then_some(Element { class, width })
    }

    /// Whether an element can be changed by one atomic operation.
    pub fn is_atomic(self) -> bool {
        matches!(self.width, 1 | 2 | 4 | 8)
    }

    /// Whether it can be added to and compared as a number.
    pub fn is_number(self) -> bool {
        !matches!(self.class, Class::Bool | Class::Bytes)
    }

    fn bits(self) -> u32 {
        self.width as u32 * 8
    }

    fn range(self) -> (i128, i128) {
        match self.class {
            Class::Signed => (-(1 << (self.bits() - 1)), (1 << (self.bits() - 1)) - 1),
            _ => (0, (1 << self.bits()) - 1),
        }
    }
}

/// Whether a type name means 8 bits here and 64 bits to numpy.
pub fn is_ambiguous(name: &str) -> bool {
    name == "i8" || name == "u8"
}

/// Reads a type as people write it: `int64`, `i64`, `<i8`, `float32`, `bytes16`.
///
/// Bare `i8` and `u8` are 8 bits, though numpy means 64 by them.
impl FromStr for Element {
    type Err = Error;

    fn from_str(name: &str) -> Result<Element> {
        let named = |class, width| Some(Element { class, width });
        let found = match name {
            "int8" | "i8" | "i1" => named(Class::Signed, 1),
            "int16" | "i16" => named(Class::Signed, 2),
            "int32" | "i32" => named(Class::Signed, 4),
            "int64" | "i64" => named(Class::Signed, 8),
            "uint8" | "u8" | "u1" => named(Class::Unsigned, 1),
            "uint16" | "u16" => named(Class::Unsigned, 2),
            "uint32" | "u32" => named(Class::Unsigned, 4),
            "uint64" | "u64" => named(Class::Unsigned, 8),
            "float32" | "f32" => named(Class::Float, 4),
            "float64" | "f64" => named(Class::Float, 8),
            "bool" => named(Class::Bool, 1),
            other => match other.strip_prefix("bytes") {
                Some(width) => Element::from_code(&format!("S{width}")),
                None => Element::from_descr(other).ok(),
            },
        };
        found.ok_or_else(|| {
            Error::new(
                ErrorKind::Usage,
                "a type is int8 to int64, uint8 to uint64, float32, float64, bool or bytesN",
            )
        })
    }
}

/// The canonical name: `int64`, `float32`, `bool`, `bytes16`.
impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.class {
            Class::Signed => write!(f, "int{}", self.bits()),
            Class::Unsigned => write!(f, "uint{}", self.bits()),
            Class::Float => write!(f, "float{}", self.bits()),
            Class::Bool => write!(f, "bool"),
            Class::Bytes => write!(f, "bytes{}", self.width),
        }
    }
}

/// One element's contents, apart from where they lie.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// A whole number; wide enough for every type.
    Int(i128),
    /// A floating point number.
    Float(f64),
    /// Yes or no.
    Bool(bool),
    /// Bytes without their padding.
    Bytes(Vec<u8>),
}

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
            return Ok(Scalar::Bytes(text.to_vec()));
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
            Class::Float => word
                .parse()
                .map(Scalar::Float)
                .map_err(|_| refused("is no")),
            _ => {
                let number = self.parse_number(word).ok_or_else(|| refused("is no"))?;
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
    /// [`ErrorKind::Usage`] for text that is no number.
    pub fn parse_operand(self, text: &[u8]) -> Result<Scalar> {
        if matches!(self.class, Class::Signed | Class::Unsigned) {
            let word = std::str::from_utf8(text)
                .ok()
                .and_then(|word| self.parse_number(word.trim()));
            let number = word.filter(|number| i128::from(u64::MAX) >= number.abs());
            return number.map(Scalar::Int).ok_or_else(|| {
                Error::new(
                    ErrorKind::Usage,
                    format!("'{}' is no whole number of 64 bits", escaped(text)),
                )
            });
        }
        self.parse(text)
    }

    /// Decimal, or hexadecimal, octal and binary as in C and Python.
    fn parse_number(self, word: &str) -> Option<i128> {
        let (negative, digits) = match word.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, word.strip_prefix('+').unwrap_or(word)),
        };
        if !digits.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let number = match digits.get(..2) {
            Some("0x" | "0X") => i128::from_str_radix(&digits[2..], 16),
            Some("0o" | "0O") => i128::from_str_radix(&digits[2..], 8),
            Some("0b" | "0B") => i128::from_str_radix(&digits[2..], 2),
            _ => digits.parse(),
        };
        number
            .ok()
            .map(|number| if negative { -number } else { number })
    }

    /// The bits of a value, for a cell of at most eight bytes.
    pub fn encode(self, scalar: &Scalar) -> u64 {
        match scalar {
            Scalar::Int(number) => *number as u64 & mask(self.bits()),
            Scalar::Float(number) if self.width == 4 => u64::from((*number as f32).to_bits()),
            Scalar::Float(number) => number.to_bits(),
            Scalar::Bool(yes) => u64::from(*yes),
            Scalar::Bytes(bytes) => {
                let mut cell = [0; 8];
                let length = bytes.len().min(self.width).min(8);
                cell[..length].copy_from_slice(&bytes[..length]);
                match self.width {
                    1 => u64::from(cell[0]),
                    2 => u64::from(u16::from_ne_bytes([cell[0], cell[1]])),
                    4 => u64::from(u32::from_ne_bytes([cell[0], cell[1], cell[2], cell[3]])),
                    _ => u64::from_ne_bytes(cell),
                }
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
            Class::Float if self.width == 4 => {
                Scalar::Float(f64::from(f32::from_bits(bits as u32)))
            }
            Class::Float => Scalar::Float(f64::from_bits(bits)),
            Class::Bool => Scalar::Bool(bits != 0),
            Class::Bytes => self.decode_bytes(&self.bytes_of(bits)),
        }
    }

    /// The bytes of a cell, in memory order.
    pub fn bytes_of(self, bits: u64) -> Vec<u8> {
        match self.width {
            1 => vec![bits as u8],
            2 => (bits as u16).to_ne_bytes().to_vec(),
            4 => (bits as u32).to_ne_bytes().to_vec(),
            _ => bits.to_ne_bytes().to_vec(),
        }
    }

    /// The value that bytes in memory order mean.
    pub fn decode_bytes(self, bytes: &[u8]) -> Scalar {
        if self.class == Class::Bytes {
            let end = bytes
                .iter()
                .rposition(|byte| *byte != 0)
                .map_or(0, |last| last + 1);
            return Scalar::Bytes(bytes[..end].to_vec());
        }
        self.decode(match *bytes {
            [a] => u64::from(a),
            [a, b] => u64::from(u16::from_ne_bytes([a, b])),
            [a, b, c, d] => u64::from(u32::from_ne_bytes([a, b, c, d])),
            _ => u64::from_ne_bytes(std::array::from_fn(|i| bytes.get(i).copied().unwrap_or(0))),
        })
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

    /// The sum, within the range of the type; `wrap` lets it go around.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`] (EOVERFLOW) when it does not fit.
    pub fn sum(self, bits: u64, operand: &Scalar, wrap: bool) -> Result<u64> {
        match (self.decode(bits), operand) {
            (Scalar::Int(now), Scalar::Int(more)) => {
                let sum = now + more;
                let (least, most) = self.range();
                if wrap || (least..=most).contains(&sum) {
                    return Ok(sum as u64 & mask(self.bits()));
                }
                Err(overflow(&format!("{now} and {more} make {sum}"), self))
            }
            (Scalar::Float(now), Scalar::Float(more)) => {
                let bits = self.encode(&Scalar::Float(now + more));
                let escaped = matches!(self.decode(bits), Scalar::Float(sum) if sum.is_infinite());
                if escaped && !wrap && now.is_finite() && more.is_finite() {
                    return Err(overflow(&format!("{now} and {more} are too much"), self));
                }
                Ok(bits)
            }
            _ => Err(Error::new(
                ErrorKind::Usage,
                format!("{self} is no number to add to"),
            )),
        }
    }
}

impl Scalar {
    /// How two values of one type compare; nothing for NaN.
    pub fn compare(&self, other: &Scalar) -> Option<std::cmp::Ordering> {
        match (self, other) {
            (Scalar::Int(a), Scalar::Int(b)) => Some(a.cmp(b)),
            (Scalar::Float(a), Scalar::Float(b)) => a.partial_cmp(b),
            (Scalar::Bool(a), Scalar::Bool(b)) => Some(a.cmp(b)),
            (Scalar::Bytes(a), Scalar::Bytes(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }

    /// The value as text of its type: as many digits as tell it apart.
    pub fn text(&self, element: Element) -> Vec<u8> {
        match self {
            Scalar::Int(number) => number.to_string().into_bytes(),
            Scalar::Float(number) if element.width == 4 => {
                (*number as f32).to_string().into_bytes()
            }
            Scalar::Float(number) => number.to_string().into_bytes(),
            Scalar::Bool(yes) => yes.to_string().into_bytes(),
            Scalar::Bytes(bytes) => bytes.clone(),
        }
    }
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

    #[test]
    fn names_aliases_and_codes() {
        for (name, canonical, descr) in [
            ("i64", "int64", "<i8"),
            ("<i8", "int64", "<i8"),
            ("i8", "int8", "|i1"),
            ("u8", "uint8", "|u1"),
            ("f8", "float64", "<f8"),
            ("f4", "float32", "<f4"),
            ("i4", "int32", "<i4"),
            ("?", "bool", "|b1"),
            ("S16", "bytes16", "|S16"),
            ("bytes3", "bytes3", "|S3"),
        ] {
            assert_eq!(element(name).to_string(), canonical, "{name}");
            assert_eq!(element(name).descr(), descr, "{name}");
        }
        for name in [
            "", "i", "int7", "f16", "bytes", "bytes0", "O", ">i8", "U4", "<c16",
        ] {
            assert!(name.parse::<Element>().is_err(), "{name}");
        }
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
            ("bool", "true"),
            ("bytes4", "abc"),
            ("bytes8", "abcdefgh"),
        ] {
            let element = element(name);
            let bits = element.encode(&element.parse(text.as_bytes()).unwrap());
            let back = element.decode(bits).text(element);
            let shown = String::from_utf8(back).unwrap();
            let again = element.parse(shown.as_bytes()).unwrap();
            assert_eq!(element.encode(&again), bits, "{name} {text}");
        }
    }

    #[test]
    fn sums_are_checked_unless_they_may_wrap() {
        let byte = element("uint8");
        assert_eq!(byte.sum(250, &Scalar::Int(5), false).unwrap(), 255);
        assert!(byte.sum(250, &Scalar::Int(6), false).is_err());
        assert_eq!(byte.sum(250, &Scalar::Int(6), true).unwrap(), 0);
        assert_eq!(byte.sum(3, &Scalar::Int(-3), false).unwrap(), 0);
        assert!(byte.sum(3, &Scalar::Int(-4), false).is_err());
        let long = element("int64");
        assert!(long.sum(i64::MAX as u64, &Scalar::Int(1), false).is_err());
        assert_eq!(
            long.sum(i64::MAX as u64, &Scalar::Int(1), true).unwrap(),
            i64::MIN as u64
        );
        let float = element("float32");
        let most = float.encode(&Scalar::Float(f64::from(f32::MAX)));
        assert!(
            float
                .sum(most, &Scalar::Float(f64::from(f32::MAX)), false)
                .is_err()
        );
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
            ("int64", "--1"),
        ] {
            assert!(
                element(name).parse(text.as_bytes()).is_err(),
                "{name} {text}"
            );
        }
        assert_eq!(element("int64").parse(b"0xff").unwrap(), Scalar::Int(255));
    }
}
