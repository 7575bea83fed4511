//! Options that mean the same wherever they stand.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Cursor, Read, Stdin, stdin};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde_json::{Value, json};

use super::context::Context;

use crate::deadline::{Deadline, parse_span};
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escaped;
use crate::exit::Exit;
use crate::facts::Label;
use crate::name::{Name, Scope};
use crate::output::Color;
use crate::size::Mode;
use crate::sys::startup;

/// Options that stand before the noun or anywhere after the verb.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Print JSON: one document, or a line each for streams
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Put SCOPE and a dot before every name
    ///
    /// Parallel runs with different scopes cannot meet. A listing shows the scope
    /// only, without it. 1 to 64 of A-Z a-z 0-9 _ -; empty means none.
    /// Without the option it is that of the environment variable IPC_SCOPE.
    #[arg(long, global = true, value_name = "SCOPE", value_parser = str::parse::<Scope>)]
    scope: Option<Scope>,

    /// Say nothing on standard error but errors
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,

    /// Use colour: on a terminal, always, or never
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_default_value = true
    )]
    #[arg(value_parser = PossibleValuesParser::new(["auto", "always", "never"]).map(|when| color(&when)))]
    pub(crate) color: Color,
}

impl Global {
    /// The scope of the option, else of the variable.
    ///
    /// Not left to clap: to it a variable is an option that was given, so that
    /// it would show up in usage lines and count as an argument.
    pub(crate) fn scope(&self) -> Result<Scope> {
        if let Some(scope) = &self.scope {
            return Ok(scope.clone());
        }
        match std::env::var_os("IPC_SCOPE") {
            Some(scope) => Scope::try_from(scope.as_os_str()).map_err(|error| {
                let error = error.about(format!("IPC_SCOPE '{}'", escaped(scope.as_bytes())));
                error.hint("unset IPC_SCOPE, or --scope SCOPE")
            }),
            None => Ok(Scope::default()),
        }
    }
}

fn color(when: &str) -> Color {
    match when {
        "always" => Color::Always,
        "never" => Color::Never,
        _ => Color::Auto,
    }
}

/// The help of --try where the exit codes from 1 on belong to another command.
pub(crate) const TRY_FOR_A_CODE: &str =
    "Do not wait: exit 124, or --conflict-code, when it would have to";

/// How long a blocking verb waits.
#[derive(Debug, Clone, Args)]
pub(crate) struct Waiting {
    /// Give up after DURATION with exit code 124: 250ms, 2s, 1m30s; a bare number is seconds
    ///
    /// Without it the wait lasts as long as it takes. Zero is the same as --try.
    #[arg(long, short, value_name = "DURATION", value_parser = parse_span)]
    timeout: Option<Duration>,

    /// Do not wait: exit 1 when it would have to
    #[arg(long = "try", conflicts_with = "timeout")]
    try_once: bool,
}

impl Waiting {
    /// The moment to give up, counted from now.
    pub(crate) fn deadline(&self) -> Deadline {
        match self.timeout {
            _ if self.try_once => Deadline::Now,
            Some(span) => Deadline::after(span),
            None => Deadline::Never,
        }
    }
}

/// What a run-like verb answers when it did not get what it waited for.
#[derive(Debug, Clone, Args)]
pub(crate) struct Conflict {
    /// Exit with CODE instead of 124 when busy or timed out
    #[arg(long, value_name = "CODE")]
    conflict_code: Option<u8>,
}

impl Conflict {
    /// The exit code for a wait that failed; other errors are passed on.
    pub(crate) fn or_fail(&self, context: &Context, error: Error) -> anyhow::Result<Exit> {
        match error.kind() {
            ErrorKind::WouldBlock => {}
            ErrorKind::TimedOut => context.report(&error.into()),
            _ => return Err(error.into()),
        }
        Ok(self.conflict_code.map_or(Exit::TimedOut, Exit::Command))
    }
}

/// What `create` does about an object that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum IfExists {
    /// Fail with exit code 4
    Fail,
    /// Take it as it is; another geometry is exit code 4
    Open,
    /// Remove one of the same kind and make a new one, not atomically
    Replace,
}

/// The mode of a new object.
#[derive(Debug, Clone, Args)]
pub(crate) struct NewMode {
    /// Permission bits in octal, exact: the umask does not cut them
    #[arg(long, value_name = "MODE", default_value = "0600", value_parser = str::parse::<Mode>)]
    pub(crate) mode: Mode,
}

/// The mode of a new object, and what to do when it is there already.
#[derive(Debug, Clone, Args)]
pub(crate) struct Creation {
    #[command(flatten)]
    pub(crate) mode: NewMode,

    /// What to do when the object exists already
    #[arg(long, value_name = "ACTION", default_value = "fail")]
    pub(crate) if_exists: IfExists,
}

/// How `create` came by its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Created,
    Opened,
    Replaced,
}

impl Outcome {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Outcome::Created => "created",
            Outcome::Opened => "opened",
            Outcome::Replaced => "replaced",
        }
    }

    /// Prints what became of the object: a sentence, or JSON with the fields that
    /// `more` knows of it.
    pub(crate) fn print(
        self,
        context: &mut Context,
        kind: &str,
        name: &Name,
        more: impl FnOnce() -> Result<Value>,
    ) -> Result<Exit> {
        if !context.out.is_json() {
            context.out.say(format_args!("{} {name}", self.word()));
            return Ok(Exit::Done);
        }
        let label = Label::new(context.inner(name));
        let mut document = json!({ "kind": kind, "name": label.name, "result": self.word() });
        if let (Some(fields), Value::Object(more)) = (document.as_object_mut(), more()?) {
            fields.extend(more);
        }
        context.out.json(&document)?;
        Ok(Exit::Done)
    }
}

impl IfExists {
    /// Creates by the rule; `open` checks the geometry of what is there.
    pub(crate) fn apply(
        self,
        mut create: impl FnMut() -> Result<()>,
        open: impl Fn() -> Result<()>,
        unlink: impl Fn() -> Result<()>,
    ) -> Result<Outcome> {
        let mut replaced = false;
        // Another process may create or remove the object between two steps.
        for _ in 0..100 {
            match create() {
                Err(error) if error.kind() == ErrorKind::Exists => match self {
                    IfExists::Fail => return Err(error),
                    IfExists::Open => match open() {
                        Err(error) if error.kind() == ErrorKind::Missing => {}
                        result => return result.map(|()| Outcome::Opened),
                    },
                    IfExists::Replace => match unlink() {
                        Err(error) if error.kind() != ErrorKind::Missing => return Err(error),
                        _ => replaced = true,
                    },
                },
                Err(error) => return Err(error),
                Ok(()) if replaced => return Ok(Outcome::Replaced),
                Ok(()) => return Ok(Outcome::Created),
            }
        }
        Err(Error::new(
            ErrorKind::Exists,
            "the object comes and goes too fast to get hold of",
        ))
    }
}

/// Bytes from the command line, a file or standard input.
#[derive(Debug, Clone, Args)]
pub(crate) struct Source {
    /// Take the bytes from FILE; one that cannot be read is exit code 6, or 5 if not permitted
    #[arg(long, short, value_name = "FILE", conflicts_with = "data")]
    file: Option<PathBuf>,
}

impl Source {
    /// Opens what was named; `-` or no argument is standard input.
    pub(crate) fn open(&self, arguments: &[OsString]) -> Result<Box<dyn Read>> {
        match &self.file {
            Some(path) => open_file(path),
            None if reads_stdin(arguments) => standard_input(),
            None => Ok(Box::new(Cursor::new(joined(arguments)))),
        }
    }

    /// How many bytes will come, where a file tells.
    pub(crate) fn length(&self) -> Option<u64> {
        let found = std::fs::metadata(self.file.as_ref()?).ok()?;
        found.is_file().then_some(found.len())
    }

    /// Whether the bytes come from this very file: what is written to it would
    /// come out again.
    pub(crate) fn is_file(&self, arguments: &[OsString], device: u64, inode: u64) -> bool {
        let found = match &self.file {
            Some(path) if path.as_os_str() != "-" => std::fs::metadata(path).ok(),
            None if !reads_stdin(arguments) => None,
            _ => stdin()
                .as_fd()
                .try_clone_to_owned()
                .ok()
                .and_then(|input| File::from(input).metadata().ok()),
        };
        found.is_some_and(|found| (found.dev(), found.ino()) == (device, inode))
    }

    /// The descriptor of what was named, for who waits for it as well.
    pub(crate) fn descriptor(&self) -> Result<OwnedFd> {
        match &self.file {
            Some(path) if path.as_os_str() != "-" => checked_file(path).map(OwnedFd::from),
            _ => {
                require_standard_input()?;
                let input = stdin().as_fd().try_clone_to_owned();
                input.map_err(|refusal| Error::os(refusal).about("standard input"))
            }
        }
    }

    /// Whether the bytes come from elsewhere than the command line.
    pub(crate) fn is_stream(&self, arguments: &[OsString]) -> bool {
        self.file.is_some() || reads_stdin(arguments)
    }
}

/// Opens a file for reading; `-` is standard input.
pub(crate) fn open_file(path: &Path) -> Result<Box<dyn Read>> {
    if path.as_os_str() == "-" {
        return standard_input();
    }
    Ok(Box::new(checked_file(path)?))
}

/// Opens a file for reading; one that is missing is no missing object.
pub(crate) fn checked_file(path: &Path) -> Result<File> {
    let refused = |refusal| {
        let shown = escaped(path.as_os_str().as_bytes());
        let error = Error::os(refusal).about(format!("input file {shown}"));
        match error.kind() {
            // No object is missing: a script must not go and make one.
            ErrorKind::Missing => error.meaning(ErrorKind::Limit),
            _ => error,
        }
    };
    let file = File::open(path).map_err(refused)?;
    // It can be opened, but the first read would fail and not say of what.
    if file.metadata().map_err(refused)?.is_dir() {
        return Err(refused(std::io::Error::from_raw_os_error(libc::EISDIR)));
    }
    Ok(file)
}

fn reads_stdin(arguments: &[OsString]) -> bool {
    arguments.is_empty() || arguments == ["-"]
}

fn standard_input() -> Result<Box<dyn Read>> {
    require_standard_input()?;
    Ok(Box::new(StandardInput(stdin())))
}

fn require_standard_input() -> Result<()> {
    if startup::was_closed(0) {
        let closed = Error::new(ErrorKind::Limit, "is closed").about("standard input");
        return Err(closed.hint("connect it: < FILE, or a pipe; or name a FILE instead of -"));
    }
    Ok(())
}

/// Standard input that waits for bytes, even where another program that has
/// the same pipe or terminal made it non-blocking.
struct StandardInput(Stdin);

impl Read for StandardInput {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        loop {
            match self.0.read(buffer) {
                Err(refusal) if refusal.kind() == std::io::ErrorKind::WouldBlock => {
                    let mut watched = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
                    poll(&mut watched, PollTimeout::NONE)?;
                }
                result => return result,
            }
        }
    }
}

fn joined(arguments: &[OsString]) -> Vec<u8> {
    arguments
        .iter()
        .flat_map(super::context::bytes)
        .copied()
        .collect()
}
