//! What can be seen of a socket without connecting to it.

use std::path::Path;

use serde::Serialize;

use super::address::Address;
use super::diag::{self, Entry};
use super::place::find;
use crate::error::{Error, ErrorKind, Result};
use crate::facts::{Described, Facts, Label, PathLabel};
use crate::name::Scope;

/// What a listing or `stat` shows of a socket.
#[derive(Debug, Clone, Serialize)]
pub struct SocketInfo {
    /// Always `sock`.
    pub kind: &'static str,
    /// Its name.
    #[serde(flatten)]
    pub label: Label,
    /// `ok`; `stale` when the server is dead and only its file is left;
    /// `not a socket`; `unreadable` when this user may not connect.
    pub status: &'static str,
    /// `stream`, `seqpacket` or `dgram`, while somebody has it.
    #[serde(rename = "type")]
    pub socket_type: Option<&'static str>,
    /// Whether it waits for connections.
    pub listening: Option<bool>,
    /// Connections that nobody has taken yet.
    pub waiting: Option<u32>,
    /// How many connections may wait.
    pub backlog: Option<u32>,
    /// Processes that have it, as far as this user may see.
    pub pids: Vec<i32>,
    /// The file, for other programs.
    #[serde(flatten)]
    pub path: PathLabel,
    /// Owner, mode, place and time of the file. An abstract name has none: the
    /// owner is that of the socket, device and inode are its own.
    #[serde(flatten)]
    pub facts: Facts,
    /// Inode of the socket itself, as descriptors show it.
    #[serde(skip)]
    pub socket: Option<u64>,
}

impl SocketInfo {
    /// Looks at a socket. Its server does not notice.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`], [`ErrorKind::Broken`] for what is not a socket.
    pub fn look(address: &Address, scope: &Scope) -> Result<SocketInfo> {
        let bound = diag::bound().unwrap_or_default();
        let label = address.label(scope);
        match (address, address.existing_file()?) {
            (Address::Abstract(name), _) => of_abstract(name, label, &bound),
            (_, Some(path)) => SocketInfo::of_file(&path, label, &bound),
            (_, None) => Err(Error::new(ErrorKind::Missing, "no such socket")),
        }
        .map_err(|error| match error.kind() {
            ErrorKind::Missing => error.saying("no such socket").or_about(address),
            _ => error.or_about(address),
        })
    }

    /// Looks at the socket of a file, given what the kernel lists.
    ///
    /// # Errors
    /// As [`SocketInfo::look`].
    pub fn of_file(path: &Path, label: Label, bound: &[Entry]) -> Result<SocketInfo> {
        let found = find(path)?;
        let entry = bound.iter().find(|entry| entry.is_at(found.identity));
        let status = match (entry, found.is_alive()) {
            (Some(_), _) | (None, Ok(true)) => "ok",
            (None, Ok(false)) => "stale",
            (None, Err(_)) => "unreadable",
        };
        let facts = Facts::from(&found.metadata()?);
        Ok(SocketInfo::new(label, status, entry, Some(path), facts))
    }

    /// Something else that lies where a socket could be.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`].
    pub fn of_another(path: &Path, label: Label) -> Result<SocketInfo> {
        let found = std::fs::symlink_metadata(path).map_err(Error::os)?;
        let facts = Facts::from(&found);
        Ok(SocketInfo::new(
            label,
            "not a socket",
            None,
            Some(path),
            facts,
        ))
    }

    fn new(
        label: Label,
        status: &'static str,
        entry: Option<&Entry>,
        path: Option<&Path>,
        facts: Facts,
    ) -> SocketInfo {
        let queue = entry
            .filter(|entry| entry.listens)
            .and_then(|entry| entry.queue);
        SocketInfo {
            kind: "sock",
            label,
            status,
            socket_type: entry.map(|entry| entry.kind.word()),
            listening: entry.map(|entry| entry.listens),
            waiting: queue.map(|(waiting, _)| waiting),
            backlog: queue.map(|(_, most)| most),
            pids: Vec::new(),
            path: path.map(PathLabel::from).unwrap_or_default(),
            facts,
            socket: entry.map(|entry| entry.inode),
        }
    }
}

fn of_abstract(name: &[u8], label: Label, bound: &[Entry]) -> Result<SocketInfo> {
    let entry = bound
        .iter()
        .find(|entry| entry.name.as_deref() == Some(name))
        .ok_or_else(|| Error::new(ErrorKind::Missing, "no such socket"))?;
    let facts = Facts {
        // No file guards it: whoever is in the network namespace gets there.
        mode: None,
        uid: entry.uid,
        gid: None,
        // Of the socket itself; the device is that of all sockets.
        device: 0,
        inode: entry.inode,
        modified: None,
    };
    Ok(SocketInfo::new(label, "ok", Some(entry), None, facts))
}

impl Described for SocketInfo {
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
