//! FIFOs: which there are, who has them open, and what is in them.

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::libc;
use nix::unistd::geteuid;
use serde::Serialize;

use super::scan::file_names;
use crate::backing::kind_of;
use crate::error::{Error, ErrorKind, Result};
use crate::facts::{Described, Facts, Label, PathLabel};
use crate::name::{Name, Scope};
use crate::object::fifo::{self, Fifo};
use crate::place::Place;
use crate::process::identity::{self, CommandLine, Descriptor, Process};
use crate::runtime;
use crate::sys::pipe;

/// What stands before the name of a FIFO in the runtime folder.
pub const PREFIX: &str = "pipe.";

/// A process that has an end of a FIFO open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct User {
    /// Its number.
    pub pid: i32,
    /// What it runs.
    #[serde(flatten)]
    pub command: CommandLine,
}

/// What a listing or `stat` shows of a FIFO.
#[derive(Debug, Clone, Serialize)]
pub struct PipeInfo {
    /// Always `pipe`.
    pub kind: &'static str,
    #[serde(flatten)]
    /// Its name, or the path that was given.
    pub label: Label,
    /// Where it lies.
    #[serde(flatten)]
    pub path: PathLabel,
    /// `ok`, or what lies there instead of a FIFO.
    pub status: &'static str,
    /// Who has it open for reading, as far as that can be seen.
    pub readers: Vec<User>,
    /// Who has it open for writing.
    pub writers: Vec<User>,
    /// Bytes in it that nobody has read; unknown where no open end may be looked at.
    pub waiting: Option<u64>,
    /// Bytes that it holds; nothing as long as nobody has it open.
    pub capacity: Option<u64>,
    #[serde(flatten)]
    /// Owner, mode, place and time.
    pub facts: Facts,
}

impl Described for PipeInfo {
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

impl PipeInfo {
    /// Looks at one FIFO, without opening it: that would wake who waits for
    /// the other end.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`], [`ErrorKind::Broken`] for anything else.
    pub fn look(place: &Place) -> Result<PipeInfo> {
        let about = |error: Error| missing(place, error);
        let path = place.file(PREFIX).map_err(about)?;
        let fifo = Fifo::find(&path).map_err(about)?;
        let label = place.label(&Scope::default());
        let mut found = [PipeInfo::new(label, &path, fifo.metadata())];
        add_users(&mut found);
        let [found] = found;
        Ok(found)
    }

    fn new(label: Label, path: &Path, found: &std::fs::Metadata) -> PipeInfo {
        let status = match kind_of(found) {
            "fifo" => "ok",
            other => other,
        };
        PipeInfo {
            kind: "pipe",
            label,
            path: path.into(),
            status,
            readers: Vec::new(),
            writers: Vec::new(),
            waiting: (status == "ok" && is_seen_whole(found)).then_some(0),
            capacity: None,
            facts: Facts::from(found),
        }
    }
}

/// Whether this user can look at every process that may have it open.
fn is_seen_whole(found: &std::fs::Metadata) -> bool {
    let me = geteuid();
    me.is_root() || found.uid() == me.as_raw() && found.mode() & 0o066 == 0
}

/// The FIFOs within a scope that lie in the runtime folder, by name.
///
/// # Errors
/// When the folder cannot be read.
pub fn list(scope: &Scope) -> Result<Vec<PipeInfo>> {
    let Some(folder) = runtime::existing()? else {
        return Ok(Vec::new());
    };
    let mut pipes = Vec::new();
    for file in file_names(&folder)? {
        let name = file.strip_prefix(PREFIX.as_bytes());
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            continue;
        };
        let Some(shown) = scope.strip(name) else {
            continue;
        };
        let path = Name::listed(name).file_in(&folder, PREFIX);
        // What went away meanwhile is left out.
        if let Ok(found) = std::fs::symlink_metadata(&path) {
            pipes.push(PipeInfo::new(Label::new(shown), &path, &found));
        }
    }
    add_users(&mut pipes);
    Ok(pipes)
}

/// The error of a FIFO that is not there.
pub fn missing(place: &Place, error: Error) -> Error {
    let error = place.missing("pipe", error);
    match error.kind() {
        ErrorKind::Missing => error.hint("ipc pipe create NAME"),
        _ => error,
    }
}

/// One pass over all processes for all FIFOs.
fn add_users(pipes: &mut [PipeInfo]) {
    let wanted: BTreeSet<(u64, u64)> = pipes
        .iter()
        .filter(|pipe| pipe.status == "ok")
        .map(|pipe| (pipe.facts.device, pipe.facts.inode))
        .collect();
    if wanted.is_empty() {
        return;
    }
    let this = std::process::id().cast_signed();
    for pid in identity::all().into_iter().filter(|pid| *pid != this) {
        let open = identity::open_files(pid, |device, inode| wanted.contains(&(device, inode)));
        for pipe in pipes.iter_mut() {
            let own: Vec<&Descriptor> = open
                .iter()
                .filter(|one| (one.device, one.inode) == (pipe.facts.device, pipe.facts.inode))
                .filter(|one| one.reads || one.writes)
                .collect();
            if !own.is_empty() {
                add_user(pipe, pid, &own);
            }
        }
    }
}

fn add_user(pipe: &mut PipeInfo, pid: i32, open: &[&Descriptor]) {
    let user = User {
        pid,
        command: CommandLine::of(pid),
    };
    if open.iter().any(|one| one.reads) {
        pipe.readers.push(user.clone());
    }
    if open.iter().any(|one| one.writes) {
        pipe.writers.push(user);
    }
    if pipe.capacity.is_none() {
        let end = open.iter().find_map(|one| copy_of(pid, one));
        pipe.capacity = end.as_ref().and_then(|end| fifo::capacity(end).ok());
        pipe.waiting = end.as_ref().and_then(|end| pipe::waiting(end).ok());
    }
}

/// The end that a process has open, as it has it.
fn copy_of(pid: i32, open: &Descriptor) -> Option<OwnedFd> {
    let end = Process::open(pid).ok()?.copy_of(open.number).ok()?;
    // The process may have opened something else under that number since.
    let found = nix::sys::stat::fstat(&end).ok()?;
    let is_fifo = found.st_mode & libc::S_IFMT == libc::S_IFIFO;
    (is_fifo && (found.st_dev, found.st_ino) == (open.device, open.inode)).then_some(end)
}
