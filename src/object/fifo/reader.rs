//! The end that takes bytes out.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag, SpliceFFlags, splice, tee};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll, ppoll};
use nix::unistd::{pipe2, read};

use super::Fifo;
use crate::deadline::monotonic_now;
use crate::error::{Error, ErrorKind, Result};
use crate::sys::alarm::Alarm;
use crate::sys::pipe;
use crate::wait::{RECHECK, Wait};

/// What there is to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// There are bytes.
    Data,
    /// The last writer has gone, and nothing is left.
    End,
    /// The reader of the output that was watched is gone.
    OutputClosed,
}

/// What an attempt to take bytes came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// So many, and more may follow.
    Bytes(usize),
    /// None now: wait.
    Nothing,
    /// None any more: the last writer has gone.
    End,
}

/// The open reading end of a FIFO.
///
/// Opening never waits, and lets writers in that wait for a reader. Dropping
/// it closes the end: where it was the last, writers get EPIPE and what is
/// in the FIFO is gone once they have gone too.
#[derive(Debug)]
pub struct Reader {
    fifo: Fifo,
    end: OwnedFd,
    /// Until when there has to be a writer.
    patience: Option<Duration>,
    has_received: bool,
}

impl Reader {
    /// Opens the reading end. With `patience` the first writer has to come
    /// until then, or waits end.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`].
    pub fn open(fifo: Fifo, patience: Option<Duration>) -> Result<Reader> {
        let end = open_end(&fifo)?;
        Ok(Reader {
            fifo,
            end,
            patience,
            has_received: false,
        })
    }

    /// Waits for bytes or the end of the stream; also until the pipe `output`
    /// has lost its last reader.
    ///
    /// # Errors
    /// [`ErrorKind::WouldBlock`], [`ErrorKind::TimedOut`] saying for whom it
    /// waited, [`ErrorKind::Broken`] when the FIFO was removed meanwhile.
    pub fn wait(&mut self, output: Option<BorrowedFd<'_>>, wait: &mut Wait) -> Result<Next> {
        loop {
            let mut watched = vec![PollFd::new(self.end.as_fd(), PollFlags::POLLIN)];
            watched.extend(output.map(|output| PollFd::new(output, PollFlags::empty())));
            // What is ready counts, also when there is no time left to wait.
            let (until, over) = match wait.next(Some(RECHECK)) {
                Ok(until) => (until, None),
                Err(error) => (Some(Duration::ZERO), Some(error)),
            };
            let until = until.into_iter().chain(self.patience).min();
            let left = until.map(|moment| moment.saturating_sub(monotonic_now()));
            match ppoll(&mut watched, left.map(Into::into), wait.mask()) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(Error::os(errno)),
            }
            let events = watched[0].revents().unwrap_or(PollFlags::empty());
            if events.contains(PollFlags::POLLIN) {
                return Ok(Next::Data);
            }
            if events.contains(PollFlags::POLLHUP) {
                return Ok(Next::End);
            }
            if watched.get(1).and_then(PollFd::any) == Some(true) {
                return Ok(Next::OutputClosed);
            }
            if let Some(error) = over {
                return Err(self.explained(error));
            }
            self.require_partner()?;
        }
    }

    /// Without a writer: the FIFO must have its name, and patience is limited.
    fn require_partner(&mut self) -> Result<()> {
        let is_over = self
            .patience
            .is_some_and(|moment| moment <= monotonic_now());
        if self.has_writer() {
            self.patience = None;
            return Ok(());
        }
        if is_over {
            return Err(Error::new(ErrorKind::TimedOut, "timed out: no writer"));
        }
        self.fifo.require_name()
    }

    /// Takes bytes into the buffer; never waits.
    ///
    /// # Errors
    /// None in practice, read(2).
    pub fn take(&mut self, buffer: &mut [u8]) -> Result<Taken> {
        self.judge(read(&self.end, buffer)).map_err(Error::os)
    }

    /// Moves at most so many bytes into `output`, splice(2); never waits. What
    /// `output` does not take stays in the FIFO.
    ///
    /// # Errors
    /// EINVAL when `output` takes no bytes that way, and why it takes none at all.
    pub fn splice(
        &mut self,
        output: BorrowedFd<'_>,
        most: usize,
    ) -> std::result::Result<Taken, Errno> {
        let flags = SpliceFFlags::SPLICE_F_MOVE | SpliceFFlags::SPLICE_F_NONBLOCK;
        self.judge(splice(&self.end, None, output, None, most, flags))
    }

    /// Reads what is in the FIFO and leaves it there.
    ///
    /// # Errors
    /// When the system is out of descriptors.
    pub fn peek(&mut self, buffer: &mut [u8]) -> Result<Taken> {
        let (seen, copy) = pipe2(OFlag::O_CLOEXEC).map_err(Error::os)?;
        let flags = SpliceFFlags::SPLICE_F_NONBLOCK;
        let found = tee(&self.end, &copy, buffer.len(), flags);
        let length = match self.judge(found).map_err(Error::os)? {
            Taken::Bytes(length) => length,
            other => return Ok(other),
        };
        let mut filled = 0;
        while filled < length {
            match read(&seen, &mut buffer[filled..length]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(Error::os(errno)),
            }
        }
        Ok(Taken::Bytes(filled))
    }

    fn judge(&mut self, result: nix::Result<usize>) -> std::result::Result<Taken, Errno> {
        match result {
            // Without a writer; it is the end only if there was one.
            Ok(0) if self.has_received || self.has_hung_up() => Ok(Taken::End),
            Ok(0) | Err(Errno::EAGAIN | Errno::EINTR) => Ok(Taken::Nothing),
            Ok(count) => {
                self.has_received = true;
                self.patience = None;
                Ok(Taken::Bytes(count))
            }
            Err(errno) => Err(errno),
        }
    }

    /// Whether bytes are in the FIFO now.
    pub fn has_data(&self) -> bool {
        self.events().contains(PollFlags::POLLIN)
    }

    fn has_hung_up(&self) -> bool {
        self.events().contains(PollFlags::POLLHUP)
    }

    fn events(&self) -> PollFlags {
        let mut watched = [PollFd::new(self.end.as_fd(), PollFlags::POLLIN)];
        let _ = poll(&mut watched, PollTimeout::ZERO);
        watched[0].revents().unwrap_or(PollFlags::empty())
    }

    /// Begins anew after the end, for the next writer. One that came meanwhile
    /// is not missed, and a writer sees a reader all the time.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn renew(&mut self) -> Result<()> {
        // The old end is closed only when the new one is open: else what the
        // next writer has written already would be gone.
        self.end = open_end(&self.fifo)?;
        self.has_received = false;
        Ok(())
    }

    /// Keeps other readers of the kind that ask for a turn away, until the
    /// turn is dropped or this process dies, flock(2).
    ///
    /// # Errors
    /// [`ErrorKind::WouldBlock`], [`ErrorKind::TimedOut`].
    pub fn turn(&self, wait: &mut Wait) -> Result<Turn> {
        let mut end = self.end.try_clone().map_err(Error::os)?;
        let mut alarm: Option<Alarm> = None;
        loop {
            let how = if alarm.is_some() {
                FlockArg::LockExclusive
            } else {
                FlockArg::LockExclusiveNonblock
            };
            match Flock::lock(end, how) {
                Ok(lock) => return Ok(Turn { _lock: lock }),
                Err((back, Errno::EAGAIN | Errno::EINTR)) => end = back,
                Err((_, errno)) => return Err(Error::os(errno)),
            }
            let until = wait.next(None).map_err(|error| match error.kind() {
                ErrorKind::TimedOut => error.saying("timed out: another reader has its turn"),
                _ => error,
            })?;
            let alarm = match &mut alarm {
                Some(alarm) => alarm,
                none => none.insert(Alarm::new().map_err(Error::os)?),
            };
            alarm.set(until).map_err(Error::os)?;
        }
    }

    fn explained(&self, error: Error) -> Error {
        match error.kind() {
            ErrorKind::TimedOut if self.has_writer() => {
                error.saying("timed out: the writer sends nothing")
            }
            ErrorKind::TimedOut => error.saying("timed out: no writer"),
            _ => error,
        }
    }

    /// Bytes that are in the FIFO now.
    ///
    /// # Errors
    /// None in practice, ioctl_pipe(2).
    pub fn waiting(&self) -> Result<u64> {
        pipe::waiting(&self.end).map_err(Error::os)
    }

    /// Whether somebody has the other end of this empty FIFO open: nothing
    /// else tells one without a writer from one whose writer is silent.
    fn has_writer(&self) -> bool {
        let Ok((_seen, copy)) = pipe2(OFlag::O_CLOEXEC) else {
            return true;
        };
        tee(&self.end, &copy, 1, SpliceFFlags::SPLICE_F_NONBLOCK) != Ok(0)
    }
}

/// For its capacity, and for watching it.
impl AsFd for Reader {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.end.as_fd()
    }
}

/// The turn of one reader to take something whole.
#[derive(Debug)]
pub struct Turn {
    _lock: Flock<OwnedFd>,
}

fn open_end(fifo: &Fifo) -> Result<OwnedFd> {
    fifo.end(OFlag::O_RDONLY | OFlag::O_NONBLOCK)
        .map_err(|errno| fifo.refused(errno))
}
