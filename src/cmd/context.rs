//! What every command is handed: its output, its scope, and its own name.

use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::os::unix::ffi::OsStrExt;

use crate::deadline::Deadline;
use crate::error::{Error, ErrorKind, Result};
use crate::exit::Exit;
use crate::name::{Name, Scope};
use crate::output::{self, Output};
use crate::place::Place;
use crate::process::spawn::Spawn;
use crate::shared::lock::Lock;
use crate::sys::{fault, startup};
use crate::wait::Wait;

/// The surroundings of one invocation.
#[derive(Debug)]
pub(crate) struct Context {
    /// Where results go.
    pub(crate) out: Output,
    /// What goes before every name.
    pub(crate) scope: Scope,
    path: &'static str,
}

impl Context {
    pub(crate) fn new(out: Output, scope: Scope) -> Context {
        Context {
            out,
            scope,
            path: "",
        }
    }

    /// Names the command that runs, as errors show it.
    pub(crate) fn named(&mut self, path: &'static str) {
        self.path = path;
        fault::speak_as(path);
    }

    /// Says something about an object that is no failure, unless told to be quiet.
    pub(crate) fn remark(&self, words: impl Display) {
        self.out.say(format_args!("ipc: {}: {words}", self.path));
    }

    /// The name of an object to work with, in full.
    pub(crate) fn name(&self, raw: &OsStr) -> Result<Name> {
        Name::parse(&self.scope.qualify(raw))
    }

    /// The name of an object to look at or remove: whatever the kernel has.
    pub(crate) fn foreign_name(&self, raw: &OsStr) -> Result<Name> {
        Name::foreign(&self.scope.qualify(raw))
    }

    /// The place of an object to work with, which may be a path.
    pub(crate) fn place(&self, raw: &OsStr) -> Result<Place> {
        Place::parse(raw, &self.scope)
    }

    /// The place of an object to look at or remove.
    pub(crate) fn foreign_place(&self, raw: &OsStr) -> Result<Place> {
        Place::foreign(raw, &self.scope)
    }

    /// Does the same to several objects: tries all, reports each failure. It
    /// does not go on when what they print does not arrive.
    pub(crate) fn each(
        &mut self,
        names: &[OsString],
        mut act: impl FnMut(&mut Context, &OsStr) -> Result<()>,
    ) -> Exit {
        let mut overall: Option<Exit> = None;
        for raw in names {
            let this = match act(self, raw) {
                Ok(()) => Exit::Done,
                Err(error) => {
                    let output = [ErrorKind::OutputClosed, ErrorKind::OutputFailed];
                    let is_last = output.contains(&error.kind());
                    let exit = ending(&error.into(), |failure| self.report(failure));
                    if is_last {
                        return exit;
                    }
                    exit
                }
            };
            overall = Some(overall.map_or(this, |so_far| so_far.and(this)));
        }
        overall.unwrap_or(Exit::Done)
    }

    /// Prints an error that does not end the invocation, or that just has.
    pub(crate) fn report(&self, error: &anyhow::Error) {
        let path = if self.path.is_empty() {
            String::new()
        } else {
            format!("{}: ", self.path)
        };
        output::tell(format_args!("ipc: {path}{error:#}"));
        let library = error.downcast_ref::<Error>();
        if let Some(hint) = library.and_then(Error::hint_text) {
            output::tell(format_args!("hint: {hint}"));
        }
    }

    /// A wait that tells a person at a terminal what it is for.
    pub(crate) fn wait(&self, deadline: Deadline, what: String) -> Wait {
        let wait = Wait::until(deadline);
        if self.out.has_listener() {
            return wait.noticing(move || output::tell(format_args!("ipc: waiting for {what}")));
        }
        wait
    }

    /// A wait that tells a person at a terminal who holds the lock.
    pub(crate) fn wait_for_lock(&self, deadline: Deadline, lock: &Lock, name: &Name) -> Wait {
        let wait = Wait::until(deadline);
        if !self.out.has_listener() {
            return wait;
        }
        let (lock, name) = (lock.clone(), name.clone());
        wait.noticing(move || {
            let holders = lock.holders().unwrap_or_default();
            let held = holders
                .iter()
                .map(|holder| format!("{} ({})", holder.pid, holder.command));
            let held: Vec<String> = held.collect();
            output::tell(format_args!(
                "ipc: waiting for lock {name}, held by {}",
                held.join(", ")
            ));
        })
    }

    /// A command to run, within the scope of this invocation: the names that it
    /// is told are without it, where the scope did not come by the environment.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when it is empty.
    pub(crate) fn spawn<'a>(&self, command: &'a [OsString]) -> Result<Spawn<'a>> {
        let spawn = Spawn::new(command)?;
        let scope = self.scope.as_str();
        if std::env::var_os("IPC_SCOPE").unwrap_or_default() == scope {
            return Ok(spawn);
        }
        Ok(spawn.env("IPC_SCOPE", scope))
    }

    /// Hands over what was printed of a change that is made; a failure says what
    /// is true all the same, so that nobody makes the change once more.
    pub(crate) fn deliver(&mut self, done: impl FnOnce() -> String) -> anyhow::Result<()> {
        self.out
            .flush()
            .map_err(|error| anyhow::Error::new(error).context(done()))
    }

    /// Says why a command could not be started.
    pub(crate) fn explain_start(&self, command: &str, ending: Exit) -> anyhow::Result<Exit> {
        let why = match ending {
            Exit::CommandNotFound => "command not found",
            Exit::CannotExecute => "cannot be executed",
            _ => return Ok(ending),
        };
        output::tell(format_args!("ipc: {}: {command}: {why}", self.path));
        Ok(ending)
    }

    /// The name as the user wrote it, for patterns and headings.
    pub(crate) fn inner<'a>(&self, full: &'a Name) -> &'a [u8] {
        self.scope.strip(full.as_bytes()).unwrap_or(full.as_bytes())
    }
}

/// The exit that a failure stands for; says why, unless nobody wants to know.
pub(crate) fn ending(failure: &anyhow::Error, report: impl Fn(&anyhow::Error)) -> Exit {
    let kind = failure
        .downcast_ref::<Error>()
        .map_or(ErrorKind::Limit, Error::kind);
    match kind {
        // As every filter ends whose reader has seen enough.
        ErrorKind::OutputClosed if !startup::was_sigpipe_ignored() => {}
        ErrorKind::Interrupted(_) => {}
        _ => report(failure),
    }
    match kind {
        ErrorKind::OutputClosed if startup::was_sigpipe_ignored() => Exit::Limit,
        kind => kind.into(),
    }
}

/// Bytes of a word of the command line.
pub(crate) fn bytes(word: &OsString) -> &[u8] {
    word.as_bytes()
}
