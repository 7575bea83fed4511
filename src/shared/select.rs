//! Which elements of an array are meant: indexes and slices as in Python.
//!
//! `3`, `-1`, `2:5`, `::2`, `::-1`, and for each dimension one of them with
//! commas between: `1,:`. Dimensions that are not mentioned are taken whole.

use nix::errno::Errno;

use crate::error::{Error, ErrorKind, Result};
use crate::escape::escaped;

/// Some elements of an array, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    axes: Vec<Axis>,
}

/// What is taken of one dimension.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Axis {
    start: usize,
    step: i64,
    length: usize,
    /// Elements from one index of this dimension to the next.
    stride: usize,
    /// A single index takes its dimension away.
    is_slice: bool,
}

impl Selection {
    /// All elements of an array.
    pub fn all(shape: &[usize]) -> Selection {
        let whole = |(length, stride)| Axis {
            start: 0,
            step: 1,
            length,
            stride,
            is_slice: true,
        };
        let axes = shape.iter().copied().zip(strides(shape)).map(whole);
        Selection {
            axes: axes.collect(),
        }
    }

    /// Reads what people write, for an array of this shape.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] for what is no index or slice; [`ErrorKind::Limit`]
    /// (ERANGE) for an index beyond the end, or more than there are dimensions.
    pub fn parse(text: &[u8], shape: &[usize]) -> Result<Selection> {
        let mut selection = Selection::all(shape);
        let word = std::str::from_utf8(text).map_err(|_| unreadable(text))?;
        let parts: Vec<&str> = word.split(',').map(str::trim).collect();
        if parts.len() > shape.len() {
            let message = format!(
                "{} indexes are too many, the array has {} dimension{}",
                parts.len(),
                shape.len(),
                if shape.len() == 1 { "" } else { "s" }
            );
            return Err(Error::os(Errno::ERANGE).saying(message));
        }
        for ((part, axis), length) in parts.iter().zip(&mut selection.axes).zip(shape) {
            match part.contains(':') {
                true => axis.slice(part, *length).ok_or_else(|| unreadable(text))?,
                false => {
                    let index = number(part).ok_or_else(|| unreadable(text))?;
                    axis.index(index, *length)
                        .ok_or_else(|| beyond(part, *length))?;
                }
            }
        }
        Ok(selection)
    }

    /// How many elements there are.
    pub fn count(&self) -> usize {
        self.axes
            .iter()
            .fold(1, |all: usize, axis| all.saturating_mul(axis.length))
    }

    /// Elements in each dimension that is left.
    pub fn shape(&self) -> Vec<usize> {
        let slices = self.axes.iter().filter(|axis| axis.is_slice);
        slices.map(|axis| axis.length).collect()
    }

    /// Whether it is one element by all its indexes.
    pub fn is_single(&self) -> bool {
        self.axes.iter().all(|axis| !axis.is_slice)
    }

    /// Their flat indexes, the last dimension fastest.
    pub fn indexes(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        (0..self.count()).map(|number| self.index(number))
    }

    /// The least range that holds them all.
    pub fn span(&self) -> std::ops::Range<usize> {
        if self.count() == 0 {
            return 0..0;
        }
        let ends = |axis: &Axis| {
            let (first, last) = (axis.at(0), axis.at(axis.length - 1));
            (first.min(last) * axis.stride, first.max(last) * axis.stride)
        };
        let (low, high) = self
            .axes
            .iter()
            .map(ends)
            .fold((0, 0), |sum, axis| (sum.0 + axis.0, sum.1 + axis.1));
        low..high + 1
    }

    fn index(&self, mut number: usize) -> usize {
        let mut index = 0;
        for axis in self.axes.iter().rev() {
            index += axis.at(number % axis.length) * axis.stride;
            number /= axis.length;
        }
        index
    }
}

impl Axis {
    fn at(&self, number: usize) -> usize {
        self.start
            .wrapping_add_signed((self.step as isize).wrapping_mul(number as isize))
    }

    /// Nothing when there is no such index.
    fn index(&mut self, index: i64, length: usize) -> Option<()> {
        let from_start = if index < 0 {
            i128::from(index) + length as i128
        } else {
            i128::from(index)
        };
        self.start = usize::try_from(from_start)
            .ok()
            .filter(|start| *start < length)?;
        (self.length, self.step, self.is_slice) = (1, 1, false);
        Some(())
    }

    /// As slice.indices of Python: what reaches beyond is cut. Nothing when it
    /// is no slice.
    fn slice(&mut self, text: &str, length: usize) -> Option<()> {
        let mut parts = text.split(':').map(str::trim);
        let mut part = || match parts.next() {
            None | Some("") => Some(None),
            Some(word) => number(word).map(Some),
        };
        let (start, stop, step) = (part()?, part()?, part()?.unwrap_or(1));
        if step == 0 || parts.next().is_some() {
            return None;
        }
        let (whole, step_wide) = (length as i128, i128::from(step));
        let (low, high) = if step > 0 {
            (0, whole)
        } else {
            (-1, whole - 1)
        };
        let bound = |given: Option<i64>, default: i128| {
            let Some(given) = given else { return default };
            let given = i128::from(given);
            let from_start = if given < 0 { given + whole } else { given };
            from_start.clamp(low, high)
        };
        let (from, to) = if step > 0 { (low, high) } else { (high, low) };
        let (start, stop) = (bound(start, from), bound(stop, to));
        let distance = if step > 0 { stop - start } else { start - stop };
        let taken = if distance > 0 {
            (distance - 1) / step_wide.abs() + 1
        } else {
            0
        };
        self.start = usize::try_from(start).unwrap_or(0);
        self.length = usize::try_from(taken).ok()?;
        self.step = step;
        Some(())
    }
}

fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1_usize; shape.len()];
    for axis in (1..shape.len()).rev() {
        // Without elements it may overflow, and is not used.
        strides[axis - 1] = strides[axis].wrapping_mul(shape[axis]);
    }
    strides
}

/// A whole number with or without a minus; all that is too large means the end.
fn number(word: &str) -> Option<i64> {
    let digits = word.strip_prefix('-').unwrap_or(word);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let end = if word.starts_with('-') {
        i64::MIN
    } else {
        i64::MAX
    };
    Some(word.parse().unwrap_or(end))
}

/// The index as it was written: a number may be too large to have been read.
fn beyond(index: &str, length: usize) -> Error {
    Error::os(Errno::ERANGE).saying(format!(
        "index {index} is beyond the end, the dimension has {length} elements"
    ))
}

fn unreadable(text: &[u8]) -> Error {
    Error::new(
        ErrorKind::Usage,
        format!(
            "'{}' is no index: write 3, -1, 2:5, ::2, or 1,: for two dimensions",
            escaped(text)
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(text: &str, shape: &[usize]) -> Vec<usize> {
        let selection = Selection::parse(text.as_bytes(), shape).unwrap();
        let indexes: Vec<usize> = selection.indexes().collect();
        assert_eq!(indexes.len(), selection.count());
        let span = selection.span();
        assert!(indexes.iter().all(|index| span.contains(index)));
        indexes
    }

    #[test]
    fn slices_mean_what_they_mean_in_python() {
        for (text, expected) in [
            ("0", &[0][..]),
            ("-1", &[4]),
            (":", &[0, 1, 2, 3, 4]),
            ("1:3", &[1, 2]),
            (":-3", &[0, 1]),
            ("-2:", &[3, 4]),
            ("::2", &[0, 2, 4]),
            ("1::2", &[1, 3]),
            ("::-1", &[4, 3, 2, 1, 0]),
            ("3:0:-2", &[3, 1]),
            ("-1:-4:-1", &[4, 3, 2]),
            ("3:1", &[]),
            ("9:", &[]),
            (":9", &[0, 1, 2, 3, 4]),
            ("-9:2", &[0, 1]),
            ("::99", &[0]),
            ("::-99", &[4]),
            (":99999999999999999999", &[0, 1, 2, 3, 4]),
            ("::9223372036854775807", &[0]),
            ("::-9223372036854775808", &[4]),
        ] {
            assert_eq!(flat(text, &[5]), expected, "{text}");
        }
    }

    #[test]
    fn each_dimension_has_its_own() {
        for (text, expected) in [
            ("1", &[3, 4, 5][..]),
            ("1,:", &[3, 4, 5]),
            (":,1", &[1, 4]),
            ("1,2", &[5]),
            ("-1,-1", &[5]),
            ("::-1,::2", &[3, 5, 0, 2]),
        ] {
            assert_eq!(flat(text, &[2, 3]), expected, "{text}");
        }
        let row = Selection::parse(b":,1:", &[2, 3]).unwrap();
        assert_eq!((row.shape(), row.is_single()), (vec![2, 2], false));
        assert!(Selection::parse(b"0,0", &[2, 3]).unwrap().is_single());
    }

    #[test]
    fn an_index_beyond_the_end_is_no_misuse_but_out_of_range() {
        for (text, shape) in [("5", &[5][..]), ("-6", &[5]), ("0", &[0]), ("0,0", &[5])] {
            let error = Selection::parse(text.as_bytes(), shape).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Limit, "{text}");
        }
        for text in ["", "a", "1:2:3:4", "::0", "1.5", "1,", "+1", "0x1", "--1"] {
            let error = Selection::parse(text.as_bytes(), &[5, 5]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage, "{text}");
        }
    }

    #[test]
    fn nothing_overflows_where_there_is_nothing() {
        let shape = [0, usize::MAX, 8];
        assert_eq!(Selection::all(&shape).count(), 0);
        assert_eq!(Selection::all(&shape).indexes().count(), 0);
        assert_eq!(flat(":,5:,::-1", &shape), [0; 0]);
    }
}
