//! Descriptors and credentials that travel beside bytes, recvmsg(2), unix(7).
//!
//! By hand: nix gives nothing at all when ancillary data were cut short, so
//! that the descriptors that did arrive could never be closed again.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;

/// Most descriptors that the kernel takes with one message (SCM_MAX_FD).
pub const MOST: usize = 253;

/// Room for as many descriptors as there can be, and for credentials; in
/// words, since control data are aligned as such.
const ROOM: usize = 160;

const _: () = assert!(ROOM * 8 >= MOST * size_of::<RawFd>() + 128);

/// Who sent a message, by the word of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sender {
    /// Its process.
    pub pid: i32,
    /// Its user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

/// What came with one recvmsg(2).
#[derive(Debug)]
pub struct Received {
    /// Bytes in the buffer.
    pub length: usize,
    /// Descriptors, open in this process and closed on exec.
    pub descriptors: Vec<OwnedFd>,
    /// Whether some descriptors were dropped by the kernel (MSG_CTRUNC).
    pub is_cut: bool,
    /// The sender, where the socket asks for it (SO_PASSCRED).
    pub sender: Option<Sender>,
}

/// Sends bytes with descriptors; never raises SIGPIPE.
///
/// # Errors
/// Those of sendmsg(2); EAGAIN on a socket that does not block.
pub fn send(socket: BorrowedFd<'_>, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> Result<usize, Errno> {
    use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
    let raw: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&raw)];
    let control = if raw.is_empty() { &[][..] } else { &rights };
    let parts = [std::io::IoSlice::new(bytes)];
    sendmsg::<()>(
        socket.as_raw_fd(),
        &parts,
        control,
        MsgFlags::MSG_NOSIGNAL,
        None,
    )
}

/// Receives bytes and what came beside them. Waits, unless the socket does
/// not block.
///
/// # Errors
/// Those of recvmsg(2).
pub fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<Received, Errno> {
    receive_with(socket, buffer, 0)
}

/// As [`receive`], and leaves the message where it is.
///
/// # Errors
/// As [`receive`].
pub fn peek(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<Received, Errno> {
    receive_with(socket, buffer, libc::MSG_PEEK)
}

fn receive_with(socket: BorrowedFd<'_>, buffer: &mut [u8], flags: i32) -> Result<Received, Errno> {
    let mut part = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    let mut control = [0_u64; ROOM];
    // SAFETY: all zeros is a valid value of this plain C struct.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = control.as_mut_ptr().cast();
    header.msg_controllen = size_of_val(&control) as _;
    // SAFETY: the header points to one part within `buffer` and to `control`,
    // which are writable, as long as they say, and outlive the call.
    let length = unsafe {
        libc::recvmsg(
            socket.as_raw_fd(),
            &raw mut header,
            libc::MSG_CMSG_CLOEXEC | flags,
        )
    };
    let length = Errno::result(length)? as usize;
    let mut received = Received {
        length,
        descriptors: Vec::new(),
        is_cut: header.msg_flags & libc::MSG_CTRUNC != 0,
        sender: None,
    };
    collect(&header, &mut received);
    Ok(received)
}

/// Takes over what stands in the control data of a received message.
fn collect(header: &libc::msghdr, received: &mut Received) {
    // SAFETY: the header and its control data were filled by the kernel.
    let mut entry = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !entry.is_null() {
        // SAFETY: not null, so it points to a complete entry within the data.
        let head = unsafe { entry.read() };
        // SAFETY: as above; the data of an entry follow it.
        let data = unsafe { libc::CMSG_DATA(entry) };
        // SAFETY: computes a length and has no precondition.
        let overhead = unsafe { libc::CMSG_LEN(0) } as usize;
        let length = (head.cmsg_len as usize).saturating_sub(overhead);
        match (head.cmsg_level, head.cmsg_type) {
            (libc::SOL_SOCKET, libc::SCM_RIGHTS) => {
                let fds = data.cast::<RawFd>();
                for index in 0..length / size_of::<RawFd>() {
                    // SAFETY: within the data, by the length that the kernel gave.
                    let place = unsafe { fds.add(index) };
                    // SAFETY: as above; the data need not be aligned for it.
                    let fd = unsafe { place.read_unaligned() };
                    // SAFETY: the kernel just made this descriptor for us alone.
                    received
                        .descriptors
                        .push(unsafe { OwnedFd::from_raw_fd(fd) });
                }
            }
            (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) if length >= size_of::<libc::ucred>() => {
                // SAFETY: the data hold a ucred, which need not be aligned.
                let found = unsafe { data.cast::<libc::ucred>().read_unaligned() };
                received.sender = Some(Sender {
                    pid: found.pid,
                    uid: found.uid,
                    gid: found.gid,
                });
            }
            _ => {}
        }
        // SAFETY: the entry belongs to this header.
        entry = unsafe { libc::CMSG_NXTHDR(header, entry) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn descriptors_arrive_in_order_with_their_bytes() {
        let (near, far) = UnixStream::pair().unwrap();
        let files: Vec<std::fs::File> = ["/dev/null", "/dev/zero"]
            .map(|path| std::fs::File::open(path).unwrap())
            .into();
        let fds: Vec<_> = files.iter().map(AsFd::as_fd).collect();
        assert_eq!(send(near.as_fd(), b"two", &fds), Ok(3));
        let mut buffer = [0; 8];
        let received = receive(far.as_fd(), &mut buffer).unwrap();
        assert_eq!(&buffer[..received.length], b"two");
        assert!(!received.is_cut);
        let inode = |fd: BorrowedFd<'_>| nix::sys::stat::fstat(fd).unwrap().st_rdev;
        let sent: Vec<_> = fds.iter().map(|fd| inode(*fd)).collect();
        let got: Vec<_> = received
            .descriptors
            .iter()
            .map(|fd| inode(fd.as_fd()))
            .collect();
        assert_eq!(sent, got);
    }
}
