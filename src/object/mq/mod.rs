//! POSIX message queues, mq_overview(7).
//!
//! A queue is opened non-blocking and waited for with ppoll(2): the deadline
//! stays on the monotonic clock, and signals that the caller holds back while
//! it has a message in hand come in only during the sleep.

use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::signal::Signal;
use nix::sys::stat::{Mode as Bits, fchmod, fstat};
use posixmq::{OpenOptions, PosixMq};

use crate::deadline::monotonic_now;
use crate::error::{Error, ErrorKind, Result};
use crate::name::Name;
use crate::size::{Mode, counted};
use crate::sys::mq as sys;
use crate::wait::{RECHECK, Wait};

mod limits;
pub mod mounted;
mod status;

pub use limits::{Geometry, MAX_PRIORITY};
pub use status::{Notify, QueueInfo};

/// What a queue is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Taking messages; putting them back too, where permitted.
    Receive,
    /// Adding messages.
    Send,
    /// Looking at it.
    Look,
}

/// What ended a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// The queue is ready, and the output that was watched is in order.
    Ready,
    /// The reader of the output that was watched is gone.
    OutputClosed,
}

/// How long a message is that did not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// This many bytes.
    Exactly(usize),
    /// More than fit: how many is not known.
    Longer,
}

/// An open message queue.
///
/// Dropping it closes the descriptor; the queue and its messages stay until
/// it is unlinked, whoever dies.
///
/// ```no_run
/// # use ipc::{name::Name, wait::Wait, deadline::Deadline, object::mq::{Access, Queue}};
/// let queue = Queue::open(&Name::parse(b"jobs")?, Access::Send)?;
/// queue.send(0, b"hello", &mut Wait::until(Deadline::Never))?;
/// # Ok::<(), ipc::error::Error>(())
/// ```
#[derive(Debug)]
pub struct Queue {
    queue: PosixMq,
    geometry: Geometry,
}

impl Queue {
    /// Creates a queue. Does not block. See mq_open(3).
    ///
    /// # Errors
    /// [`ErrorKind::Exists`]; [`ErrorKind::Limit`] naming the limit, its value
    /// and what was asked.
    pub fn create(name: &Name, geometry: Geometry, mode: Mode) -> Result<Queue> {
        let about = |error: Error| error.about(name);
        name.check_new()?;
        limits::check(geometry).map_err(about)?;
        let queue = OpenOptions::readwrite()
            .nonblocking()
            .create_new()
            .mode(mode.0)
            .capacity(geometry.max_messages)
            .max_msg_len(geometry.max_size)
            .open(name.as_bytes())
            .map_err(|refusal| about(limits::explain(Error::os(refusal), geometry)))?;
        // The umask has been applied; the mode that was asked for is exact.
        fchmod(sys::descriptor(&queue), Bits::from_bits_truncate(mode.0))
            .map_err(|errno| about(Error::os(errno)))?;
        Ok(Queue { queue, geometry })
    }

    /// Opens an existing queue.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`], [`ErrorKind::Denied`].
    pub fn open(name: &Name, access: Access) -> Result<Queue> {
        let opened = match access {
            Access::Send => open_with(OpenOptions::writeonly(), name),
            Access::Look => open_with(OpenOptions::readonly(), name),
            Access::Receive => match open_with(OpenOptions::readwrite(), name) {
                // Reading alone is enough to receive, only not to put back.
                Err(error) if error.kind() == ErrorKind::Denied => {
                    open_with(OpenOptions::readonly(), name)
                }
                result => result,
            },
        };
        let queue = opened.map_err(|error| explained(error, name).about(name))?;
        let found = queue
            .attributes()
            .map_err(|refusal| Error::os(refusal).about(name))?;
        let geometry = Geometry {
            max_messages: found.capacity,
            max_size: found.max_msg_len,
        };
        Ok(Queue { queue, geometry })
    }

    /// Removes the name; processes that have the queue open keep it.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`], [`ErrorKind::Denied`]. See mq_unlink(3).
    pub fn unlink(name: &Name) -> Result<()> {
        posixmq::remove_queue(name.as_bytes()).map_err(|refusal| {
            let error = explained(Error::os(refusal), name);
            let owner = mounted::look(name).filter(|_| error.kind() == ErrorKind::Denied);
            match owner.map(|found| found.uid()) {
                Some(uid) => {
                    error.saying(format!("permission denied: only user {uid} may remove it"))
                }
                None => error,
            }
            .about(name)
        })
    }

    /// How many messages of which size the queue takes.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Messages in the queue now.
    ///
    /// # Errors
    /// None in practice, mq_getattr(3).
    pub fn depth(&self) -> Result<usize> {
        self.queue
            .attributes()
            .map(|found| found.current_messages)
            .map_err(Error::os)
    }

    /// Adds a message if there is room, and says whether there was.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`] for a message that the queue can never take.
    pub fn try_send(&self, priority: u32, message: &[u8]) -> Result<bool> {
        match self.queue.send(priority, message) {
            Ok(()) => Ok(true),
            Err(refusal) => match Error::os(refusal) {
                error if error.errno() == Some(Errno::EAGAIN) => Ok(false),
                error if error.errno() == Some(Errno::EMSGSIZE) => {
                    Err(self.too_long(Length::Exactly(message.len())))
                }
                error => Err(error),
            },
        }
    }

    /// Adds a message, waiting for room. See mq_send(3).
    ///
    /// # Errors
    /// As [`Queue::try_send`]; [`ErrorKind::WouldBlock`], [`ErrorKind::TimedOut`].
    pub fn send(&self, priority: u32, message: &[u8], wait: &mut Wait) -> Result<()> {
        while !self.try_send(priority, message)? {
            self.sleep(PollFlags::POLLOUT, None, wait)?;
        }
        Ok(())
    }

    /// Takes the oldest message of the highest priority into the buffer, if
    /// there is one; says its priority and length.
    ///
    /// Whoever takes a message and dies has lost it: delivery is at most once.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`] when the buffer is smaller than the queue's messages.
    pub fn try_receive(&self, buffer: &mut [u8]) -> Result<Option<(u32, usize)>> {
        match self.queue.recv(buffer) {
            Ok(taken) => Ok(Some(taken)),
            Err(refusal) => match Error::os(refusal) {
                error if error.errno() == Some(Errno::EAGAIN) => Ok(None),
                error => Err(error),
            },
        }
    }

    /// Waits until there is a message, and takes nothing.
    ///
    /// # Errors
    /// [`ErrorKind::WouldBlock`], [`ErrorKind::TimedOut`].
    pub fn wait_for_message(&self, wait: &mut Wait) -> Result<()> {
        if self.depth()? > 0 {
            return Ok(());
        }
        self.sleep(PollFlags::POLLIN, None, wait).map(drop)
    }

    /// Waits for a message by a caller that just found none, or until the pipe
    /// `output` has lost its last reader.
    ///
    /// # Errors
    /// As [`Queue::wait_for_message`].
    pub fn wait_with_output(&self, output: BorrowedFd<'_>, wait: &mut Wait) -> Result<Woken> {
        self.sleep(PollFlags::POLLIN, Some(output), wait)
    }

    /// Registers for one signal when a message comes to the empty queue.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`] (EBUSY), naming the process that is registered.
    pub fn notify(&self, signal: Signal) -> Result<()> {
        let Err(errno) = sys::notify(self.as_fd(), signal) else {
            return Ok(());
        };
        let error = Error::os(errno);
        match (errno, status::registered(self.as_fd())) {
            // Still registered: something else sent the signal that woke us.
            (Errno::EBUSY, Some(Notify { pid, .. })) if pid == std::process::id() => Ok(()),
            (Errno::EBUSY, Some(Notify { pid, .. })) => Err(error
                .saying(format!(
                    "process {pid} is registered for notification, and only one can be"
                ))
                .hint("ipc mq wait waits without a registration")),
            _ => Err(error),
        }
    }

    /// Refuses a queue that was removed: nobody can find it to send or take.
    ///
    /// # Errors
    /// [`ErrorKind::Broken`].
    pub fn require_name(&self) -> Result<()> {
        match fstat(self.as_fd()).map_err(Error::os)?.st_nlink {
            0 => Err(Error::new(
                ErrorKind::Broken,
                "the queue was removed while waiting",
            )),
            _ => Ok(()),
        }
    }

    /// Sleeps until the queue is ready for `event`; the caller looks again.
    ///
    /// Who streams comes by here for nearly every message, so the name is
    /// looked for only after a sleep in which nothing happened.
    fn sleep(
        &self,
        event: PollFlags,
        output: Option<BorrowedFd<'_>>,
        wait: &mut Wait,
    ) -> Result<Woken> {
        // Without an output the second entry repeats the first.
        let other = output.unwrap_or(self.as_fd());
        let mut watched = [
            PollFd::new(self.as_fd(), event),
            PollFd::new(other, PollFlags::empty()),
        ];
        loop {
            let until = wait.next(Some(RECHECK))?;
            let left = until.map(|moment| moment.saturating_sub(monotonic_now()).into());
            match ppoll(&mut watched, left, wait.mask()) {
                Ok(0) => self.require_name()?,
                Err(Errno::EINTR) => {}
                Ok(_) if watched[1].any() == Some(true) => return Ok(Woken::OutputClosed),
                Ok(_) => return Ok(Woken::Ready),
                Err(errno) => return Err(Error::os(errno)),
            }
        }
    }

    /// The error for a message of this length, which the queue can never take.
    pub fn too_long(&self, length: Length) -> Error {
        let most = self.geometry.max_size as u64;
        let message = match length {
            Length::Exactly(bytes) => {
                let bytes = counted(bytes as u64, "byte");
                format!("message is {bytes}, the queue takes {most}")
            }
            Length::Longer => {
                let most = counted(most, "byte");
                format!("message is longer than {most}, which is what the queue takes")
            }
        };
        Error::os(Errno::EMSGSIZE)
            .saying(message)
            .hint("ipc mq create NAME --max-size BYTES makes a queue for longer ones")
    }
}

/// For polling it along with other descriptors.
impl AsFd for Queue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        sys::descriptor(&self.queue)
    }
}

fn open_with(mut options: OpenOptions, name: &Name) -> Result<PosixMq> {
    options
        .nonblocking()
        .open(name.as_bytes())
        .map_err(Error::os)
}

/// A refusal to open or remove, in words about queues.
fn explained(error: Error, name: &Name) -> Error {
    match error.kind() {
        ErrorKind::Missing => error
            .saying("no such queue")
            .hint("ipc mq ls shows what there is"),
        // Its descriptor alone tells whose it is, or a mounted file system.
        ErrorKind::Denied => match mounted::look(name) {
            Some(found) => error.saying(format!(
                "permission denied: it belongs to user {} and has mode {:04o}",
                found.uid(),
                found.mode() & 0o7777
            )),
            None => error,
        },
        _ => error,
    }
}
