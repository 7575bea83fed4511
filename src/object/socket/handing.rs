//! Descriptors that go from one process to another, with labels.
//!
//! The bytes beside them are the labels, a line each, in the order of the
//! descriptors; whoever sends other bytes has sent descriptors without labels.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::PollFlags;

use super::Connection;
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
/// [`ErrorKind::Broken`] when the other side is gone, [`ErrorKind::Limit`]
/// when too many descriptors are on their way, and what [`Wait::next`] says.
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
                return Err(error.saying("the receiver is gone"));
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
            Ok(received) => {
                buffer.truncate(received.length);
                return Ok((buffer, received.descriptors));
            }
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => {
                connection.wait_for(PollFlags::POLLIN, wait)?;
            }
            Err(errno @ Errno::ECONNRESET) => {
                let error = Error::os(errno).meaning(ErrorKind::Broken);
                return Err(error.saying("the other side is gone before it read everything"));
            }
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
/// As [`send_packet`].
pub fn hand_over(
    connection: &Connection,
    items: &[(String, BorrowedFd<'_>)],
    wait: &mut Wait,
) -> Result<()> {
    for batch in items.chunks(MOST) {
        let bytes = lines(batch.iter().map(|(label, _)| label.as_str()));
        let fds: Vec<BorrowedFd<'_>> = batch.iter().map(|(_, fd)| *fd).collect();
        send_packet(connection, &bytes, &fds, wait)?;
    }
    connection.shut_down_writing();
    Ok(())
}

/// Takes all descriptors of a connection, up to its end.
///
/// # Errors
/// As [`receive_packet`]; what came is closed.
pub fn take_over(connection: &Connection, wait: &mut Wait) -> Result<Vec<Handed>> {
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

/// Tells the sender how it went: a word for success, else why not.
pub fn confirm(connection: &Connection, outcome: &Result<Vec<Handed>>, wait: &mut Wait) {
    let text = match outcome {
        Ok(_) => "ok\n".to_owned(),
        Err(error) => format!("{error}\n"),
    };
    // A sender that does not listen any more has its descriptors still.
    let _ = send_packet(connection, text.as_bytes(), &[], wait);
}

/// Waits for the receiver's word; one that just closes has taken them.
///
/// # Errors
/// [`ErrorKind::Limit`] with what the receiver says.
pub fn confirmed(connection: &Connection, wait: &mut Wait) -> Result<()> {
    let mut said = Vec::new();
    loop {
        let (bytes, _) = receive_packet(connection, wait)?;
        if bytes.is_empty() || said.len() > BYTES {
            break;
        }
        said.extend(bytes);
    }
    let said = String::from_utf8_lossy(&said);
    match said.trim_end() {
        "" | "ok" => Ok(()),
        why => {
            let why = escaped(why.as_bytes());
            let message = format!("the receiver could not take them: {why}");
            Err(Error::new(ErrorKind::Limit, message))
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
    fn a_label_fits_into_listen_fdnames() {
        assert!(check_label("log file").is_ok());
        for label in ["", "a:b", "a\n", "ö", &"x".repeat(256)] {
            assert!(check_label(label).is_err(), "{label}");
        }
    }
}
