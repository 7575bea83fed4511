//! Descriptors that go from one process to another, with labels.
//!
//! The bytes beside them are the labels, a line each, in the order of the
//! descriptors; whoever sends other bytes has sent descriptors without labels.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::poll::PollFlags;

use super::Connection;
use super::connection::gone;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escaped;
use crate::sys::ancillary::{MOST, receive, send};
use crate::wait::Wait;

/// What a descriptor without a label is called, as systemd does.
const UNKNOWN: &str = "unknown";
/// Longest label, as systemd has it.
const LONGEST: usize = 255;
/// Most bytes that are taken beside descriptors at a time.
const BYTES: usize = 64 << 10;

/// A descriptor with its label.
#[derive(Debug)]
pub struct Handed {
    /// What the sender calls it.
    pub label: String,
    /// Open in this process, closed on exec.
    pub descriptor: OwnedFd,
}

/// Checks a label: 1 to 255 printable ASCII characters without a colon, so
/// that LISTEN_FDNAMES can hold it.
///
/// # Errors
/// [`ErrorKind::Usage`].
pub fn check_label(label: &str) -> Result<()> {
    let fits = |byte: u8| matches!(byte, b' '..=b'~') && byte != b':';
    if (1..=LONGEST).contains(&label.len()) && label.bytes().all(fits) {
        return Ok(());
    }
    let message = "a label is 1 to 255 printable ASCII characters without a colon";
    let error = Error::new(ErrorKind::Usage, message);
    Err(error.about(format!("label '{}'", escaped(label.as_bytes()))))
}

/// Sends one packet of bytes and descriptors, waiting for room.
///
/// # Errors
/// [`ErrorKind::Broken`] when the other side is gone, [`ErrorKind::Denied`]
/// when it turned this one away, [`ErrorKind::Limit`] when too many descriptors are on their way, and what [`Wait::next`] says.
pub fn send_packet(
    connection: &Connection,
    bytes: &[u8],
    fds: &[BorrowedFd<'_>],
    wait: &mut Wait,
) -> Result<()> {
    let (mut sent, mut fds) = (0, fds);
    loop {
        match send(connection.as_fd(), &bytes[sent..], fds) {
            Ok(count) => {
                sent += count;
                // They went with the first byte.
                fds = &[];
                if sent >= bytes.len() {
                    return Ok(());
                }
            }
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => {
                connection.wait_for(PollFlags::POLLOUT, wait)?;
            }
            Err(errno @ Errno::ETOOMANYREFS) => {
                return Err(Error::os(errno)
                    .saying("more descriptors are on their way than RLIMIT_NOFILE allows")
                    .hint("ulimit -n shows the limit"));
            }
            Err(errno @ (Errno::EPIPE | Errno::ECONNRESET)) => {
                let error = Error::os(errno).meaning(ErrorKind::Broken);
                let gone = error.saying("the receiver is gone");
                return Err(connection.turned_away().unwrap_or(gone));
            }
            Err(errno) => return Err(Error::os(errno)),
        }
    }
}

/// Takes one packet, waiting for it; no bytes are the end.
///
/// # Errors
/// [`ErrorKind::Limit`] when the table of this process had no room for all
/// descriptors: those that came are closed again. [`ErrorKind::Broken`] when
/// the other side was reset, and what [`Wait::next`] says.
pub fn receive_packet(connection: &Connection, wait: &mut Wait) -> Result<(Vec<u8>, Vec<OwnedFd>)> {
    let mut buffer = vec![0; BYTES];
    loop {
        if !connection.may_read()? {
            connection.wait_for(PollFlags::POLLIN, wait)?;
            continue;
        }
        match receive(connection.as_fd(), &mut buffer) {
            Ok(received) if received.is_cut => {
                let came = received.descriptors.len();
                let message = format!(
                    "the table of descriptors of this process is full (RLIMIT_NOFILE): \
                     room for {came} of those sent, which are closed again"
                );
                let error = Error::os(Errno::EMFILE).saying(message);
                return Err(error.hint("ulimit -n shows the limit; the sender has them all still"));
            }
            Ok(received) if received.length == 0 && connection.is_reset.get() => {
                return Err(gone(Errno::ECONNRESET));
            }
            Ok(received) => {
                buffer.truncate(received.length);
                return Ok((buffer, received.descriptors));
            }
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => {
                connection.wait_for(PollFlags::POLLIN, wait)?;
            }
            Err(errno @ Errno::ECONNRESET) => return Err(gone(errno)),
            Err(errno) => return Err(Error::os(errno)),
        }
    }
}

/// Labels, a line each.
pub fn lines<'a>(labels: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in labels {
        bytes.extend_from_slice(label.as_bytes());
        bytes.push(b'\n');
    }
    bytes
}

/// Sends descriptors in order, with their labels, as many at a time as the
/// kernel takes.
///
/// # Errors
/// As [`send_packet`]; [`ErrorKind::Limit`] with what a receiver said that did
/// not take all of them.
pub fn hand_over(
    connection: &Connection,
    items: &[(String, BorrowedFd<'_>)],
    wait: &mut Wait,
) -> Result<()> {
    for batch in items.chunks(MOST) {
        let bytes = lines(batch.iter().map(|(label, _)| label.as_str()));
        let fds: Vec<BorrowedFd<'_>> = batch.iter().map(|(_, fd)| *fd).collect();
        send_packet(connection, &bytes, &fds, wait).map_err(|error| match error.kind() {
            // It may have said why before it went.
            ErrorKind::Broken => refusal(&said_before(connection)).unwrap_or(error),
            _ => error,
        })?;
    }
    connection.shut_down_writing();
    Ok(())
}

/// What a receiver that is gone has said and nobody has read yet.
fn said_before(connection: &Connection) -> Vec<u8> {
    let (mut said, mut buffer) = (Vec::new(), vec![0; BYTES]);
    while said.len() <= BYTES {
        match receive(connection.as_fd(), &mut buffer) {
            Ok(received) if received.length > 0 => {
                said.extend_from_slice(&buffer[..received.length]);
            }
            Err(Errno::EINTR) => {}
            _ => break,
        }
    }
    said
}

/// What a giver is told about the descriptors that it gave.
#[derive(Debug, Clone, Copy)]
pub struct Words {
    /// They are here and can go there.
    pub yes: &'static [u8],
    /// They are not wanted after all; why follows.
    pub no: &'static [u8],
}

/// The words between send-fd and recv-fd: lines of text, for any program.
const OPEN: Words = Words {
    yes: b"ok\n",
    no: b"no: ",
};

/// Descriptors that came, while who gave them waits to hear what became of them.
///
/// The connection is closed on exec: what was said before that holds then. The
/// giver has them still when it is dropped, or this process killed, without a word.
#[derive(Debug)]
pub struct Delivery {
    /// What came, in order.
    pub handed: Vec<Handed>,
    giver: Connection,
    words: Words,
}

impl Delivery {
    /// What came over this connection, whose other side understands these words.
    pub fn new(giver: Connection, handed: Vec<Handed>, words: Words) -> Delivery {
        Delivery {
            handed,
            giver,
            words,
        }
    }

    /// Moves the connection to a number of at least `least`, out of the way of
    /// what is put below.
    ///
    /// # Errors
    /// EMFILE or EINVAL when there is no such number, fcntl(2).
    pub fn stay_above(&mut self, least: RawFd) -> nix::Result<()> {
        self.giver.move_above(least)
    }

    /// Says that they are taken; a later no takes that back.
    pub fn accept(&self) {
        // A giver that does not listen any more has its descriptors still.
        let _ = self.giver.try_send(self.words.yes);
    }

    /// Says that they are not, and why.
    pub fn decline(&self, why: &Error) {
        let why = format!("{why}\n");
        let _ = self
            .giver
            .try_send(&[self.words.no, why.as_bytes()].concat());
    }

    /// Says that they are taken, and waits until the giver has let go of them.
    pub fn finish(self, wait: &mut Wait) {
        self.accept();
        self.giver.shut_down_writing();
        // They are here, whatever becomes of the giver now.
        let _ = wait.for_an_answer(|wait| {
            while !receive_packet(&self.giver, wait)?.0.is_empty() {}
            Ok(())
        });
    }
}

/// Takes all descriptors of a connection, up to its end.
///
/// # Errors
/// As [`receive_packet`]; what came is closed, and the sender is told.
pub fn take_over(connection: Connection, wait: &mut Wait) -> Result<Delivery> {
    let mut delivery = Delivery::new(connection, Vec::new(), OPEN);
    let taken = taken(&delivery.giver, wait).and_then(|handed| match handed.is_empty() {
        true => Err(Error::new(
            ErrorKind::Broken,
            "the sender sent no descriptor",
        )),
        false => Ok(handed),
    });
    delivery.handed = taken.inspect_err(|error| delivery.decline(error))?;
    Ok(delivery)
}

fn taken(connection: &Connection, wait: &mut Wait) -> Result<Vec<Handed>> {
    let (mut text, mut descriptors) = (Vec::new(), Vec::new());
    loop {
        let (bytes, fds) = receive_packet(connection, wait)?;
        if bytes.is_empty() {
            return Ok(labelled(&text, descriptors));
        }
        text.extend(bytes);
        descriptors.extend(fds);
    }
}

/// Gives each descriptor its label; a foreign sender may have sent none.
pub fn labelled(text: &[u8], descriptors: Vec<OwnedFd>) -> Vec<Handed> {
    let text = String::from_utf8_lossy(text);
    let labels: Vec<&str> = text.lines().collect();
    let is_labelled = labels.len() == descriptors.len() && text.ends_with('\n');
    let label = |index: usize| {
        let given = labels.get(index).copied();
        let given = given.filter(|label| is_labelled && check_label(label).is_ok());
        given.unwrap_or(UNKNOWN).to_owned()
    };
    let items = descriptors.into_iter().enumerate();
    items
        .map(|(index, descriptor)| Handed {
            label: label(index),
            descriptor,
        })
        .collect()
}

/// Waits for the receiver's word that it has them, and for the end after it.
///
/// # Errors
/// [`ErrorKind::Limit`] with what the receiver says, [`ErrorKind::Broken`] when
/// it says nothing, or what no receiver of descriptors says.
pub fn confirmed(connection: &Connection, wait: &mut Wait) -> Result<()> {
    let mut said = Vec::new();
    loop {
        let (bytes, _) = receive_packet(connection, wait).map_err(|error| match error.kind() {
            // One that says no leaves unread what came after that.
            ErrorKind::Broken => refusal(&said).unwrap_or(error),
            _ => error,
        })?;
        if bytes.is_empty() || said.len() > BYTES {
            break;
        }
        said.extend(bytes);
    }
    judged(&said)
}

/// Why a receiver does not take them, if its last line says no.
fn refusal(said: &[u8]) -> Option<Error> {
    let said = String::from_utf8_lossy(said);
    let why = said.lines().last()?.strip_prefix("no: ")?;
    let message = format!(
        "the receiver could not take them: {}",
        escaped(why.as_bytes())
    );
    Some(Error::new(ErrorKind::Limit, message))
}

/// What the last line of a receiver means.
fn judged(said: &[u8]) -> Result<()> {
    if let Some(refusal) = refusal(said) {
        return Err(refusal);
    }
    let said = String::from_utf8_lossy(said);
    let unconfirmed = |message: String| {
        let error = Error::new(ErrorKind::Broken, message);
        Err(error.hint("--no-confirm does not wait for the ok of an ipc sock recv-fd"))
    };
    match said.lines().last().unwrap_or_default() {
        "ok" => Ok(()),
        "" => unconfirmed("the receiver closed without a word that it has them".to_owned()),
        other => {
            let other: String = other.chars().take(80).collect();
            let other = escaped(other.as_bytes());
            unconfirmed(format!("the receiver does not say ok but '{other}'"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(count: usize) -> Vec<OwnedFd> {
        (0..count)
            .map(|_| std::fs::File::open("/dev/null").unwrap().into())
            .collect()
    }

    fn labels(text: &[u8], count: usize) -> Vec<String> {
        let handed = labelled(text, open(count));
        handed.into_iter().map(|one| one.label).collect()
    }

    #[test]
    fn labels_belong_to_descriptors_in_order() {
        assert_eq!(labels(b"in\nout\n", 2), ["in", "out"]);
    }

    #[test]
    fn other_bytes_are_no_labels() {
        assert_eq!(labels(b"x", 2), ["unknown", "unknown"]);
        assert_eq!(labels(b"x", 1), ["unknown"]);
        assert_eq!(labels(b"a:b\nc\n", 2), ["unknown", "c"]);
    }

    #[test]
    fn the_last_word_of_a_receiver_counts() {
        let kind = |said: &[u8]| judged(said).map_err(|error| error.kind());
        assert_eq!(kind(b"ok\n"), Ok(()));
        assert_eq!(kind(b"ok\nno: exec\n"), Err(ErrorKind::Limit));
        for said in [&b""[..], b"hello", b"okay\n", b"ok\nbye\n", b"\xff"] {
            assert_eq!(kind(said), Err(ErrorKind::Broken));
        }
    }

    #[test]
    fn a_label_fits_into_listen_fdnames() {
        assert!(check_label("log file").is_ok());
        for label in ["", "a:b", "a\n", "ö", &"x".repeat(256)] {
            assert!(check_label(label).is_err(), "{label}");
        }
    }
}
