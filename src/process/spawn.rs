//! Running a command for the caller, as the caller would have run it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};

use nix::errno::Errno;
use nix::libc;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{SigSet, Signal, kill, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::Pid;

use super::blocked::Blocked;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escaped;
use crate::exit::Exit;
use crate::sys::exec;
use crate::sys::signal::{ENDING, see_children_end};

/// A command to run, once or many times.
#[derive(Debug, Clone)]
pub struct Spawn<'a> {
    command: &'a [OsString],
    environment: Vec<(&'static str, Option<OsString>)>,
    dies_with_us: bool,
}

impl<'a> Spawn<'a> {
    /// The command and its arguments; no shell is in between.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when it is empty.
    pub fn new(command: &'a [OsString]) -> Result<Spawn<'a>> {
        if command.is_empty() {
            return Err(Error::new(ErrorKind::Usage, "there is no command to run"));
        }
        Ok(Spawn {
            command,
            environment: Vec::new(),
            dies_with_us: false,
        })
    }

    /// Sets a variable in its environment.
    #[must_use]
    pub fn env(mut self, key: &'static str, value: impl AsRef<OsStr>) -> Self {
        let value = value.as_ref().to_owned();
        self.environment.push((key, Some(value)));
        self
    }

    /// Takes a variable out of its environment.
    #[must_use]
    pub fn without_env(mut self, key: &'static str) -> Self {
        self.environment.push((key, None));
        self
    }

    /// Has the command killed when this process dies, however it dies.
    #[must_use]
    pub fn dying_with_us(mut self) -> Self {
        self.dies_with_us = true;
        self
    }

    /// Runs the command to its end and says how it ended.
    ///
    /// With `input` these bytes are its standard input. Ending signals that
    /// reach this process alone are passed on, and strike here after the
    /// caller lets go of `blocked`.
    ///
    /// # Errors
    /// When the system cannot start or wait for a process. A command that is
    /// missing or cannot be executed is an [`Exit`], as in a shell.
    pub fn run(&self, input: Option<&[u8]>, blocked: &Blocked) -> Result<Exit> {
        let redirected: &[i32] = if input.is_some() { &[0] } else { &[] };
        let mut command = self.command(blocked.former(), redirected);
        if let Some(bytes) = input {
            command.stdin(Stdio::from(in_memory(bytes)?));
        }
        // Watched before the start, so that no end is missed.
        let signals = Watched::new()?;
        match command.spawn() {
            Ok(child) => signals.follow(child).map(exit_of),
            Err(refusal) => self.failed(refusal),
        }
    }

    /// Becomes the command; returns only when it cannot be started.
    ///
    /// # Errors
    /// What execve(2) says, when it is not about the command.
    pub fn exec(&self) -> Result<Exit> {
        let mask = SigSet::thread_get_mask().map_err(Error::os)?;
        let mut command = self.command(mask, &[]);
        self.failed(command.exec())
    }

    /// The command, ready to be started with this signal mask.
    pub(super) fn command(&self, mask: SigSet, redirected: &'static [i32]) -> Command {
        let (program, arguments) = self
            .command
            .split_first()
            .unwrap_or((&self.command[0], &[]));
        let mut command = Command::new(program);
        command.args(arguments);
        for (key, value) in &self.environment {
            match value {
                Some(value) => command.env(key, value),
                None => command.env_remove(key),
            };
        }
        if self.dies_with_us {
            exec::dying_with_parent(&mut command);
        }
        exec::as_the_caller(&mut command, mask, redirected);
        command
    }

    /// What a failed start means: a missing command is an exit code, as in a shell.
    pub(super) fn failed(&self, refusal: std::io::Error) -> Result<Exit> {
        match Error::os(refusal) {
            error if error.kind() == ErrorKind::Missing => Ok(Exit::CommandNotFound),
            error if is_about_the_command(&error) => Ok(Exit::CannotExecute),
            error => Err(error.about(self.name())),
        }
    }

    /// The name of the command, fit for an error message.
    pub fn name(&self) -> String {
        self.command
            .first()
            .map(|word| escaped(word.as_encoded_bytes()))
            .unwrap_or_default()
    }
}

fn exit_of(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Command(code as u8),
        (None, Some(signal)) => Exit::Signal(signal),
        (None, None) => Exit::Failed,
    }
}

fn is_about_the_command(error: &Error) -> bool {
    use Errno::{EACCES, EISDIR, ELOOP, ENAMETOOLONG, ENOEXEC, ENOTDIR, EPERM, ETXTBSY};
    error.errno().is_some_and(|errno| {
        [
            EACCES,
            EPERM,
            ENOEXEC,
            EISDIR,
            ENOTDIR,
            ETXTBSY,
            ELOOP,
            ENAMETOOLONG,
        ]
        .contains(&errno)
    })
}

/// A file without a name that holds `bytes`: it cannot block like a pipe.
pub(crate) fn in_memory(bytes: &[u8]) -> Result<File> {
    let file = memfd_create(c"ipc-input", MFdFlags::MFD_CLOEXEC).map_err(Error::os)?;
    let mut file = File::from(file);
    file.write_all(bytes).map_err(Error::os)?;
    file.seek(SeekFrom::Start(0)).map_err(Error::os)?;
    Ok(file)
}

/// The ending signals and SIGCHLD, read instead of delivered.
struct Watched {
    signals: SignalFd,
    former: SigSet,
}

impl Watched {
    fn new() -> Result<Watched> {
        let mut set = SigSet::from_iter(ENDING);
        set.add(Signal::SIGCHLD);
        let former = SigSet::thread_get_mask().map_err(Error::os)?;
        set.thread_block().map_err(Error::os)?;
        see_children_end();
        let signals = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC).map_err(Error::os)?;
        Ok(Watched { signals, former })
    }

    /// Waits for the child; passes on what was meant for this process alone.
    fn follow(self, mut child: Child) -> Result<ExitStatus> {
        let pid = Pid::from_raw(child.id().cast_signed());
        let mut came = None;
        let status = loop {
            if let Some(status) = child.try_wait().map_err(Error::os)? {
                break status;
            }
            let Ok(Some(info)) = self.signals.read_signal() else {
                continue;
            };
            let Ok(signal) = Signal::try_from(info.ssi_signo.cast_signed()) else {
                continue;
            };
            if signal == Signal::SIGCHLD {
                continue;
            }
            came = Some(signal);
            // What the terminal sends, it sends to the whole group already.
            if info.ssi_code != libc::SI_KERNEL {
                let _ = kill(pid, signal);
            }
        };
        if let Some(signal) = came {
            // Blocked still: strikes when the caller has put things in order.
            let _ = raise(signal);
        }
        Ok(status)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // Puts back the mask that was in force.
        let _ = self.former.thread_set_mask();
    }
}
