//! The file of a socket: taken over from the dead, never from the living.
//!
//! A socket is bound under a name of its own beside the real one, listens, and
//! only then gets the name that others know: whoever finds the file finds a
//! server. The kernel's lists keep the first name, so it tells the real one,
//! unless it is too long for the 108 bytes of `sun_path`. One lock on the folder orders those who
//! start or remove, so that two starters cannot both win.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions, TryLockError};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::libc;
use nix::poll::{PollTimeout, poll};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use nix::sys::stat::{Mode as Bits, umask};
use nix::unistd::{Uid, geteuid, linkat};

use crate::backing::kind_of;
use crate::deadline::monotonic_now;
use crate::error::{Error, ErrorKind, Result};
use crate::size::Mode;

/// How long a starter waits for another one, which takes microseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// Device and inode: which file it is, whatever it is called.
pub type Identity = (u64, u64);

/// The folder of a socket, locked for those who start or remove one in it.
#[derive(Debug)]
pub struct Place {
    folder: File,
    path: PathBuf,
}

impl Place {
    /// Opens and locks the folder of `path`.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`], [`ErrorKind::Denied`], or [`ErrorKind::Limit`]
    /// when somebody else keeps it locked.
    pub fn lock(path: &Path) -> Result<Place> {
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        let folder = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_DIRECTORY)
            .open(parent)
            .map_err(Error::os)?;
        let until = monotonic_now().saturating_add(PATIENCE);
        loop {
            match folder.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if monotonic_now() < until => {
                    // The kernel would wait for ever if a stranger kept the lock.
                    let _ = poll(&mut [], PollTimeout::from(2u8));
                }
                Err(TryLockError::WouldBlock) => {
                    let message = "its folder is kept locked by another process";
                    return Err(
                        Error::new(ErrorKind::Limit, message).hint("lslocks shows by which")
                    );
                }
                Err(TryLockError::Error(refusal)) => return Err(Error::os(refusal)),
            }
        }
        Ok(Place {
            folder,
            path: path.to_owned(),
        })
    }

    /// Makes sure that nobody listens there, and that nothing else is there.
    /// Says which dead socket is.
    ///
    /// # Errors
    /// [`ErrorKind::Exists`] for a live socket, [`ErrorKind::Broken`] for
    /// anything that is not one.
    pub fn require_free(&self) -> Result<Option<Identity>> {
        match find(&self.path) {
            Err(error) if error.kind() == ErrorKind::Missing => Ok(None),
            Err(error) => Err(error),
            Ok(found) if found.is_alive()? => {
                let error = Error::new(ErrorKind::Exists, "a server is there already");
                Err(error.hint("ipc sock stat NAME shows which"))
            }
            Ok(found) => Ok(Some(found.identity)),
        }
    }

    /// Binds a socket under a name of its own; `publish` gives it the real one.
    ///
    /// # Errors
    /// When the folder refuses.
    pub fn bind(&self, socket: BorrowedFd<'_>, mode: Mode) -> Result<()> {
        // What a starter left that was killed before it gave the real name is
        // cleared by the next one for the same name.
        let _ = std::fs::remove_file(self.draft());
        let short = UnixAddr::new(&self.draft()).map_err(Error::os)?;
        let cut = Bits::from_bits_truncate(!mode.0 & 0o777);
        // The mode is exact from the first moment: there is one thread.
        let former = umask(cut);
        let bound = nix::sys::socket::bind(socket.as_raw_fd(), &short);
        umask(former);
        bound.map_err(Error::os)
    }

    /// Gives a bound socket its real name, in the place of a dead one.
    ///
    /// # Errors
    /// When something came there that is not the dead one.
    pub fn publish(&self, dead: Option<Identity>) -> Result<Identity> {
        let draft = self.draft();
        let found = std::fs::symlink_metadata(&draft).map_err(Error::os)?;
        let published = match dead {
            Some(_) => std::fs::rename(&draft, &self.path).map_err(Error::os),
            // Fails where a rename would replace what a stranger put there.
            None => {
                linkat(AT_FDCWD, &draft, AT_FDCWD, &self.path, AtFlags::empty()).map_err(Error::os)
            }
        };
        if published.is_err() || dead.is_none() {
            let _ = std::fs::remove_file(&draft);
        }
        published.map(|()| (found.dev(), found.ino()))
    }

    /// Removes the file if it is the one that is meant.
    pub fn remove(&self, own: Identity) {
        let is_own = find(&self.path).is_ok_and(|found| found.identity == own);
        if is_own {
            let _ = std::fs::remove_file(&self.path);
        }
    }

    /// The name to be bound under; where it would be too long a short one by
    /// descriptor, whatever the folder is called.
    fn draft(&self) -> PathBuf {
        let user = geteuid();
        let telling = draft_of(&self.path, user);
        if let Some(telling) = telling.filter(|path| UnixAddr::new(path).is_ok()) {
            return telling;
        }
        let folder = self.folder.as_raw_fd();
        PathBuf::from(format!("/proc/self/fd/{folder}/.ipc.{user}"))
    }
}

fn draft_of(path: &Path, user: Uid) -> Option<PathBuf> {
    let path = std::path::absolute(path).ok()?;
    let mut name = OsString::from(".");
    name.push(path.file_name()?);
    name.push(format!(".ipc.{user}"));
    Some(path.with_file_name(name))
}

/// The path of a socket whose first name this was; nothing when it was not
/// made here. To be checked: the file may have been moved.
pub fn path_of_draft(draft: &Path) -> Option<PathBuf> {
    let name = draft.file_name()?.as_bytes();
    let at = name.windows(5).rposition(|part| part == b".ipc.")?;
    let real = name.get(1..at).filter(|real| !real.is_empty())?;
    let is_ours = name[0] == b'.' && name[at + 5..].iter().all(u8::is_ascii_digit);
    is_ours.then(|| draft.with_file_name(OsStr::from_bytes(real)))
}

/// A socket file that was found, held so that it cannot become another.
#[derive(Debug)]
pub struct Found {
    handle: File,
    /// Which file it is.
    pub identity: Identity,
    path: PathBuf,
}

/// Finds a socket file without following a symbolic link.
///
/// # Errors
/// [`ErrorKind::Missing`], [`ErrorKind::Denied`], or [`ErrorKind::Broken`] for
/// anything that is not a socket.
pub fn find(path: &Path) -> Result<Found> {
    let handle = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_PATH | libc::O_NOFOLLOW)
        .open(path)
        .map_err(Error::os)?;
    let found = handle.metadata().map_err(Error::os)?;
    if !found.file_type().is_socket() {
        let kind = kind_of(&found);
        let error = Error::new(ErrorKind::Broken, format!("is a {kind}, not a socket"));
        return Err(match kind {
            "symlink" => error.hint("give the path that it leads to"),
            _ => error,
        });
    }
    Ok(Found {
        handle,
        identity: (found.dev(), found.ino()),
        path: path.to_owned(),
    })
}

impl Found {
    /// What connect(2) takes for it: always short, always this very file.
    pub fn address(&self) -> Result<UnixAddr> {
        let short = format!("/proc/self/fd/{}", self.handle.as_raw_fd());
        match UnixAddr::new(short.as_str()) {
            Ok(address) if Path::new("/proc/self/fd").exists() => Ok(address),
            _ => UnixAddr::new(&self.path).map_err(Error::os),
        }
    }

    /// Owner, mode, place and time.
    ///
    /// # Errors
    /// None in practice, fstat(2).
    pub fn metadata(&self) -> Result<std::fs::Metadata> {
        self.handle.metadata().map_err(Error::os)
    }

    /// The descriptor by which it was found: it opens nothing and holds it.
    pub fn into_handle(self) -> File {
        self.handle
    }

    /// Whether a process has it bound. Disturbs nobody: a server of a stream
    /// never hears of a datagram socket that asks.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`] when this user may not connect.
    pub fn is_alive(&self) -> Result<bool> {
        let probe = probe()?;
        match connect(probe.as_raw_fd(), &self.address()?) {
            // Somebody is there, of this type or another, busy or not.
            Ok(()) | Err(Errno::EPROTOTYPE | Errno::EAGAIN | Errno::EPERM) => Ok(true),
            Err(Errno::ECONNREFUSED | Errno::ENOENT) => Ok(false),
            Err(errno) => Err(Error::os(errno)),
        }
    }

    /// Whether it is a datagram socket, known only while it is alive.
    pub fn takes_datagrams(&self) -> bool {
        let connected = probe().and_then(|probe| {
            let address = self.address()?;
            connect(probe.as_raw_fd(), &address).map_err(Error::os)
        });
        connected.is_ok()
    }
}

impl AsFd for Found {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }
}

fn probe() -> Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    socket(AddressFamily::Unix, SockType::Datagram, flags, None).map_err(Error::os)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_of_a_socket_tells_the_real_one() {
        let user = Uid::from_raw(12);
        for path in ["/run/x.sock", "/tmp/a.ipc.b", "/tmp/ü"] {
            let draft = draft_of(Path::new(path), user).unwrap();
            assert_ne!(draft, Path::new(path));
            assert_eq!(path_of_draft(&draft).unwrap(), Path::new(path));
        }
        for other in [
            "/run/x.sock",
            "/tmp/.ipc.0",
            "/tmp/.x.ipc.y",
            "/tmp/x.ipc.0",
            "/",
        ] {
            assert_eq!(path_of_draft(Path::new(other)), None, "{other}");
        }
    }
}
