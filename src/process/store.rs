//! A small process that keeps descriptors open under labels.
//!
//! It starts with the first descriptor and ends when it has none left, or when
//! its file is removed, so that nobody could get at them. Only its own user
//! gets in, by the word of the kernel. Killed, it takes what it holds with it,
//! and the next one replaces its file.

use std::os::fd::{BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::unistd::setsid;

use self::holder::hold;
use crate::error::{Error, ErrorKind, Result};
use crate::object::socket::handing::{
    Delivery, Words, labelled, lines, receive_packet, send_packet,
};
use crate::object::socket::{Address, Allowed, Connection, Listener, Type};
use crate::size::Mode;
use crate::sys::wait::{Ending, Which, reap_waiting};
use crate::sys::{ancillary, fork};
use crate::wait::Wait;

mod holder;

/// How often a start is tried while another holder comes and goes.
const ATTEMPTS: usize = 100;

/// Questions to a holder, and its answers: the first byte of a packet.
const STORE: u8 = b'S';
const TAKE: u8 = b'T';
const COPY: u8 = b'C';
const LIST: u8 = b'L';
const HERE: u8 = b'H';
const END: u8 = b'.';
const TAKEN: u8 = b'!';
const MISSING: u8 = b'3';
const EXISTS: u8 = b'4';
const REFUSED: u8 = b'6';

/// A store, seen from outside.
#[derive(Debug)]
pub struct Store<'a> {
    address: &'a Address,
}

impl<'a> Store<'a> {
    /// The store at this address, there or not.
    pub fn at(address: &'a Address) -> Store<'a> {
        Store { address }
    }

    /// Puts descriptors under labels, starting the holder if there is none.
    ///
    /// # Errors
    /// [`ErrorKind::Exists`] when a label is taken: nothing is stored then.
    pub fn put(&self, items: &[(String, BorrowedFd<'_>)], wait: &mut Wait) -> Result<()> {
        if items.len() > ancillary::MOST {
            let message = format!("takes at most {} descriptors at once", ancillary::MOST);
            return Err(Error::new(ErrorKind::Limit, message));
        }
        let labels = lines(items.iter().map(|(label, _)| label.as_str()));
        let fds: Vec<BorrowedFd<'_>> = items.iter().map(|(_, fd)| *fd).collect();
        let question = [&[STORE][..], &labels].concat();
        self.converse(
            wait,
            |error| match error.kind() {
                ErrorKind::Missing => self.start(),
                _ => Err(error),
            },
            |holder, wait| {
                send_packet(&holder, &question, &fds, wait)?;
                answer(&holder, wait).map(drop)
            },
        )
    }

    /// Gets descriptors by label, all without labels. They leave the store
    /// when the caller accepts them, unless they are to be kept there.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`] when there is no such label, or no store.
    pub fn get(&self, labels: &[String], keep: bool, wait: &mut Wait) -> Result<Delivery> {
        let verb = if keep { COPY } else { TAKE };
        let question = [&[verb][..], &lines(labels.iter().map(String::as_str))].concat();
        self.converse(wait, Err, |holder, wait| fetch(holder, &question, wait))
    }

    /// The labels in the store.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`] when there is no store.
    pub fn labels(&self, wait: &mut Wait) -> Result<Vec<String>> {
        let (bytes, _) = self.converse(wait, Err, |holder, wait| {
            send_packet(&holder, &[LIST], &[], wait)?;
            answer(&holder, wait)
        })?;
        let text = String::from_utf8_lossy(&bytes);
        let text = text.get(1..).unwrap_or_default();
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// Talks with the holder, once more with the next one when this one was
    /// about to end as it was asked. Where none can be reached `otherwise`
    /// makes one, or gives up.
    fn converse<T>(
        &self,
        wait: &mut Wait,
        otherwise: impl Fn(Error) -> Result<()>,
        mut talk: impl FnMut(Connection, &mut Wait) -> Result<T>,
    ) -> Result<T> {
        wait.for_an_answer(|wait| {
            for _ in 0..ATTEMPTS {
                let holder = match self.connect(wait) {
                    Ok(holder) => holder,
                    Err(error) => {
                        otherwise(error)?;
                        continue;
                    }
                };
                match talk(holder, wait) {
                    Err(error) if error.kind() == ErrorKind::Broken => {}
                    result => return result,
                }
            }
            let message = "the store comes and goes too fast";
            Err(Error::new(ErrorKind::Broken, message))
        })
    }

    fn connect(&self, wait: &mut Wait) -> Result<Connection> {
        Connection::open(
            self.address,
            Type::Seqpacket,
            &Allowed::Oneself,
            false,
            wait,
        )
        .map_err(|error| match error.kind() {
            ErrorKind::Missing => error
                .saying("there is no such store")
                .hint("ipc sock store NAME FD=LABEL starts one"),
            _ => error,
        })
    }

    /// Starts a holder, unless somebody else just has.
    fn start(&self) -> Result<()> {
        let mut listener = match Listener::bind(self.address, Type::Seqpacket, Mode(0o600)) {
            Err(error) if error.kind() == ErrorKind::Exists => return Ok(()),
            result => result?,
        };
        // Twice, so that nobody has to wait for the holder's end.
        let between = fork::child(|| {
            let _ = setsid();
            let holder = fork::child(|| hold(&mut listener).map_or(1, |()| 0));
            u8::from(holder.is_err())
        });
        let between = between.map_err(|errno| Error::os(errno).about("the holder"))?;
        let ended = loop {
            match reap_waiting(Which::Pid(between)) {
                Err(Errno::EINTR) => {}
                ended => break ended,
            }
        };
        if !matches!(ended, Ok(Some((_, Ending::Code(0))))) {
            // The listener removes its file.
            return Err(Error::os(Errno::EAGAIN).about("the holder"));
        }
        listener.hand_on();
        Ok(())
    }
}

fn fetch(holder: Connection, question: &[u8], wait: &mut Wait) -> Result<Delivery> {
    send_packet(&holder, question, &[], wait)?;
    let mut handed = Vec::new();
    loop {
        let (bytes, fds) = answer(&holder, wait)?;
        match bytes.split_first() {
            Some((&HERE, labels)) => handed.extend(labelled(labels, fds)),
            _ => break,
        }
    }
    let words = Words {
        yes: &[TAKEN],
        no: &[REFUSED],
    };
    Ok(Delivery::new(holder, handed, words))
}

/// One packet of a holder; its refusals are errors.
fn answer(holder: &Connection, wait: &mut Wait) -> Result<(Vec<u8>, Vec<OwnedFd>)> {
    let (bytes, fds) = receive_packet(holder, wait)?;
    let text = |rest: &[u8]| String::from_utf8_lossy(rest).into_owned();
    match bytes.split_first() {
        None => Err(Error::new(ErrorKind::Broken, "the holder is gone")),
        Some((&MISSING, rest)) => Err(Error::new(ErrorKind::Missing, text(rest))),
        Some((&EXISTS, rest)) => Err(Error::new(ErrorKind::Exists, text(rest))),
        Some((&REFUSED, rest)) => Err(Error::new(ErrorKind::Limit, text(rest))),
        Some(_) => Ok((bytes, fds)),
    }
}
