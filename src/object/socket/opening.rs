//! Finding a server and connecting to it.

use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::socket::sockopt::{PassCred, SendTimeout};
use nix::sys::socket::{UnixAddr, bind, connect, setsockopt};
use nix::sys::time::{TimeVal, TimeValLike};

use super::address::{Address, abstract_name};
use super::place::find;
use super::{Connection, Type, new_socket};
use crate::deadline::monotonic_now;
use crate::error::{Error, ErrorKind, Result};
use crate::wait::{RECHECK, Wait};

/// One attempt to connect.
pub(super) fn connected(address: &Address, kind: Type, wait: &mut Wait) -> Result<Connection> {
    let socket = new_socket(kind)?;
    let raw = socket.as_raw_fd();
    if kind == Type::Datagram {
        // A name that the kernel chooses, so that there is where to answer to.
        bind(raw, &UnixAddr::new_unnamed()).map_err(Error::os)?;
        setsockopt(&socket, PassCred, &true).map_err(Error::os)?;
    }
    let target = match (address, address.file()?) {
        (Address::Abstract(name), _) => abstract_name(name)?,
        (_, Some(path)) => {
            let found = find(&path).map_err(|error| match error.kind() {
                ErrorKind::Missing => nobody(error),
                _ => error,
            })?;
            let result = join(&socket, &found.address()?, wait);
            return result.map(|()| Connection::new(socket, kind));
        }
        (_, None) => return Err(Error::new(ErrorKind::Usage, "has no address")),
    };
    join(&socket, &target, wait).map(|()| Connection::new(socket, kind))
}

/// Connects, waiting for room in the queue of the server.
fn join(socket: &OwnedFd, target: &UnixAddr, wait: &mut Wait) -> Result<()> {
    let raw = socket.as_raw_fd();
    let mut flags = OFlag::O_NONBLOCK;
    loop {
        fcntl(socket, FcntlArg::F_SETFL(flags)).map_err(Error::os)?;
        let result = connect(raw, target);
        match result {
            Ok(()) => {
                fcntl(socket, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(Error::os)?;
                return Ok(());
            }
            Err(Errno::EINTR) => wait.interrupted()?,
            // No event tells of room in a queue, so connect(2) itself sleeps.
            Err(Errno::EAGAIN) => {
                let until = wait.next(Some(RECHECK))?;
                let left = until.map_or(RECHECK, |moment| moment.saturating_sub(monotonic_now()));
                let micros = i64::try_from(left.as_micros()).unwrap_or(i64::MAX);
                let left = TimeVal::microseconds(micros.max(1));
                setsockopt(socket, SendTimeout, &left).map_err(Error::os)?;
                flags = OFlag::empty();
            }
            Err(errno @ (Errno::ECONNREFUSED | Errno::ENOENT)) => {
                return Err(nobody(Error::os(errno).meaning(ErrorKind::Missing)));
            }
            Err(errno @ Errno::EPROTOTYPE) => {
                return Err(Error::os(errno)
                    .saying("the socket there is of another type")
                    .meaning(ErrorKind::Exists)
                    .hint("ipc sock stat NAME shows of which"));
            }
            Err(errno) => return Err(Error::os(errno)),
        }
    }
}

fn nobody(error: Error) -> Error {
    error
        .saying("nobody listens there")
        .hint("--wait waits until somebody does")
}

/// Watches the folder where a socket is to come.
pub(super) fn watch(address: &Address) -> Option<Inotify> {
    let path = address.file().ok()??;
    let news = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).ok()?;
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let what = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO;
    news.add_watch(parent.unwrap_or(std::path::Path::new(".")), what)
        .ok()?;
    Some(news)
}
