//! What can be seen of a queue without taking part.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::uio::pread;
use serde::Serialize;

use super::{Access, Geometry, Queue};
use crate::error::{Error, Result};
use crate::facts::{Described, Facts, Label};
use crate::name::Name;

/// A process that waits for the kernel to tell it of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notify {
    /// `signal`, `thread` or `none`.
    pub how: &'static str,
    /// Number of the signal; 0 when it is none.
    pub signal: u32,
    /// The process that is registered.
    pub pid: u32,
}

/// What a listing or `stat` shows of a queue.
#[derive(Debug, Clone, Serialize)]
pub struct QueueInfo {
    /// Always `mq`.
    pub kind: &'static str,
    #[serde(flatten)]
    /// Its name.
    pub label: Label,
    /// `ok`, or `unreadable` when only its existence can be seen.
    pub status: &'static str,
    /// Messages in the queue.
    pub messages: Option<usize>,
    /// Messages that fit.
    pub max_messages: Option<usize>,
    /// Bytes that fit into one message.
    pub max_size: Option<usize>,
    /// Bytes of all messages in the queue.
    pub bytes: Option<u64>,
    /// Bytes that it takes out of RLIMIT_MSGQUEUE.
    pub budget: Option<u64>,
    /// Who is registered for notification.
    pub notify: Option<Notify>,
    #[serde(flatten)]
    /// Owner, mode, place and time.
    pub facts: Facts,
}

impl QueueInfo {
    /// Looks at a queue: needs read permission on it, but no mounted mqueue.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Missing`], [`crate::error::ErrorKind::Denied`].
    pub fn look(name: &Name) -> Result<QueueInfo> {
        let queue = Queue::open(name, Access::Look)?;
        let about = |error: Error| error.about(name);
        let descriptor = queue
            .as_fd()
            .try_clone_to_owned()
            .map_err(|e| about(Error::os(e)))?;
        let found = File::from(descriptor)
            .metadata()
            .map_err(|e| about(Error::os(e)))?;
        let status = status(queue.as_fd());
        let Geometry {
            max_messages,
            max_size,
        } = queue.geometry();
        Ok(QueueInfo {
            kind: "mq",
            label: Label::new(name.as_bytes()),
            status: "ok",
            messages: Some(queue.depth().map_err(about)?),
            max_messages: Some(max_messages),
            max_size: Some(max_size),
            bytes: status.as_deref().and_then(|status| field(status, "QSIZE")),
            budget: Some(queue.geometry().budget()),
            notify: status.as_deref().and_then(notify_in),
            facts: Facts::from(&found),
        })
    }

    /// What the listing alone tells of a queue that may not be read.
    pub fn unreadable(name: &[u8], facts: Facts) -> QueueInfo {
        QueueInfo {
            kind: "mq",
            label: Label::new(name),
            status: "unreadable",
            messages: None,
            max_messages: None,
            max_size: None,
            bytes: None,
            budget: None,
            notify: None,
            facts,
        }
    }
}

impl Described for QueueInfo {
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

/// The process that is registered on an open queue.
pub(super) fn registered(queue: BorrowedFd<'_>) -> Option<Notify> {
    notify_in(&status(queue)?)
}

/// The kernel's own line: `QSIZE:3 NOTIFY:0 SIGNO:10 NOTIFY_PID:4711`.
fn status(queue: BorrowedFd<'_>) -> Option<String> {
    let mut line = [0; 160];
    let length = pread(queue, &mut line, 0).ok()?;
    String::from_utf8(line[..length].to_vec()).ok()
}

fn notify_in(status: &str) -> Option<Notify> {
    let pid = field(status, "NOTIFY_PID").filter(|pid| *pid != 0)?;
    let how = match field(status, "NOTIFY")? {
        0 => "signal",
        2 => "thread",
        _ => "none",
    };
    let signal = field(status, "SIGNO").unwrap_or(0);
    Some(Notify {
        how,
        signal: signal as u32,
        pid: pid as u32,
    })
}

fn field(status: &str, key: &str) -> Option<u64> {
    status
        .split_whitespace()
        .find_map(|word| word.strip_prefix(key)?.strip_prefix(':')?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_kernels_line() {
        let line = "QSIZE:3          NOTIFY:0     SIGNO:10    NOTIFY_PID:4711  \n";
        assert_eq!(field(line, "QSIZE"), Some(3));
        assert_eq!(
            notify_in(line),
            Some(Notify {
                how: "signal",
                signal: 10,
                pid: 4711
            })
        );
        assert_eq!(notify_in("QSIZE:0 NOTIFY:0 SIGNO:0 NOTIFY_PID:0\n"), None);
    }
}
