//! The header of numpy's file format, as `np.load` maps it.
//!
//! Ours is padded to 128 bytes, so that the data behind it is aligned for
//! every type. Others are read by a strict parser that refuses, with the
//! reason, what cannot be worked on in place. See numpy.lib.format.

use crate::error::{Error, ErrorKind, Result};
use crate::shared::element::Element;

/// Where our data starts.
pub const DATA: usize = 128;
/// Bytes that a header may have: numpy itself reads no longer one.
pub const MAX_HEADER: usize = 10_000;
/// Dimensions that numpy knows.
const MAX_DIMENSIONS: usize = 64;
const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// The contents of a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The type of the elements.
    pub element: Element,
    /// Elements in each dimension; none at all for a single value.
    pub shape: Vec<usize>,
    /// Where the data starts in the file.
    pub data: usize,
}

impl Header {
    /// A header for a new file.
    pub fn new(element: Element, shape: Vec<usize>) -> Header {
        Header {
            element,
            shape,
            data: DATA,
        }
    }

    /// How many elements there are.
    pub fn count(&self) -> usize {
        self.shape.iter().product()
    }

    /// Where the data ends in the file.
    pub fn end(&self) -> usize {
        self.data + self.count() * self.element.width
    }

    /// The shape as Python writes it: `()`, `(3,)`, `(2, 3)`.
    pub fn shown(&self) -> String {
        let lengths: Vec<String> = self.shape.iter().map(usize::to_string).collect();
        match lengths.as_slice() {
            [only] => format!("({only},)"),
            several => format!("({})", several.join(", ")),
        }
    }

    /// Whether bytes at the start of a file look like such a header.
    pub fn is_likely(bytes: &[u8]) -> bool {
        bytes.starts_with(MAGIC)
    }

    /// The bytes of a header of our own making.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] for more dimensions than fit.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let dictionary = format!(
            "{{'descr': '{}', 'fortran_order': False, 'shape': {}, }}",
            self.element.descr(),
            self.shown()
        );
        let room = DATA - 10 - 1;
        if dictionary.len() > room || self.shape.len() > MAX_DIMENSIONS {
            return Err(Error::new(
                ErrorKind::Usage,
                "the shape has too many dimensions",
            ));
        }
        let mut bytes = MAGIC.to_vec();
        bytes.extend([1, 0]);
        bytes.extend(((DATA - 10) as u16).to_le_bytes());
        bytes.extend(format!("{dictionary:<room$}\n").bytes());
        Ok(bytes)
    }

    /// Reads the header at the start of a file of `length` bytes.
    ///
    /// # Errors
    /// [`ErrorKind::Broken`] with the reason, for what is not a `.npy` file or
    /// cannot be worked on in place.
    pub fn parse(bytes: &[u8], length: u64) -> Result<Header> {
        let (start, size) = frame(bytes)?;
        let data = start + size;
        let text = bytes
            .get(start..data)
            .ok_or_else(|| broken("its header is cut"))?;
        let text = std::str::from_utf8(text).map_err(|_| broken("its header is no text"))?;
        let fields = Dictionary::parse(text).ok_or_else(|| broken("its header cannot be read"))?;
        let element = Element::from_descr(&fields.descr)?;
        if fields.shape.len() > MAX_DIMENSIONS {
            return Err(broken("it has too many dimensions"));
        }
        if fields.fortran_order && fields.shape.len() > 1 {
            return Err(broken("it is in Fortran order"));
        }
        let header = Header {
            element,
            shape: fields.shape,
            data,
        };
        let bytes = header
            .shape
            .iter()
            .try_fold(element.width, |all, length| all.checked_mul(*length));
        let end = bytes.and_then(|bytes| bytes.checked_add(data));
        if end.is_none_or(|end| end as u64 > length) {
            return Err(broken("it is shorter than its header says"));
        }
        if element.is_atomic() && data % element.width != 0 {
            return Err(broken("its data is not aligned"));
        }
        Ok(header)
    }
}

/// Where the text of the header starts, and how long it is.
fn frame(bytes: &[u8]) -> Result<(usize, usize)> {
    if !bytes.starts_with(MAGIC) {
        return Err(Error::new(
            ErrorKind::Broken,
            "is no value or array: it does not start as a .npy file",
        ));
    }
    let cut = || broken("its header is cut");
    let (start, size) = match bytes.get(6).ok_or_else(cut)? {
        1 => {
            let size = bytes.get(8..10).ok_or_else(cut)?;
            (10, usize::from(u16::from_le_bytes([size[0], size[1]])))
        }
        2 | 3 => {
            let size = bytes.get(8..12).ok_or_else(cut)?;
            (
                12,
                u32::from_le_bytes([size[0], size[1], size[2], size[3]]) as usize,
            )
        }
        version => return Err(broken(&format!("its format has version {version}"))),
    };
    if size > MAX_HEADER {
        return Err(broken("its header is too long"));
    }
    Ok((start, size))
}

fn broken(why: &str) -> Error {
    Error::new(
        ErrorKind::Broken,
        format!("is a .npy file that cannot be used: {why}"),
    )
}

/// The three keys of the dictionary, in any order.
struct Dictionary {
    descr: String,
    fortran_order: bool,
    shape: Vec<usize>,
}

impl Dictionary {
    fn parse(text: &str) -> Option<Dictionary> {
        let mut rest = text
            .trim_end_matches([' ', '\n'])
            .strip_prefix('{')?
            .strip_suffix('}')?
            .trim();
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        while !rest.is_empty() {
            let (key, tail) = quoted(rest)?;
            let tail = tail.trim_start().strip_prefix(':')?.trim_start();
            let tail = match key {
                "descr" if descr.is_none() => {
                    let (text, tail) = quoted(tail)?;
                    descr = Some(text.to_owned());
                    tail
                }
                "fortran_order" if fortran_order.is_none() => {
                    let yes = tail.starts_with("True");
                    fortran_order = Some(yes);
                    tail.strip_prefix(if yes { "True" } else { "False" })?
                }
                "shape" if shape.is_none() => {
                    let (inside, tail) = tail.strip_prefix('(')?.split_once(')')?;
                    shape = Some(lengths(inside)?);
                    tail
                }
                _ => return None,
            };
            let tail = tail.trim_start();
            rest = match tail.strip_prefix(',') {
                Some(more) => more.trim_start(),
                None if tail.is_empty() => tail,
                None => return None,
            };
        }
        Some(Dictionary {
            descr: descr?,
            fortran_order: fortran_order?,
            shape: shape?,
        })
    }
}

fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    text[1..].split_once(quote)
}

fn lengths(inside: &str) -> Option<Vec<usize>> {
    let mut parts: Vec<&str> = inside.split(',').map(str::trim).collect();
    // A comma may stand at the end, as in (3,), and must for one dimension.
    if parts.last().is_some_and(|part| part.is_empty()) {
        parts.pop();
    } else if parts.len() == 1 {
        return None;
    }
    parts
        .iter()
        .map(|part| part.trim_end_matches('L').parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_header_reads_back() {
        for (name, shape) in [
            ("i64", vec![]),
            ("f32", vec![3]),
            ("bytes16", vec![2, 3, 4]),
            ("bool", vec![0]),
        ] {
            let header = Header::new(name.parse().unwrap(), shape);
            let bytes = header.encode().unwrap();
            assert_eq!(bytes.len(), DATA);
            assert_eq!(bytes.last(), Some(&b'\n'));
            assert_eq!(Header::parse(&bytes, 1 << 20).unwrap(), header);
        }
    }

    fn of(dictionary: &str) -> Result<Header> {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((dictionary.len() as u16).to_le_bytes());
        bytes.extend(dictionary.bytes());
        Header::parse(&bytes, 1 << 20)
    }

    #[test]
    fn keys_in_any_order_and_spacing() {
        let text = "{'shape':(2,3),\"fortran_order\" : False ,'descr':'<i8'}";
        let padded = format!("{text:<85}\n");
        assert_eq!(of(&padded).unwrap().shape, [2, 3]);
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_the_reason() {
        for (text, reason) in [
            (
                "{'descr': '<i8', 'fortran_order': True, 'shape': (2, 2), }",
                "Fortran",
            ),
            (
                "{'descr': '>i8', 'fortran_order': False, 'shape': (), }",
                "byte order",
            ),
            (
                "{'descr': '|O', 'fortran_order': False, 'shape': (), }",
                "not supported",
            ),
            (
                "{'descr': [('a', '<i8')], 'fortran_order': False, 'shape': (), }",
                "cannot be read",
            ),
            (
                "{'descr': '<i8', 'fortran_order': False, 'shape': (99999999,), }",
                "shorter",
            ),
            (
                "{'descr': '<i8', 'fortran_order': False, 'shape': (9223372036854775807, 4), }",
                "shorter",
            ),
            ("{'descr': '<i8', 'shape': (), }", "cannot be read"),
            (
                "{'descr': '<i8', 'fortran_order': False, 'shape': (), 'x': 1}",
                "cannot be read",
            ),
            (
                "{'descr': '<i8', 'fortran_order': False, 'shape': (3), }",
                "cannot be read",
            ),
            (
                "{'descr': '<i8', 'fortran_order': False, 'shape': (), }",
                "not aligned",
            ),
        ] {
            let error = of(text).unwrap_err();
            assert!(error.to_string().contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn cut_and_random_bytes_are_refused() {
        let whole = Header::new("i64".parse().unwrap(), vec![])
            .encode()
            .unwrap();
        for length in 0..whole.len() {
            assert!(
                Header::parse(&whole[..length], 1 << 20).is_err(),
                "{length}"
            );
        }
    }
}
