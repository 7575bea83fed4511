//! What a listing or `stat` shows of a value or array.

use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};

use serde::Serialize;

use super::refusal::{self, cut};
use super::trailer::{self, Seen};
use super::{Family, header_of, path};
use crate::backing::{self, Access};
use crate::error::{Error, ErrorKind, Result};
use crate::facts::{Described, Facts, Label};
use crate::name::Name;
use crate::shared::npy::Header;
use crate::shared::scalar::Scalar;

/// What a listing or `stat` shows of a value or array.
#[derive(Debug, Clone, Serialize)]
pub struct ArrayInfo {
    /// `value` or `array`.
    pub kind: &'static str,
    #[serde(flatten)]
    /// Its name.
    pub label: Label,
    /// `ok`, `torn`, `unreadable`, or what is wrong with it.
    pub status: String,
    #[serde(rename = "type")]
    /// The type of its elements.
    pub element: Option<String>,
    /// Elements in each dimension.
    pub shape: Option<Vec<usize>>,
    #[serde(skip_serializing_if = "is_of_an_array")]
    /// What a value is; nothing while a writer is at work on a wide one.
    pub value: Option<Option<Scalar>>,
    /// Bytes of all elements.
    pub bytes: Option<u64>,
    /// Moves with every change by ipc; nothing in a file made by others.
    pub generation: Option<u64>,
    #[serde(flatten)]
    /// Owner, mode, place and time.
    pub facts: Facts,
}

fn is_of_an_array(value: &Option<Option<Scalar>>) -> bool {
    value.is_none()
}

/// Whether a file shows itself as one of this family.
enum Sign {
    /// Its header says so.
    Family(Family),
    /// It starts as a .npy file, and the rest cannot be used.
    Damaged(Error),
    /// It cannot be read, so it may be anything.
    Hidden,
    /// It is something else.
    Other,
}

impl ArrayInfo {
    /// Looks at what lies under a name, whatever it is, without mapping it.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`].
    pub fn look(name: &Name, family: Family) -> Result<ArrayInfo> {
        let missing = |error| refusal::missing(error, family.word()).about(name);
        let found = backing::look(&path(name)).map_err(missing)?;
        let mut info = ArrayInfo {
            kind: family.word(),
            label: Label::new(name.as_bytes()),
            status: String::new(),
            element: None,
            shape: None,
            value: (family == Family::Value).then_some(None),
            bytes: None,
            generation: None,
            facts: Facts::from(&found),
        };
        let opened = match backing::kind_of(&found) {
            "file" => Ok(backing::open(&path(name), Access::Read)),
            other => Err(other),
        };
        match opened {
            Err(other) => info.status = other.to_owned(),
            Ok(Err(error)) if error.kind() == ErrorKind::Missing => return Err(missing(error)),
            Ok(Err(_)) => info.status = "unreadable".to_owned(),
            Ok(Ok(file)) => match info.describe(&file, family) {
                Err(error) => info.status = error.to_string(),
                Ok(()) if found.nlink() > 1 => info.status = "hard-linked".to_owned(),
                Ok(()) => {}
            },
        }
        Ok(info)
    }

    /// Looks at a file for a listing of this family; nothing when it is not of it.
    ///
    /// What starts as a .npy file and cannot be used, and what cannot be read,
    /// may be an array: it is shown there with its status, so that nothing is
    /// hidden.
    ///
    /// # Errors
    /// None but [`ErrorKind::Missing`].
    pub fn find(name: &Name, family: Family) -> Result<Option<ArrayInfo>> {
        let belongs = match sign_of(name)? {
            Sign::Family(found) => found == family,
            Sign::Damaged(_) | Sign::Hidden => family == Family::Array,
            Sign::Other => false,
        };
        if belongs {
            ArrayInfo::look(name, family).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Whether it is known to be what the listing is of.
    pub fn is_certain(&self) -> bool {
        self.status != "unreadable"
    }

    fn describe(&mut self, file: &File, family: Family) -> Result<()> {
        let header = match sign(file)? {
            Sign::Family(_) => header_of(file)?,
            Sign::Damaged(error) => return Err(error),
            Sign::Other | Sign::Hidden => {
                let message = format!("is not {}", family.phrase());
                return Err(Error::new(ErrorKind::Broken, message));
            }
        };
        self.element = Some(header.element.to_string());
        self.shape = Some(header.shape.clone());
        self.bytes = Some((header.count() * header.element.width) as u64);
        let before = trailer_of(file, &header)?;
        self.generation = before.as_ref().map(|seen| seen.generation);
        let torn = before.as_ref().is_some_and(Seen::is_torn);
        if header.shape.is_empty() && !torn {
            let scalar = read(file, &header)?;
            let after = trailer_of(file, &header)?.map(|seen| seen.generation);
            let steady = header.element.is_atomic()
                || (after == self.generation && !after.is_some_and(trailer::is_changing));
            self.value = Some(steady.then_some(scalar));
        }
        self.status = match () {
            () if Family::of(&header) != family => format!("is {}", Family::of(&header).phrase()),
            () if torn => "torn".to_owned(),
            () => "ok".to_owned(),
        };
        Ok(())
    }
}

impl Described for ArrayInfo {
    fn label(&self) -> &Label {
        &self.label
    }

    fn label_mut(&mut self) -> &mut Label {
        &mut self.label
    }

    fn facts(&self) -> &Facts {
        &self.facts
    }
}

/// Refuses what is not known to be of one of these families.
pub(super) fn require_family(file: &File, families: &[Family]) -> Result<()> {
    let asked = match families {
        [one] => one.phrase(),
        _ => "a value or array",
    };
    let refused = |what: String| Err(Error::new(ErrorKind::Broken, what));
    match sign(file)? {
        Sign::Family(found) if families.contains(&found) => Ok(()),
        Sign::Damaged(_) if families.contains(&Family::Array) => Ok(()),
        Sign::Family(found) => refused(format!("is {}, not {asked}", found.phrase())),
        Sign::Damaged(error) => Err(error),
        Sign::Other | Sign::Hidden => refused(format!("is not {asked}")),
    }
}

/// The command that removes what lies there.
pub(super) fn removal_hint(file: &File) -> String {
    let noun = match sign(file) {
        Ok(Sign::Family(found)) => found.word(),
        Ok(Sign::Damaged(_)) => Family::Array.word(),
        _ => "shm",
    };
    format!("ipc {noun} rm NAME")
}

fn sign_of(name: &Name) -> Result<Sign> {
    match backing::open(&path(name), Access::Read) {
        Ok(file) => sign(&file),
        Err(error) => match error.kind() {
            ErrorKind::Missing => Err(error),
            ErrorKind::Denied => Ok(Sign::Hidden),
            _ => Ok(Sign::Other),
        },
    }
}

fn sign(file: &File) -> Result<Sign> {
    let mut start = [0; 6];
    if file.read_exact_at(&mut start, 0).is_err() || !Header::is_likely(&start) {
        return Ok(Sign::Other);
    }
    Ok(match header_of(file) {
        Ok(header) => Sign::Family(Family::of(&header)),
        Err(error) => Sign::Damaged(error),
    })
}

fn trailer_of(file: &File, header: &Header) -> Result<Option<Seen>> {
    let length = file.metadata().map_err(Error::os)?.len();
    match trailer::place(file, &[], header, length)? {
        Some(at) => Seen::read(file, at).map(Some),
        None => Ok(None),
    }
}

fn read(file: &File, header: &Header) -> Result<Scalar> {
    let mut bytes = vec![0; header.element.width];
    file.read_exact_at(&mut bytes, header.data as u64)
        .map_err(|_| cut())?;
    Ok(header.element.decode_bytes(&bytes))
}
