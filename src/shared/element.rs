//! The types of values and array elements: what bits mean, and how many.

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
        // A sign would parse too.
        let digits = Some(&code[1..]).filter(|rest| rest.bytes().all(|b| b.is_ascii_digit()))?;
        let width: usize = digits.parse().ok()?;
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

    /// Whether it is bytes, and neither a number nor yes or no.
    pub fn is_text(self) -> bool {
        self.class == Class::Bytes
    }

    /// Bits of one element, of a type that is a number.
    pub(super) fn bits(self) -> u32 {
        self.width as u32 * 8
    }

    /// The least and the most that a whole number of this type can be.
    pub(super) fn range(self) -> (i128, i128) {
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
                format!(
                    "a type is int8 to int64, uint8 to uint64, float32, float64, bool or bytesN, \
                     with N of 1 to {MAX_BYTES}"
                ),
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

#[cfg(test)]
mod tests {
    use super::*;

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
            let element: Element = name.parse().unwrap();
            assert_eq!(element.to_string(), canonical, "{name}");
            assert_eq!(element.descr(), descr, "{name}");
        }
        for name in [
            "", "i", "int7", "f16", "bytes", "bytes0", "bytes+3", "O", ">i8", "U4", "<c16", "i+8",
        ] {
            assert!(name.parse::<Element>().is_err(), "{name}");
        }
    }
}
