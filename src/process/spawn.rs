//! Running a command for the caller, as the caller would have run it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use nix::errno::Errno;
use nix::poll::PollTimeout;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{SigSet, Signal, kill, raise};
use nix::unistd::{AccessFlags, Pid, access};

use super::blocked::Blocked;
use super::watched::Watched;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escaped;
use crate::exit::Exit;
use crate::sys::exec;

/// What became of a command that was to be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// It runs, and this is its process.
    Running(i32),
    /// It is missing or cannot be executed, as the exit code says.
    Refused(Exit),
}

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
    /// reach this process alone are passed on: what becomes of them is up to
    /// the command, and the caller is told which came.
    ///
    /// # Errors
    /// When the system cannot start or wait for a process. A command that is
    /// missing or cannot be executed is an [`Exit`], as in a shell.
    pub fn run(&self, input: Option<&[u8]>, blocked: &Blocked) -> Result<Ended> {
        let redirected: &[i32] = if input.is_some() { &[0] } else { &[] };
        let mut command = self.command(blocked.former(), redirected);
        if let Some(bytes) = input {
            command.stdin(Stdio::from(in_memory(bytes)?));
        }
        // Watched before the start, so that no end is missed.
        let signals = Watched::new()?;
        match command.spawn() {
            Ok(child) => follow(&signals, child),
            Err(refusal) => self.failed(refusal).map(|exit| Ended { exit, came: None }),
        }
    }

    /// Starts the command with this signal mask, in a process group of its own
    /// if it is to have one, and does not wait. What keeps the command itself
    /// from starting is an [`Exit`].
    ///
    /// # Errors
    /// When the system cannot start a process.
    pub fn start(
        &self,
        mask: SigSet,
        in_own_group: bool,
    ) -> Result<std::result::Result<Child, Exit>> {
        let mut command = self.command(mask, &[]);
        if in_own_group {
            command.process_group(0);
        }
        match command.spawn() {
            Ok(child) => Ok(Ok(child)),
            Err(refusal) => self.failed(refusal).map(Err),
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

    /// Starts the command apart from this process: in a session of its own,
    /// with nothing to read, and `output` for whatever it prints. Returns when
    /// it is the command that runs, which the caller is to reap.
    ///
    /// # Errors
    /// When the system cannot start a process.
    pub fn start_apart(&self, mask: SigSet, output: &File) -> Result<Start> {
        let mut command = self.command(mask, &[0, 1, 2]);
        exec::in_a_session_of_its_own(&mut command);
        let to_log = || output.try_clone().map(Stdio::from).map_err(Error::os);
        command
            .stdin(Stdio::null())
            .stdout(to_log()?)
            .stderr(to_log()?);
        match command.spawn() {
            Ok(child) => Ok(Start::Running(child.id().cast_signed())),
            Err(refusal) => self.failed(refusal).map(Start::Refused),
        }
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

    /// How a start would end that cannot succeed, as far as the files tell:
    /// what a script names in its first line is not looked at.
    pub fn obstacle(&self) -> Option<Exit> {
        let word = self.command.first().filter(|word| !word.is_empty());
        let Some(word) = word else {
            return Some(Exit::CommandNotFound);
        };
        if word.as_bytes().contains(&b'/') {
            return obstacle_at(Path::new(word));
        }
        // Where execvp(3) looks.
        let path = std::env::var_os("PATH").unwrap_or_else(|| "/bin:/usr/bin".into());
        let mut worst = Exit::CommandNotFound;
        for folder in std::env::split_paths(&path) {
            match obstacle_at(&folder.join(word)) {
                Some(Exit::CannotExecute) => worst = Exit::CannotExecute,
                Some(_) => {}
                None => return None,
            }
        }
        Some(worst)
    }

    /// The name of the command, fit for an error message; an empty one in quotes.
    pub fn name(&self) -> String {
        let first = self.command.first().filter(|word| !word.is_empty());
        first.map_or_else(|| "''".to_owned(), |word| escaped(word.as_encoded_bytes()))
    }
}

/// How a command ended, and what reached this process meanwhile.
#[derive(Debug, Clone, Copy)]
pub struct Ended {
    /// The end of the command alone.
    pub exit: Exit,
    came: Option<Signal>,
}

impl Ended {
    /// Lets the ending signal that was passed on strike here too, once the
    /// caller lets go of its `Blocked`: for one that is not done with the
    /// command. A command that it did not kill has an exit code to tell.
    pub fn strike(&self) {
        if let Some(signal) = self.came {
            // Blocked still: strikes when the caller has put things in order.
            let _ = raise(signal);
        }
    }

    /// Whether the signal that was passed on is what ended the command.
    pub fn is_by_what_came(&self) -> bool {
        self.came
            .is_some_and(|signal| self.exit == Exit::Signal(signal as i32))
    }
}

fn obstacle_at(program: &Path) -> Option<Exit> {
    match std::fs::metadata(program) {
        Ok(found) if found.is_dir() => Some(Exit::CannotExecute),
        Ok(_) => access(program, AccessFlags::X_OK)
            .is_err()
            .then_some(Exit::CannotExecute),
        Err(refusal) if refusal.kind() == std::io::ErrorKind::NotFound => {
            Some(Exit::CommandNotFound)
        }
        Err(_) => Some(Exit::CannotExecute),
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

/// Waits for the child; passes on what was meant for this process alone.
fn follow(signals: &Watched, mut child: Child) -> Result<Ended> {
    let pid = Pid::from_raw(child.id().cast_signed());
    let mut came = None;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(Error::os)? {
            break status;
        }
        signals.wait(PollTimeout::NONE);
        while let Some(passed) = signals.passed() {
            came = Some(passed.signal);
            if !passed.is_from_terminal {
                let _ = kill(pid, passed.signal);
            }
        }
    };
    // One from the terminal may have ended the command before it was read here.
    while let Some(passed) = signals.passed() {
        came = Some(passed.signal);
    }
    let exit = exit_of(status);
    Ok(Ended { exit, came })
}
