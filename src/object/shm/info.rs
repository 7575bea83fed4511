//! What is known of a segment without opening it.

use std::os::unix::fs::MetadataExt;

use serde::Serialize;

use super::names::path;
use super::refusal::explained;
use crate::backing;
use crate::error::{Error, ErrorKind, Result};
use crate::facts::{Described, Facts, Label};
use crate::name::Name;

/// What a listing or `stat` shows of a segment.
#[derive(Debug, Clone, Serialize)]
pub struct SegmentInfo {
    /// Always `shm`.
    pub kind: &'static str,
    #[serde(flatten)]
    /// Its name.
    pub label: Label,
    /// `ok`, or what lies there instead of a segment.
    pub status: &'static str,
    /// Bytes.
    pub size: u64,
    /// Bytes of memory in use; less than the size when sparse.
    pub allocated: u64,
    #[serde(flatten)]
    /// Owner, mode, place and time.
    pub facts: Facts,
}

impl SegmentInfo {
    /// Looks at a segment without opening it: needs no permission on it.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Missing`].
    pub fn look(name: &Name) -> Result<SegmentInfo> {
        let found = backing::look(&path(name)).map_err(|error| explained(error).about(name))?;
        let status = match backing::kind_of(&found) {
            "file" if found.size() == 0 => "empty",
            "file" if found.nlink() > 1 => "hard-linked",
            "file" => "ok",
            other => other,
        };
        Ok(SegmentInfo {
            kind: "shm",
            label: Label::new(name.as_bytes()),
            status,
            size: found.size(),
            allocated: found.blocks() * 512,
            facts: Facts::from(&found),
        })
    }
}

impl SegmentInfo {
    /// Refuses what lies under a name and is no file: a link, a socket.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`], and [`ErrorKind::Broken`] for what is no segment.
    pub fn require_file(name: &Name) -> Result<()> {
        let found = backing::look(&path(name)).map_err(|error| explained(error).about(name))?;
        if found.is_file() {
            return Ok(());
        }
        let message = format!("is a {}, not an object", backing::kind_of(&found));
        let error = Error::new(ErrorKind::Broken, message).about(name);
        Err(if found.is_dir() {
            error
        } else {
            error.hint("ipc shm rm NAME")
        })
    }
}

impl Described for SegmentInfo {
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
