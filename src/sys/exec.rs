//! Starting commands as the caller would have started them.

use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};

use crate::sys::startup;

/// Gives the command the signal mask `mask`, and the dispositions of SIGPIPE
/// and SIGCHLD and the closed standard descriptors that this process was
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
    let restore = move || {
        sigprocmask(SigmaskHow::SIG_SETMASK, Some(&mask), None)?;
        // SAFETY: sets a disposition that is no handler.
        unsafe { libc::signal(libc::SIGPIPE, sigpipe) };
        if is_sigchld_ignored {
            // SAFETY: sets a disposition that is no handler.
            unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
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
