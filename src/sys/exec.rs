//! Starting commands as the caller would have started them.

use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};

use crate::sys::{signal, startup};

/// Gives the command the signal mask `mask`, and the dispositions of SIGPIPE,
/// SIGCHLD and SIGXFSZ and the closed standard descriptors that this process was
/// started with.
///
/// A descriptor that `redirected` names was set for the command on purpose
/// and stays open.
pub fn as_the_caller(command: &mut Command, mask: SigSet, redirected: &'static [i32]) {
    let sigpipe = if startup::was_sigpipe_ignored() {
        libc::SIG_IGN
    } else {
        libc::SIG_DFL
    };
    let is_sigchld_ignored = startup::was_sigchld_ignored();
    let is_size_limit_ignored = signal::has_ignored_size_limit();
    let restore = move || {
        sigprocmask(SigmaskHow::SIG_SETMASK, Some(&mask), None)?;
        // SAFETY: sets a disposition that is no handler.
        unsafe { libc::signal(libc::SIGPIPE, sigpipe) };
        if is_sigchld_ignored {
            // SAFETY: sets a disposition that is no handler.
            unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
        }
        if is_size_limit_ignored {
            // SAFETY: sets a disposition that is no handler.
            unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_DFL) };
        }
        for fd in 0..=2 {
            if startup::was_closed(fd) && !redirected.contains(&fd) {
                // SAFETY: in the child this is the /dev/null that Rust's start-up
                // put there; nothing in the child refers to it before exec.
                unsafe { libc::close(fd) };
            }
        }
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes only async-signal-safe
    // calls and allocates nothing.
    unsafe { command.pre_exec(restore) };
}

/// Has the kernel kill the command when this process dies, however it dies.
///
/// Only a process of one thread may start it so: the kernel counts the death
/// of the starting thread.
pub fn dying_with_parent(command: &mut Command) {
    let parent = std::process::id().cast_signed();
    let tie = move || {
        nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)?;
        // The parent may have died before the tie was there.
        if nix::unistd::getppid().as_raw() == parent {
            Ok(())
        } else {
            Err(std::io::Error::from_raw_os_error(libc::ESRCH))
        }
    };
    // SAFETY: between fork and exec the closure makes only async-signal-safe
    // calls and allocates nothing.
    unsafe { command.pre_exec(tie) };
}

/// Makes the command the leader of a session of its own: no terminal, and no
/// group that it could signal along with others.
pub fn in_a_session_of_its_own(command: &mut Command) {
    let leave = || {
        nix::unistd::setsid()?;
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes one async-signal-safe
    // call and allocates nothing.
    unsafe { command.pre_exec(leave) };
}
