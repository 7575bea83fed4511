//! Comparing a value with a wanted one.

use std::cmp::Ordering;
use std::str::FromStr;

use crate::error::{Error, ErrorKind, Result};
use crate::escape::escaped;

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// The same.
    Equal,
    /// Another, or one that cannot be compared.
    Unequal,
    /// Less.
    Less,
    /// Less or the same.
    AtMost,
    /// More.
    Greater,
    /// More or the same.
    AtLeast,
}

/// What each is written as; the signs from longer to shorter.
pub const COMPARISONS: [(&str, Comparison); 13] = [
    ("==", Comparison::Equal),
    ("!=", Comparison::Unequal),
    ("<=", Comparison::AtMost),
    (">=", Comparison::AtLeast),
    ("=", Comparison::Equal),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
    ("eq", Comparison::Equal),
    ("ne", Comparison::Unequal),
    ("lt", Comparison::Less),
    ("le", Comparison::AtMost),
    ("gt", Comparison::Greater),
    ("ge", Comparison::AtLeast),
];

impl Comparison {
    /// Whether it holds for values in this order; NaN is in no order.
    pub fn holds(self, order: Option<Ordering>) -> bool {
        match self {
            Comparison::Equal => order == Some(Ordering::Equal),
            Comparison::Unequal => order != Some(Ordering::Equal),
            Comparison::Less => order == Some(Ordering::Less),
            Comparison::AtMost => order.is_some_and(Ordering::is_le),
            Comparison::Greater => order == Some(Ordering::Greater),
            Comparison::AtLeast => order.is_some_and(Ordering::is_ge),
        }
    }

    /// Takes a condition apart that is written with a sign and no blanks
    /// (`x>=5`), or with blanks (`x ge 5`).
    pub fn split(condition: &[u8]) -> Option<(&[u8], Comparison, &[u8])> {
        let mut words = condition.splitn(3, |byte| *byte == b' ');
        if let (Some(left), Some(sign), Some(right)) = (words.next(), words.next(), words.next())
            && let Some(found) = std::str::from_utf8(sign)
                .ok()
                .and_then(|sign| sign.parse().ok())
        {
            return Some((left, found, right));
        }
        let at = condition.iter().position(|byte| b"=!<>".contains(byte))?;
        let (left, rest) = condition.split_at(at);
        COMPARISONS.iter().find_map(|(sign, found)| {
            let right = rest.strip_prefix(sign.as_bytes())?;
            Some((left, *found, right))
        })
    }
}

impl FromStr for Comparison {
    type Err = Error;

    fn from_str(text: &str) -> Result<Comparison> {
        let found = COMPARISONS.iter().find(|(known, _)| *known == text);
        found.map(|(_, comparison)| *comparison).ok_or_else(|| {
            let word = escaped(text.as_bytes());
            Error::new(ErrorKind::Usage, format!("'{word}' is no comparison"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unequal_holds_for_what_cannot_be_compared() {
        for (word, comparison) in COMPARISONS {
            assert_eq!(
                comparison.holds(None),
                matches!(word, "!=" | "ne"),
                "{word}"
            );
            let equal = matches!(word, "==" | "=" | "eq" | "<=" | "le" | ">=" | "ge");
            assert_eq!(comparison.holds(Some(Ordering::Equal)), equal, "{word}");
            let less = matches!(word, "!=" | "ne" | "<" | "lt" | "<=" | "le");
            assert_eq!(comparison.holds(Some(Ordering::Less)), less, "{word}");
        }
    }

    #[test]
    fn conditions_are_taken_apart() {
        for (text, expected) in [
            ("x>=5", Some(("x", Comparison::AtLeast, "5"))),
            ("x>5", Some(("x", Comparison::Greater, "5"))),
            ("x==-1", Some(("x", Comparison::Equal, "-1"))),
            ("x=", Some(("x", Comparison::Equal, ""))),
            ("a b!=c d", Some(("a b", Comparison::Unequal, "c d"))),
            ("x ge 5", Some(("x", Comparison::AtLeast, "5"))),
            ("x >= 5", Some(("x", Comparison::AtLeast, "5"))),
            ("x", None),
            ("x!5", None),
        ] {
            let found = Comparison::split(text.as_bytes());
            let expected = expected.map(|(a, b, c)| (a.as_bytes(), b, c.as_bytes()));
            assert_eq!(found, expected, "{text}");
        }
    }
}
