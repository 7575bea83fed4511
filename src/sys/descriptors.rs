//! Descriptors by number, as the caller of this process names them.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

use nix::errno::Errno;

/// A copy of the descriptor with this number, closed on exec.
///
/// # Errors
/// EBADF when it is not open, EMFILE when the table is full.
pub fn duplicate(number: RawFd) -> Result<OwnedFd, Errno> {
    duplicate_above(number, 3)
}

/// As [`duplicate`], with a number of at least `least`.
///
/// # Errors
/// As [`duplicate`], and EINVAL when `least` is beyond the limit.
pub fn duplicate_above(number: RawFd, least: RawFd) -> Result<OwnedFd, Errno> {
    // SAFETY: takes three integers.
    let copy = unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, least) };
    let copy = Errno::result(copy)?;
    // SAFETY: the system call just made this descriptor; nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

/// Gives descriptors the numbers `first`, `first + 1` and so on, open across
/// exec. What had one of these numbers is closed: the caller sees to it that
/// nothing else of this process does.
///
/// # Errors
/// EMFILE when there is no room for one descriptor more, EBADF when a number
/// is beyond the limit.
pub fn place(descriptors: Vec<OwnedFd>, first: RawFd) -> Result<(), Errno> {
    let mut here: Vec<Option<OwnedFd>> = descriptors.into_iter().map(Some).collect();
    for index in 0..here.len() {
        let target = first + RawFd::try_from(index).map_err(|_| Errno::EBADF)?;
        let Some(own) = here[index].take() else {
            continue;
        };
        if own.as_raw_fd() == target {
            keep_on_exec(own.into_raw_fd())?;
            continue;
        }
        let occupant = here
            .iter_mut()
            .find(|one| one.as_ref().is_some_and(|fd| fd.as_raw_fd() == target));
        if let Some(occupant) = occupant {
            // Another of them, whose turn comes: it moves out of the way.
            let moved = duplicate(target)?;
            *occupant = Some(moved);
        }
        copy_to(own.as_raw_fd(), target)?;
    }
    Ok(())
}

/// Makes `target` a copy of `number` that stays open across exec.
///
/// # Errors
/// EBADF when `target` is beyond the limit.
pub fn copy_to(number: RawFd, target: RawFd) -> Result<(), Errno> {
    // SAFETY: takes two integers; the caller owns what has the number `target`.
    let result = unsafe { libc::dup2(number, target) };
    Errno::result(result).map(drop)
}

/// Closes every descriptor from 3 on but these, close_range(2).
///
/// For copies of this process that go on alone: whatever the caller had open
/// would stay open with them, and a reader of a pipe would never see its end.
///
/// # Errors
/// ENOSYS before Linux 5.9.
pub fn close_others(keep: &[BorrowedFd<'_>]) -> Result<(), Errno> {
    let mut kept: Vec<u32> = keep
        .iter()
        .map(|one| one.as_raw_fd().cast_unsigned())
        .collect();
    kept.sort_unstable();
    let mut from = 3;
    for number in kept {
        if number > from {
            close_range(from, number - 1)?;
        }
        from = from.max(number + 1);
    }
    close_range(from, u32::MAX)
}

fn close_range(first: u32, last: u32) -> Result<(), Errno> {
    // SAFETY: the caller is a copy that uses none of these numbers again.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    Errno::result(result).map(drop)
}

fn keep_on_exec(number: RawFd) -> Result<(), Errno> {
    // SAFETY: takes three integers.
    let result = unsafe { libc::fcntl(number, libc::F_SETFD, 0) };
    Errno::result(result).map(drop)
}
