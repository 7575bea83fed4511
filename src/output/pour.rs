//! From a FIFO to standard output, without losing a byte on the way.

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};

use super::stdout::{require_open, undelivered};
use super::{Stdout, stdout_descriptor};
use crate::buffer::Buffer;
use crate::deadline::monotonic_now;
use crate::error::{Error, ErrorKind, Result};
use crate::object::fifo::{BULK, Next, Reader, Taken, enlarge};
use crate::process::blocked::Blocked;
use crate::wait::Wait;

/// Bytes that are copied at a time.
const CHUNK: usize = 256 << 10;

/// How a pour ended.
#[derive(Debug)]
pub enum Poured {
    /// All that was asked for came.
    Complete,
    /// The stream ended before.
    Ended,
}

/// Bytes that were taken and could not be delivered.
#[derive(Debug)]
pub struct Spilt {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Why they stayed here.
    pub error: Error,
}

impl From<Error> for Spilt {
    fn from(error: Error) -> Spilt {
        let bytes = Vec::new();
        Spilt { bytes, error }
    }
}

impl Stdout {
    /// Moves bytes from a FIFO to standard output, at most so many; waits for
    /// both sides.
    ///
    /// The pages go over as they are, and what the output does not take stays
    /// in the FIFO. Only where the output takes none that way they are copied.
    ///
    /// # Errors
    /// Why it stopped, and what was in hand.
    pub fn pour(
        &mut self,
        reader: &mut Reader,
        most: Option<u64>,
        wait: &mut Wait,
    ) -> std::result::Result<Poured, Spilt> {
        self.flush()?;
        require_open()?;
        let mut left = most.unwrap_or(u64::MAX);
        if left >= BULK {
            enlarge(stdout_descriptor());
        }
        let (mut copies, mut has_data) = (false, false);
        while left > 0 {
            let portion = usize::try_from(left.min(BULK)).unwrap_or(CHUNK);
            let taken = if copies {
                self.copy_some(reader, portion)?
            } else {
                match reader.splice(stdout_descriptor(), portion) {
                    Err(Errno::EINVAL | Errno::ENOSYS) => {
                        copies = true;
                        continue;
                    }
                    result => result.map_err(undelivered)?,
                }
            };
            match taken {
                Taken::Bytes(count) => {
                    left -= count as u64;
                    has_data = false;
                }
                Taken::End => return Ok(Poured::Ended),
                // It is the output that has no room: splice(2) does not say which.
                Taken::Nothing if has_data => {
                    wait_for_room(wait)?;
                    has_data = false;
                }
                Taken::Nothing => match reader.wait(Some(stdout_descriptor()), wait)? {
                    Next::Data => has_data = !copies,
                    Next::End => {}
                    Next::OutputClosed => self.check()?,
                },
            }
        }
        Ok(Poured::Complete)
    }

    fn copy_some(&mut self, reader: &mut Reader, most: usize) -> std::result::Result<Taken, Spilt> {
        let mut chunk = Buffer::new(most.min(CHUNK));
        // While bytes are in hand no signal ends this process.
        let blocked = Blocked::new()?;
        let taken = reader.take(&mut chunk)?;
        if let Taken::Bytes(count) = taken {
            let bytes = &chunk[..count];
            self.deliver_unless(bytes, &blocked)
                .map_err(|(arrived, error)| Spilt {
                    bytes: bytes[arrived..].to_vec(),
                    error,
                })?;
        }
        Ok(taken)
    }
}

fn wait_for_room(wait: &mut Wait) -> Result<()> {
    let mut watched = [PollFd::new(stdout_descriptor(), PollFlags::POLLOUT)];
    let mut left = Some(std::time::Duration::ZERO);
    loop {
        match ppoll(&mut watched, left.map(Into::into), wait.mask()) {
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return Ok(()),
            Err(errno) => return Err(Error::os(errno)),
        }
        let until = wait.next(None).map_err(|error| match error.kind() {
            ErrorKind::TimedOut => {
                error.saying("timed out: the reader of standard output does not read")
            }
            _ => error,
        })?;
        left = until.map(|moment| moment.saturating_sub(monotonic_now()));
    }
}
