//! Sizes in bytes and permission bits, as people write them.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, ErrorKind};

/// A number of bytes: `4096`, `4K`, `4KiB` (1024 each), `4KB` (1000 each).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

const UNITS: [(&str, u64); 16] = [
    ("", 1),
    ("b", 1),
    ("k", 1 << 10),
    ("kib", 1 << 10),
    ("kb", 1_000),
    ("m", 1 << 20),
    ("mib", 1 << 20),
    ("mb", 1_000_000),
    ("g", 1 << 30),
    ("gib", 1 << 30),
    ("gb", 1_000_000_000),
    ("t", 1 << 40),
    ("tib", 1 << 40),
    ("tb", 1_000_000_000_000),
    ("p", 1 << 50),
    ("pib", 1 << 50),
];

impl FromStr for Size {
    type Err = Error;

    fn from_str(text: &str) -> Result<Size, Error> {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        let unit = unit.trim_start().to_ascii_lowercase();
        let factor = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .map(|(_, factor)| *factor);
        let (Ok(number), Some(factor)) = (number.parse::<u64>(), factor) else {
            return Err(Error::new(
                ErrorKind::Usage,
                "a size is a number of bytes with K, M, G (of 1024) or KB, MB, GB (of 1000)",
            ));
        };
        // Offsets in files are signed 64-bit numbers.
        number
            .checked_mul(factor)
            .filter(|bytes| i64::try_from(*bytes).is_ok())
            .map(Size)
            .ok_or_else(|| Error::new(ErrorKind::Usage, "a size has at most 63 bits"))
    }
}

/// Shown in the largest unit of 1024 that keeps it readable: `1.5M`, `4K`, `31`.
impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(power) = (1..=6_u32).rev().find(|power| self.0 >> (10 * power) > 0) else {
            return write!(f, "{}", self.0);
        };
        let letter = char::from(b"KMGTPE"[power as usize - 1]);
        let unit = 1_u64 << (10 * power);
        let (whole, tenth) = (
            self.0 / unit,
            (self.0 % unit) as u128 * 10 / u128::from(unit),
        );
        if tenth == 0 || whole >= 100 {
            write!(f, "{whole}{letter}")
        } else {
            write!(f, "{whole}.{tenth}{letter}")
        }
    }
}

/// Exact permission bits of a new object, not cut by the umask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode(pub u32);

impl Default for Mode {
    fn default() -> Mode {
        Mode(0o600)
    }
}

impl FromStr for Mode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Mode, Error> {
        match u32::from_str_radix(text, 8) {
            Ok(bits) if bits <= 0o777 && !text.starts_with('+') => Ok(Mode(bits)),
            _ => Err(Error::new(
                ErrorKind::Usage,
                "a mode is octal, from 0000 to 0777",
            )),
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

/// A number of things in words: `1 message`, `2 messages`.
pub fn counted(count: impl Into<u64>, thing: &str) -> String {
    let count = count.into();
    let end = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_of_1024_and_of_1000() {
        for (text, bytes) in [
            ("4096", 4096),
            ("4K", 4096),
            ("4k", 4096),
            ("4KiB", 4096),
            ("4KB", 4000),
            ("2M", 2 << 20),
            ("2GB", 2_000_000_000),
            ("0", 0),
        ] {
            assert_eq!(text.parse::<Size>().unwrap(), Size(bytes), "{text}");
        }
        for text in [
            "",
            "K",
            "-1",
            "1.5K",
            "4X",
            "9223372036854775808",
            "16384P",
            "0x10",
        ] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }

    #[test]
    fn shown_in_the_largest_unit() {
        for (bytes, text) in [
            (31, "31"),
            (4096, "4K"),
            (1536, "1.5K"),
            (5 << 30, "5G"),
            (1 << 62, "4E"),
        ] {
            assert_eq!(Size(bytes).to_string(), text);
        }
    }

    #[test]
    fn modes_are_octal() {
        assert_eq!("640".parse::<Mode>().unwrap(), Mode(0o640));
        assert_eq!("0600".parse::<Mode>().unwrap().to_string(), "0600");
        for text in ["", "888", "1777", "+7", "rw"] {
            assert!(text.parse::<Mode>().is_err(), "{text}");
        }
    }
}
