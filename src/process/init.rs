//! A parent that does its duty: it passes signals on, reaps whatever ends
//! below it, and leaves when there is nothing left.
//!
//! As PID 1 of a pid namespace the kernel makes it the heir of all; elsewhere
//! it is a subreaper. As PID 1 it gets only signals that it handles, so all
//! are blocked and read.

use std::os::fd::AsFd;
use std::process::Child;

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal as Standard, raise};
use nix::sys::signalfd::{SignalFd, siginfo};

use super::identity::Process;
use super::reaper::{Found, Reaper, children};
use super::signal::Signal;
use super::spawn::Spawn;
use super::watched::read_instead;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::sys::signal::send_to_group;

/// What is to become of a signal: another one instead, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rewrite {
    /// What comes.
    pub from: Signal,
    /// What is passed on; nothing swallows it.
    pub to: Option<Signal>,
}

/// How to be the parent of a command.
#[derive(Debug, Clone)]
pub struct Init {
    /// Signals that are passed on as others.
    pub rewrites: Vec<Rewrite>,
    /// Whether those that outlive the command are killed instead of waited for.
    pub kills_leftovers: bool,
    /// Whether the command gets a process group of its own, and signals go to
    /// all of it.
    pub to_group: bool,
}

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Course {
    /// How the command ended, or why it was not started.
    pub exit: Exit,
    /// How many others were reaped.
    pub reaped: usize,
}

/// The command while it lives.
struct Command {
    process: Process,
    has_group: bool,
}

impl Init {
    /// Runs a command to the end of all that it started. Signals are passed on
    /// to it as long as it lives, and to what it left after that.
    ///
    /// When this process is killed by SIGKILL, the kernel kills the command.
    /// Signals stay blocked afterwards.
    ///
    /// # Errors
    /// When the system cannot start or wait for a process.
    pub fn run(&self, spawn: &Spawn<'_>) -> Result<Course> {
        let former = SigSet::thread_get_mask().map_err(Error::os)?;
        let reaper = Reaper::new()?;
        // Watched before the start, so that none is missed.
        let signals = all_signals()?;
        let course = match spawn.start(former, self.to_group)? {
            Ok(child) => self.follow(&reaper, &signals, &child)?,
            Err(exit) => Course { exit, reaped: 0 },
        };
        // Whom a signal is meant for from now on has ended.
        reaper.for_good();
        Ok(course)
    }

    fn follow(&self, reaper: &Reaper, signals: &SignalFd, child: &Child) -> Result<Course> {
        let pid = child.id().cast_signed();
        // Not reaped before this, so the number is its own.
        let mut command = Some(Command {
            process: Process::open(pid)?,
            has_group: self.to_group,
        });
        let mut course = Course {
            exit: Exit::Failed,
            reaped: 0,
        };
        loop {
            match reaper.next()? {
                Found::Reaped(ended, ending) if ended == pid => {
                    command = None;
                    course.exit = ending.into();
                    if self.kills_leftovers {
                        reaper.end_all(|_, _| course.reaped += 1)?;
                    }
                }
                Found::Reaped(..) => course.reaped += 1,
                Found::Nobody => return Ok(course),
                Found::Running => {
                    wait_for_either(reaper, signals)?;
                    while let Some(came) = signals.read_signal().map_err(Error::os)? {
                        self.pass_on(&came, command.as_ref());
                    }
                }
            }
        }
    }

    fn pass_on(&self, came: &siginfo, command: Option<&Command>) {
        let Some(signal) = Signal::from_number(came.ssi_signo.cast_signed()) else {
            return;
        };
        let rewrite = self.rewrites.iter().find(|one| one.from == signal);
        // The terminal sends to the whole group already, the command in it.
        let from_terminal = came.ssi_code == libc::SI_KERNEL && !self.to_group;
        let sent = match rewrite {
            Some(rewrite) => rewrite.to,
            None => Some(signal).filter(|_| !from_terminal),
        };
        // One that has just ended needs no signal.
        match (sent, command) {
            (None, _) => {}
            (Some(sent), Some(command)) => command.send(sent, came),
            // Those that are left are our own by now, or below those.
            (Some(sent), None) => {
                for pid in children() {
                    let _ = Process::open(pid).and_then(|process| process.send(sent));
                }
            }
        }
        if stops_us(signal) && rewrite.is_none() && came.ssi_code == libc::SI_KERNEL {
            // The shell that watches us has to see it. As PID 1 it does nothing.
            // Sent to us alone it is the command's affair, which may end by it.
            let _ = raise(Standard::SIGSTOP);
        }
    }
}

impl Command {
    fn send(&self, signal: Signal, came: &siginfo) {
        let _ = if self.has_group {
            send_to_group(self.process.pid(), signal.number()).map_err(Error::os)
        } else if came.ssi_code == libc::SI_QUEUE {
            self.process.queue(signal, came.ssi_int)
        } else {
            self.process.send(signal)
        };
    }
}

/// The signals by which a terminal stops what runs in it.
fn stops_us(signal: Signal) -> bool {
    [libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU].contains(&signal.number())
}

/// All signals, blocked and read instead of delivered, but for SIGCHLD, which
/// the kernel sends for our own children.
fn all_signals() -> Result<SignalFd> {
    let mut set = SigSet::all();
    set.remove(Standard::SIGCHLD);
    read_instead(&set)
}

fn wait_for_either(reaper: &Reaper, signals: &SignalFd) -> Result<()> {
    let mut watched = [
        PollFd::new(reaper.as_fd(), PollFlags::POLLIN),
        PollFd::new(signals.as_fd(), PollFlags::POLLIN),
    ];
    match poll(&mut watched, PollTimeout::NONE) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(Error::os(errno)),
    }
}
