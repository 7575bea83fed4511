//! What the processes of a tree tell the one that made it, through a pipe.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::unistd::{pipe2, read, write};

use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::sys::wait::Ending;

/// One message; written in one piece, since it is smaller than PIPE_BUF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Record {
    /// A node has all its children.
    Built { node: usize, pid: i32 },
    /// A child of the root was left a zombie.
    Zombie { pid: i32 },
    /// One whose parent has gone.
    Orphan { pid: i32 },
    /// A node could not start another process.
    Failed { errno: i32 },
    /// The command of a node has ended, or could not be started.
    Command { node: usize, exit: Exit },
    /// A parent took the end of its child.
    Reaped { pid: i32, ending: Ending },
}

const SIZE: usize = 16;

impl Record {
    fn encode(self) -> [u8; SIZE] {
        let [kind, first, second, third] = match self {
            Record::Built { node, pid } => [0, node as i32, pid, 0],
            Record::Zombie { pid } => [1, pid, 0, 0],
            Record::Orphan { pid } => [2, pid, 0, 0],
            Record::Failed { errno } => [3, errno, 0, 0],
            Record::Command { node, exit } => {
                let (how, number) = match exit {
                    Exit::Signal(signal) => (1, signal),
                    Exit::CannotExecute => (2, 0),
                    Exit::CommandNotFound => (3, 0),
                    Exit::Failed => (4, 0),
                    exit => (0, i32::from(exit.code())),
                };
                [4, node as i32, how, number]
            }
            Record::Reaped { pid, ending } => match ending {
                Ending::Code(code) => [5, pid, 0, code],
                Ending::Signal(signal) => [5, pid, 1, signal],
            },
        };
        let mut bytes = [0; SIZE];
        for (part, number) in bytes.chunks_exact_mut(4).zip([kind, first, second, third]) {
            part.copy_from_slice(&number.to_ne_bytes());
        }
        bytes
    }

    fn decode(bytes: [u8; SIZE]) -> Option<Record> {
        let number = |at: usize| {
            let part = bytes.chunks_exact(4).nth(at)?;
            Some(i32::from_ne_bytes(part.try_into().ok()?))
        };
        let (first, second, third) = (number(1)?, number(2)?, number(3)?);
        Some(match number(0)? {
            0 => Record::Built {
                node: usize::try_from(first).ok()?,
                pid: second,
            },
            1 => Record::Zombie { pid: first },
            2 => Record::Orphan { pid: first },
            3 => Record::Failed { errno: first },
            4 => Record::Command {
                node: usize::try_from(first).ok()?,
                exit: match second {
                    0 => Exit::Command(u8::try_from(third).ok()?),
                    1 => Exit::Signal(third),
                    2 => Exit::CannotExecute,
                    3 => Exit::CommandNotFound,
                    _ => Exit::Failed,
                },
            },
            5 => Record::Reaped {
                pid: first,
                ending: match second {
                    0 => Ending::Code(third),
                    _ => Ending::Signal(third),
                },
            },
            _ => return None,
        })
    }
}

/// The pipe of records, in both directions, in every process of the tree.
#[derive(Debug)]
pub(super) struct Reports {
    from: OwnedFd,
    to: OwnedFd,
}

impl Reports {
    pub(super) fn new() -> Result<Reports> {
        let (from, to) = pipe2(OFlag::O_CLOEXEC).map_err(Error::os)?;
        Ok(Reports { from, to })
    }

    /// Sends one; who cannot has nobody left to tell.
    pub(super) fn send(&self, record: Record) {
        let bytes = record.encode();
        while write(&self.to, &bytes) == Err(Errno::EINTR) {}
    }

    /// Takes one; waits if there is none.
    pub(super) fn take(&self) -> Result<Option<Record>> {
        let mut bytes = [0; SIZE];
        match read(&self.from, &mut bytes) {
            Ok(_) => Ok(Record::decode(bytes)),
            Err(Errno::EINTR) => Ok(None),
            Err(errno) => Err(Error::os(errno)),
        }
    }
}

/// Readable when there is one.
impl AsFd for Reports {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.from.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_arrives() {
        let reports = Reports::new().unwrap();
        for record in [
            Record::Built { node: 7, pid: 4711 },
            Record::Zombie { pid: 1 },
            Record::Orphan { pid: 2 },
            Record::Failed { errno: 11 },
            Record::Command {
                node: 0,
                exit: Exit::Command(255),
            },
            Record::Command {
                node: 1,
                exit: Exit::Signal(36),
            },
            Record::Command {
                node: 1,
                exit: Exit::CommandNotFound,
            },
            Record::Command {
                node: 1,
                exit: Exit::CannotExecute,
            },
            Record::Reaped {
                pid: 9,
                ending: Ending::Code(3),
            },
            Record::Reaped {
                pid: 9,
                ending: Ending::Signal(9),
            },
        ] {
            reports.send(record);
            assert_eq!(reports.take().unwrap(), Some(record));
        }
    }
}
