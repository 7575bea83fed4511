//! A private look at the message queues of this IPC namespace.

use std::ffi::CStr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;

/// Opens the root of an mqueue file system that is mounted nowhere.
///
/// The mount table is not touched. Needs CAP_SYS_ADMIN in the user namespace
/// that owns the IPC namespace; see fsopen(2) and fsmount(2).
///
/// # Errors
/// EPERM without the capability, ENOSYS before Linux 5.2.
pub fn detached_mqueue() -> Result<OwnedFd, Errno> {
    let context = filesystem_context(c"mqueue")?;
    create_superblock(context.as_raw_fd())?;
    // SAFETY: takes three integers; attributes 0 means none.
    let mount = unsafe {
        libc::syscall(
            libc::SYS_fsmount,
            context.as_raw_fd(),
            1, /* FSMOUNT_CLOEXEC */
            0,
        )
    };
    owned(mount)
}

fn filesystem_context(kind: &CStr) -> Result<OwnedFd, Errno> {
    // SAFETY: the name is a C string that outlives the call.
    let fd = unsafe {
        libc::syscall(libc::SYS_fsopen, kind.as_ptr(), 1 /* FSOPEN_CLOEXEC */)
    };
    owned(fd)
}

fn create_superblock(context: RawFd) -> Result<(), Errno> {
    let nothing = std::ptr::null::<libc::c_char>();
    // SAFETY: this command takes no key and no value, so both may be null.
    let result = unsafe {
        libc::syscall(
            libc::SYS_fsconfig,
            context,
            6, // FSCONFIG_CMD_CREATE
            nothing,
            nothing,
            0,
        )
    };
    Errno::result(result).map(drop)
}

fn owned(result: libc::c_long) -> Result<OwnedFd, Errno> {
    let fd = Errno::result(result)? as RawFd;
    // SAFETY: the system call just made this descriptor; nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
