//! The kernel's own list of unix sockets, sock_diag(7).
//!
//! The file of a socket does not say of which type it is, whether anybody
//! listens, or how many wait. Connecting would tell, and disturb the server.

use std::os::fd::{AsRawFd, OwnedFd};

use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket,
};
use nix::sys::stat::{major, minor};

use super::Type;
use super::place::Identity;
use crate::error::{Error, Result};

/// Of linux/sock_diag.h and linux/unix_diag.h.
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const REQUEST_DUMP: u16 = 0x301;
const DONE: u16 = 3;
const ERROR: u16 = 2;
const SHOW_NAME_VFS_QUEUE_UID: u32 = 0x01 | 0x02 | 0x10 | 0x40;
const NAME: u16 = 0;
const VFS: u16 = 1;
const QUEUE: u16 = 4;
const UID: u16 = 7;
/// The states of a connected socket, and of one that waits for connections.
const ESTABLISHED: u8 = 1;
const LISTEN: u8 = 10;

/// Sizes of nlmsghdr and unix_diag_msg.
const HEADER: usize = 16;
const MESSAGE: usize = 16;

/// A bound socket, as the kernel lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// How its bytes are kept.
    pub kind: Type,
    /// Whether it waits for connections.
    pub listens: bool,
    /// Inode of the socket itself, as descriptors of its process show it.
    pub inode: u64,
    /// The file, where it has one: the kernel's device number and half an inode.
    file: Option<(u32, u32)>,
    /// The abstract name, where it has one.
    pub name: Option<Vec<u8>>,
    /// The path that it was bound to, as it was written then.
    pub path: Option<Vec<u8>>,
    /// Connections that wait, and how many may.
    pub queue: Option<(u32, u32)>,
    /// The user who made it.
    pub uid: Option<u32>,
}

impl Entry {
    /// Whether it is the socket of this file.
    pub fn is_at(&self, (device, inode): Identity) -> bool {
        let device = major(device) << 20 | minor(device);
        self.file == Some((device as u32, inode as u32))
    }
}

/// The bound unix sockets of this network namespace, but connections.
///
/// # Errors
/// When the kernel was built without it.
pub fn bound() -> Result<Vec<Entry>> {
    let asked = ask()?;
    let mut found = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let raw = asked.as_raw_fd();
        let length = recv(raw, &mut buffer, MsgFlags::empty()).map_err(Error::os)?;
        let mut rest = &buffer[..length];
        while rest.len() >= HEADER {
            let size = (word(rest, 0) as usize).clamp(HEADER, rest.len());
            match half(rest, 4) {
                DONE => return Ok(found),
                ERROR => {
                    let errno = -(word(rest, HEADER).cast_signed());
                    return Err(Error::os(std::io::Error::from_raw_os_error(errno)));
                }
                SOCK_DIAG_BY_FAMILY => found.extend(entry(&rest[HEADER..size])),
                _ => {}
            }
            rest = &rest[size.next_multiple_of(4).min(rest.len())..];
        }
    }
}

fn ask() -> Result<OwnedFd> {
    let diag = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkSockDiag,
    )
    .map_err(Error::os)?;
    let mut request = Vec::with_capacity(40);
    request.extend(40_u32.to_ne_bytes());
    request.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    request.extend(REQUEST_DUMP.to_ne_bytes());
    request.extend([0; 8]);
    let family = AddressFamily::Unix as u8;
    request.extend([family, 0, 0, 0]);
    request.extend(u32::MAX.to_ne_bytes());
    request.extend(0_u32.to_ne_bytes());
    request.extend(SHOW_NAME_VFS_QUEUE_UID.to_ne_bytes());
    request.extend(u64::MAX.to_ne_bytes());
    send(diag.as_raw_fd(), &request, MsgFlags::empty()).map_err(Error::os)?;
    Ok(diag)
}

/// One socket; nothing for those without a name, of other types, or taken by
/// a server.
fn entry(message: &[u8]) -> Option<Entry> {
    if message.len() < MESSAGE {
        return None;
    }
    let kind = match message[1] {
        1 => Type::Stream,
        2 => Type::Datagram,
        5 => Type::Seqpacket,
        _ => return None,
    };
    // What a server has taken bears the server's own name and file.
    if message[2] == ESTABLISHED && kind != Type::Datagram {
        return None;
    }
    let mut entry = Entry {
        kind,
        listens: message[2] == LISTEN,
        inode: word(message, 4).into(),
        file: None,
        name: None,
        path: None,
        queue: None,
        uid: None,
    };
    let mut rest = &message[MESSAGE..];
    while rest.len() >= 4 {
        let size = usize::from(half(rest, 0)).clamp(4, rest.len());
        let value = &rest[4..size];
        match (half(rest, 2), value.len()) {
            (NAME, 2..) if value[0] == 0 => entry.name = Some(value[1..].to_vec()),
            (NAME, 1..) => {
                let path = value.split(|byte| *byte == 0).next();
                entry.path = path.map(<[u8]>::to_vec);
            }
            (VFS, 8..) => entry.file = Some((word(value, 4), word(value, 0))),
            (QUEUE, 8..) => entry.queue = Some((word(value, 0), word(value, 4))),
            (UID, 4..) => entry.uid = Some(word(value, 0)),
            _ => {}
        }
        rest = &rest[size.next_multiple_of(4).min(rest.len())..];
    }
    (entry.file.is_some() || entry.name.is_some()).then_some(entry)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let part = bytes.get(at..at + 4).and_then(|part| part.try_into().ok());
    part.map_or(0, u32::from_ne_bytes)
}

fn half(bytes: &[u8], at: usize) -> u16 {
    let part = bytes.get(at..at + 2).and_then(|part| part.try_into().ok());
    part.map_or(0, u16::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::net::UnixListener;

    #[test]
    fn a_listener_is_found_by_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        let _client = std::os::unix::net::UnixStream::connect(&path).unwrap();
        let _taken = listener.accept().unwrap();
        let found = std::fs::metadata(&path).unwrap();
        let identity = (found.dev(), found.ino());
        let all = bound().unwrap();
        let own: Vec<_> = all.iter().filter(|one| one.is_at(identity)).collect();
        assert_eq!(own.len(), 1, "{all:?}");
        assert_eq!(own[0].kind, Type::Stream);
        assert!(own[0].listens);
        assert_eq!(own[0].queue.unwrap().0, 0);
    }
}
