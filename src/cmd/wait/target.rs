//! What `ipc wait` can wait for, as it is written.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};

use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escaped;
use crate::name::Name;
use crate::process::identity::Process;
use crate::process::target;
use crate::shared::comparison::Comparison;
use crate::survey::conditions::Condition;
use crate::survey::scan;

/// One target.
#[derive(Debug)]
pub(super) struct Target {
    /// As it was written, with its kind, fit to be shown.
    pub(super) word: String,
    what: What,
}

#[derive(Debug)]
enum What {
    Process {
        pid: i32,
        start: Option<Duration>,
    },
    Named(Name),
    Event(Name),
    Queue(Name),
    Semaphore(Name),
    Lock(Name),
    Value {
        name: Name,
        comparison: Comparison,
        wanted: Vec<u8>,
    },
}

impl Target {
    pub(super) fn parse(context: &Context, word: &OsStr) -> Result<Target> {
        let name = |raw: &[u8]| context.name(OsStr::from_bytes(raw));
        let bytes = word.as_bytes();
        let at = bytes.iter().position(|byte| *byte == b':');
        let (kind, rest) = match at {
            None => (&b"pid"[..], bytes),
            Some(at) => (&bytes[..at], &bytes[at + 1..]),
        };
        let what = match kind {
            b"pid" => process(rest).ok_or_else(|| refused(word))?,
            b"proc" => What::Named(name(rest)?),
            b"event" => What::Event(name(rest)?),
            b"mq" => What::Queue(name(rest)?),
            b"sem" => What::Semaphore(name(rest)?),
            b"lock" => What::Lock(name(rest)?),
            b"value" => {
                let (raw, comparison, wanted) =
                    Comparison::split(rest).ok_or_else(|| lacks_comparison(word))?;
                What::Value {
                    name: name(raw)?,
                    comparison,
                    wanted: wanted.to_vec(),
                }
            }
            _ => return Err(refused(word)),
        };
        let word = match at {
            None => format!("pid:{}", escaped(bytes)),
            Some(_) => escaped(bytes),
        };
        Ok(Target { word, what })
    }

    pub(super) fn kind(&self) -> &'static str {
        match self.what {
            What::Process { .. } => "pid",
            What::Named(_) => "proc",
            What::Event(_) => "event",
            What::Queue(_) => "mq",
            What::Semaphore(_) => "sem",
            What::Lock(_) => "lock",
            What::Value { .. } => "value",
        }
    }

    /// Opens it; a process that is not there may pass for one that has ended.
    pub(super) fn open(&self, exited_ok: bool) -> Result<Condition> {
        match self.condition() {
            Err(error) if exited_ok && self.is_process() && error.kind() == ErrorKind::Missing => {
                Ok(Condition::past())
            }
            opened => opened,
        }
    }

    fn is_process(&self) -> bool {
        matches!(self.what, What::Process { .. } | What::Named(_))
    }

    fn condition(&self) -> Result<Condition> {
        match &self.what {
            What::Process { pid, start } => open_process(*pid, *start).map(Condition::process),
            What::Named(name) => Condition::named(name),
            What::Event(name) => Condition::event(name),
            What::Queue(name) => Condition::queue(name),
            What::Semaphore(name) => Condition::semaphore(name),
            What::Lock(name) => Condition::lock(name),
            What::Value {
                name,
                comparison,
                wanted,
            } => Condition::value(name, *comparison, wanted),
        }
    }
}

fn open_process(pid: i32, start: Option<Duration>) -> Result<Process> {
    let process = Process::open(pid)?;
    if let Some(start) = start {
        process.verify_start(start)?;
    }
    Ok(process)
}

/// Whether a word stands for one process, whose exit code can be ours.
pub(super) fn is_process(word: &OsString) -> bool {
    let bytes = word.as_bytes();
    bytes.starts_with(b"proc:") || process(bytes.strip_prefix(b"pid:").unwrap_or(bytes)).is_some()
}

/// `N` or `N:START`.
fn process(text: &[u8]) -> Option<What> {
    let (pid, start) = target::process(std::str::from_utf8(text).ok()?)?;
    Some(What::Process { pid, start })
}

fn refused(word: &OsStr) -> Error {
    let word = escaped(word.as_bytes()).to_string();
    let hint = match target::is_meant_as_number(word.strip_prefix("pid:").unwrap_or(&word)) {
        true => target::PLAIN,
        false => {
            "a target is PID, pid:N[:START], proc:NAME, event:NAME, mq:NAME, sem:NAME, \
             lock:NAME or value:NAME>=5"
        }
    };
    Error::new(ErrorKind::Usage, format!("'{word}' is nothing to wait for")).hint(hint)
}

fn lacks_comparison(word: &OsStr) -> Error {
    let word = escaped(word.as_bytes());
    Error::new(ErrorKind::Usage, format!("'{word}' lacks a comparison"))
        .hint("as in 'value:NAME>=5', in quotes, with one of == != < <= > >=")
}

/// Completes kinds first, then the names of a kind.
pub(super) fn completer() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let scope = complete::scope();
        let processes = || complete::processes().complete(typed);
        let typed = typed.to_string_lossy();
        let Some((kind, _)) = typed.split_once(':') else {
            let kinds = ["pid:", "proc:", "event:", "mq:", "sem:", "lock:", "value:"];
            let fitting = kinds.iter().filter(|kind| kind.starts_with(&*typed));
            let kinds = fitting.map(CompletionCandidate::new);
            return kinds.chain(processes()).collect();
        };
        if kind == "pid" {
            return processes();
        }
        // What cannot be listed cannot be completed.
        let names: Vec<String> = match kind {
            "proc" => labels(scan::named_processes(&scope)),
            "event" => labels(scan::events(&scope)),
            "mq" => labels(scan::queues(&scope)),
            "sem" => labels(scan::semaphores(&scope)),
            "lock" => labels(scan::locks(&scope)),
            "value" => labels(scan::arrays(&scope, crate::shared::array::Family::Value)),
            _ => Vec::new(),
        };
        let words = names.into_iter().map(|name| format!("{kind}:{name}"));
        words
            .filter(|word| word.starts_with(&*typed))
            .map(CompletionCandidate::new)
            .collect()
    })
}

/// The names in a listing that a shell can show.
fn labels<T: crate::facts::Described>(listed: Result<Vec<T>>) -> Vec<String> {
    let listed = listed.unwrap_or_default();
    let names = listed.iter().map(|info| info.label().bytes());
    names
        .filter(|name| Name::listed(name).check_new().is_ok())
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .collect()
}
