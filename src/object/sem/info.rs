//! Looking at semaphores without taking part.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::Serialize;

use super::{layout, missing, one_name, path};
use crate::backing::{self, Access};
use crate::error::{Error, ErrorKind, Result};
use crate::facts::{Described, Facts, Label};
use crate::name::Name;

/// What a listing or `stat` shows of a semaphore.
#[derive(Debug, Clone, Serialize)]
pub struct SemaphoreInfo {
    /// Always `sem`.
    pub kind: &'static str,
    #[serde(flatten)]
    /// Its name.
    pub label: Label,
    /// `ok`, or what lies there instead of a semaphore.
    pub status: String,
    /// Units that can be taken; unknown when it is not a readable semaphore.
    pub value: Option<u32>,
    /// Processes that wait. A hint: one that was killed stays counted.
    pub waiters: Option<u32>,
    #[serde(flatten)]
    /// Owner, mode, place and time.
    pub facts: Facts,
}

impl SemaphoreInfo {
    /// Looks at a semaphore, whatever its state, without mapping it.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`].
    pub fn look(name: &Name) -> Result<SemaphoreInfo> {
        let path = path(name);
        let found = backing::look(&path).map_err(|error| missing(error).about(name))?;
        let (status, word) = match () {
            () if !found.is_file() => (backing::kind_of(&found).to_owned(), None),
            () if found.len() == 0 => ("empty".to_owned(), None),
            () => match word_at(&path) {
                Ok(word) if found.nlink() > 1 => ("hard-linked".to_owned(), Some(word)),
                Ok(word) => ("ok".to_owned(), Some(word)),
                // It went away between two looks.
                Err(error) if error.kind() == ErrorKind::Missing => {
                    return Err(missing(error).about(name));
                }
                Err(error) => (status_of(&error), None),
            },
        };
        Ok(SemaphoreInfo {
            kind: "sem",
            label: Label::new(name.as_bytes()),
            status,
            value: word.map(layout::value_of),
            waiters: word.map(layout::waiters_of),
            facts: Facts::from(&found),
        })
    }
}

/// The value of a semaphore, read without taking part: needs read permission alone.
///
/// # Errors
/// [`ErrorKind::Missing`], [`ErrorKind::Denied`], [`ErrorKind::Broken`].
pub fn peek(name: &Name) -> Result<u32> {
    let value = || {
        let (file, found) = backing::open_and_look(&path(name), Access::Read)?;
        let word = layout::read(&file, &found)?;
        // As those refuse it who take and give.
        one_name(&file, &found)?;
        Ok(layout::value_of(word))
    };
    value().map_err(|error: Error| missing(error).about(name))
}

fn word_at(path: &Path) -> Result<u64> {
    let (file, found) = backing::open_and_look(path, Access::Read)?;
    layout::read(&file, &found)
}

fn status_of(error: &Error) -> String {
    match error.kind() {
        ErrorKind::Denied => "unreadable".to_owned(),
        ErrorKind::Broken => "corrupt".to_owned(),
        _ => error.to_string(),
    }
}

impl Described for SemaphoreInfo {
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
