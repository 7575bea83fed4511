//! Making the file of a value or array, complete before it has a name.

use std::fs::File;
use std::os::unix::fs::FileExt;

use nix::fcntl::{FallocateFlags, fallocate};

use super::refusal::too_large;
use super::trailer;
use crate::backing::{self, no_space, unwritten};
use crate::error::{Error, ErrorKind, Result};
use crate::shared::element::Element;
use crate::shared::npy::{DATA, Header};
use crate::shared::scalar::Scalar;
use crate::size::Mode;
use crate::sys::signal;

/// Bytes that are written at a time.
const CHUNK: usize = 256 << 10;
/// Up to here memory is allocated by writing to it.
const PAGE: usize = 4096;

/// What a new array holds.
pub enum Contents<'a> {
    /// Zeros, false, no bytes.
    Zeros,
    /// The same everywhere.
    All(&'a Scalar),
    /// These elements, in order.
    Elements(&'a mut dyn Iterator<Item = Result<Scalar>>),
    /// The bytes of all elements as they lie in memory.
    Raw(&'a [u8]),
}

/// A complete file without a name, and its header.
pub(super) fn complete(
    element: Element,
    shape: Option<Vec<usize>>,
    contents: Contents<'_>,
    mode: Mode,
) -> Result<(File, Header)> {
    let expected = match &shape {
        Some(shape) => Some(count(element, shape)?),
        None => None,
    };
    let file = backing::unnamed(mode)?;
    signal::ignore_size_limit();
    if let Some(expected) = expected {
        reserve(&file, total(element, expected)?)?;
    }
    let given = write(&file, element, contents, expected)?;
    let shape = shape.unwrap_or_else(|| vec![given]);
    let header = Header::new(element, shape);
    let end = header.end().next_multiple_of(8) as u64;
    put(&file, &trailer::fresh()?, end)?;
    put(&file, &header.encode()?, 0)?;
    Ok((file, header))
}

/// Elements of a shape, if their bytes can be counted.
fn count(element: Element, shape: &[usize]) -> Result<usize> {
    let all = shape
        .iter()
        .try_fold(1, |all: usize, n| all.checked_mul(*n));
    let all = all.ok_or_else(too_large)?;
    total(element, all).map(|_| all)
}

/// Bytes of the whole file.
fn total(element: Element, count: usize) -> Result<usize> {
    element
        .width
        .checked_mul(count)
        .and_then(|bytes| bytes.checked_add(DATA + 8 + trailer::SIZE))
        .filter(|bytes| i64::try_from(*bytes).is_ok())
        .map(|bytes| (bytes - 8 - trailer::SIZE).next_multiple_of(8) + trailer::SIZE)
        .ok_or_else(too_large)
}

/// Takes the memory now: an error here instead of a crash later.
fn reserve(file: &File, bytes: usize) -> Result<()> {
    if bytes <= PAGE {
        return Ok(());
    }
    // Asked first: a reservation that must fail would push out what others use.
    if bytes as u64 > backing::space()?.free {
        return Err(no_space(bytes as u64));
    }
    fallocate(file, FallocateFlags::empty(), 0, bytes as i64)
        .map_err(|errno| unwritten(errno.into(), bytes as u64))
}

/// Writes the elements from [`DATA`] on, and says how many there were.
fn write(
    file: &File,
    element: Element,
    contents: Contents<'_>,
    expected: Option<usize>,
) -> Result<usize> {
    let given = match contents {
        Contents::Zeros => match expected {
            Some(expected) => expected,
            None => return Err(Error::new(ErrorKind::Usage, "how long shall it be?")),
        },
        Contents::All(scalar) => {
            let count = expected.unwrap_or(1);
            let mut same = std::iter::repeat_with(|| Ok(scalar.clone())).take(count);
            write_elements(file, element, &mut same, expected)?
        }
        Contents::Elements(elements) => write_elements(file, element, elements, expected)?,
        Contents::Raw(bytes) => {
            if bytes.len() % element.width != 0 {
                let message = format!(
                    "{} bytes are no whole number of elements of {} bytes",
                    bytes.len(),
                    element.width
                );
                return Err(Error::new(ErrorKind::Usage, message));
            }
            put(file, bytes, DATA as u64)?;
            bytes.len() / element.width
        }
    };
    match expected {
        Some(expected) if expected != given => Err(miscounted(expected, given, "")),
        _ => Ok(given),
    }
}

fn write_elements(
    file: &File,
    element: Element,
    elements: &mut dyn Iterator<Item = Result<Scalar>>,
    expected: Option<usize>,
) -> Result<usize> {
    let mut chunk = Vec::with_capacity(element.width);
    let mut at = DATA as u64;
    let mut given = 0;
    for scalar in elements {
        given += 1;
        if let Some(expected) = expected.filter(|expected| given > *expected) {
            return Err(miscounted(expected, given, " or more"));
        }
        chunk.extend(element.encode_bytes(&scalar?));
        if chunk.len() >= CHUNK {
            put(file, &chunk, at)?;
            at += chunk.len() as u64;
            chunk.clear();
        }
    }
    put(file, &chunk, at)?;
    Ok(given)
}

fn miscounted(expected: usize, given: usize, more: &str) -> Error {
    let message = format!("the shape has {expected} elements, {given}{more} were given");
    Error::new(ErrorKind::Usage, message)
}

fn put(file: &File, bytes: &[u8], at: u64) -> Result<()> {
    file.write_all_at(bytes, at)
        .map_err(|refusal| unwritten(refusal, bytes.len() as u64))
}
