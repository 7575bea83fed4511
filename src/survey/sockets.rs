//! Finding sockets, and the processes that have them.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use nix::sys::stat::fstat;

use crate::error::{Error, ErrorKind, Result};
use crate::facts::Label;
use crate::name::{Name, Scope};
use crate::object::socket::place::path_of_draft;
use crate::object::socket::{Address, PREFIX, SocketInfo, diag};
use crate::process::identity::{all, has_open};
use crate::runtime;

/// Looks at one socket. Its server does not notice.
///
/// # Errors
/// [`ErrorKind::Missing`], [`ErrorKind::Broken`] for what is not a socket.
pub fn look(address: &Address, scope: &Scope) -> Result<SocketInfo> {
    let mut info = SocketInfo::look(address, scope)?;
    find_processes(std::slice::from_mut(&mut info));
    Ok(info)
}

/// The sockets of the runtime folder within a scope, by name.
///
/// # Errors
/// When the folder cannot be read.
pub fn list(scope: &Scope) -> Result<Vec<SocketInfo>> {
    let Some(folder) = runtime::existing()? else {
        return Ok(Vec::new());
    };
    let about = |error: Error| error.about(folder.display());
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(refusal) if refusal.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(refusal) => return Err(about(Error::os(refusal))),
    };
    let bound = diag::bound().unwrap_or_default();
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|refusal| about(Error::os(refusal)))?;
        let file = entry.file_name();
        let bytes = file.as_encoded_bytes();
        let Some(full) = bytes.strip_prefix(PREFIX.as_bytes()) else {
            continue;
        };
        let Some(shown) = scope.strip(full).filter(|shown| !shown.is_empty()) else {
            continue;
        };
        let path = Name::listed(full).file_in(&folder, PREFIX);
        let label = Label::new(shown);
        let looked = SocketInfo::of_file(&path, label.clone(), &bound);
        match looked {
            Ok(info) => found.push(info),
            Err(error) if error.kind() == ErrorKind::Missing => {}
            Err(_) => found.extend(SocketInfo::of_another(&path, label).ok()),
        }
    }
    found.sort_by(|one, other| one.label.bytes().cmp(other.label.bytes()));
    find_processes(&mut found);
    Ok(found)
}

/// A bound socket, to be found in processes.
#[derive(Debug, Clone)]
pub struct Bound {
    /// Its name, the path of one outside of the runtime folder, or `@name`.
    pub label: Label,
    /// Whether it was found there. What bears an abstract name cannot be apart
    /// from it.
    pub is_found: bool,
}

/// The bound sockets of this network namespace by their own inode. With a
/// scope, names within it, and paths, which have none.
pub fn bound(scope: &Scope) -> HashMap<u64, Bound> {
    let named = runtime::named(PREFIX);
    // Where the kernel does not list them nobody is known to have any.
    let entries = diag::bound().unwrap_or_default().into_iter();
    let known = |entry: &diag::Entry| {
        let own = named.iter().find(|(identity, _)| entry.is_at(**identity));
        let (label, is_found) = match (own, &entry.name, &entry.path) {
            (Some((_, name)), ..) => (Label::new(scope.strip(name)?), true),
            (None, Some(name), _) => {
                let shown = scope.strip(name)?;
                (Label::of_path(&[b"@", shown].concat()), true)
            }
            (None, None, Some(path)) => {
                let bound = Path::new(OsStr::from_bytes(path));
                // Ours are bound under another name first.
                let path = path_of_draft(bound).unwrap_or_else(|| bound.to_owned());
                let found = std::fs::symlink_metadata(&path);
                let is_it = |found: Metadata| entry.is_at((found.dev(), found.ino()));
                let label = Label::of_path(path.as_os_str().as_bytes());
                (label, found.is_ok_and(is_it))
            }
            (None, None, None) => return None,
        };
        Some(Bound { label, is_found })
    };
    entries
        .filter_map(|entry| Some((entry.inode, known(&entry)?)))
        .collect()
}

/// Fills in which processes have the sockets, in one pass.
fn find_processes(infos: &mut [SocketInfo]) {
    if infos.iter().all(|info| info.socket.is_none()) {
        return;
    }
    let flags = SockFlag::SOCK_CLOEXEC;
    // Any socket tells on which device all of them are.
    let Some(device) = socket(AddressFamily::Unix, SockType::Stream, flags, None)
        .ok()
        .and_then(|own| fstat(&own).ok())
        .map(|found| found.st_dev)
    else {
        return;
    };
    for info in infos.iter_mut().filter(|info| info.path.path.is_none()) {
        info.facts.device = device;
    }
    for pid in all() {
        for info in infos.iter_mut() {
            if let Some(inode) = info.socket
                && has_open(pid, device, inode)
            {
                info.pids.push(pid);
            }
        }
    }
}
