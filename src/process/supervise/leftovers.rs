//! What a named process has left when nobody looks after it any more.
//!
//! A supervisor that was killed inherits nothing, and the kernel kills its
//! command alone. What the command had started is known by a variable in its
//! environment that names the supervisor: by number and start, so that no other
//! process is ever meant. What lies below such a process belongs to it too. What
//! is only in the session of the command is told of and never signalled, for the
//! number of a session that has ended may be that of another one by now.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ffi::{OsStr, OsString};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::account::Account;
use super::record::{Record, RecordedProcess};
use crate::deadline::monotonic_now;
use crate::error::{Error, ErrorKind, Result};
use crate::name::{Name, Scope};
use crate::process::identity::{Process, Row, Table, environment, has_open, start_from_ticks};
use crate::process::selection::enough_descriptors;
use crate::process::signal::Signal;
use crate::process::target::Target;

/// The variable with the name of the process, as its command is told.
pub(super) const NAME: &str = "IPC_PROC_NAME";
/// The variable with the supervisor, as a target of `ipc kill`.
pub(super) const SUPERVISOR: &str = "IPC_PROC_SUPERVISOR";

/// How long to sleep between two looks at first; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// How often to look at what may be of it: while a program is being loaded its
/// environment is empty.
const LOOKS: u32 = 5;
/// The longest sleep between two looks: nobody tells of what is started.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A supervisor as the environment of its command has it.
pub(super) fn word_for(supervisor: &RecordedProcess) -> OsString {
    let target = Target::Process {
        pid: supervisor.pid,
        start: supervisor.start.and_then(start_from_ticks),
    };
    target.to_string().into()
}

/// What still runs of a process without a supervisor.
#[derive(Debug, Default)]
pub(super) struct Leftovers {
    /// The command itself, if it lives, and what came from it.
    pub(super) own: Vec<Row>,
    /// What may have come from it, and this process and those that it comes from.
    pub(super) spared: BTreeSet<i32>,
    /// Whether one has no environment, and may get one that tells whose it is.
    is_in_doubt: bool,
}

impl Leftovers {
    /// Looks for them: one pass over `/proc`.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub(super) fn of(account: &Account) -> Result<Leftovers> {
        let table = Table::read()?;
        let variable = variable(
            SUPERVISOR,
            word_for(&account.started.supervisor).as_encoded_bytes(),
        );
        let since = account.started.supervisor.start.and_then(start_from_ticks);
        let may_be = |row: &&Row| {
            let is_young = since.is_none_or(|since| row.start >= since);
            is_young && !row.is_kernel_thread() && !row.is_zombie()
        };
        let command = account.command()?.map(|command| command.pid());
        let mut found = Leftovers::default();
        let mut own = HashSet::new();
        for row in table.rows().iter().filter(may_be) {
            let environment = environment(row.pid);
            found.is_in_doubt |= environment.as_ref().is_some_and(Vec::is_empty);
            let has_it = environment.is_some_and(|all| has(&all, &variable));
            if Some(row.pid) == command || has_it {
                own.insert(row.pid);
                own.extend(table.descendants(row.pid).iter().map(|row| row.pid));
            }
        }
        let this = std::process::id().cast_signed();
        let ancestors = table.ancestors(this).map(|row| row.pid);
        let protected: HashSet<i32> = ancestors.chain([this]).collect();
        for row in table.rows().iter().filter(may_be) {
            let is_own = own.contains(&row.pid);
            let is_protected = protected.contains(&row.pid);
            if is_own && !is_protected {
                found.own.push(row.clone());
            } else if (is_own || is_in_session(account, &table, row)) && row.pid != this {
                found.spared.insert(row.pid);
            }
        }
        Ok(found)
    }

    /// Asks all of them to end, kills them when `after` is over, and returns
    /// when none is left but the spared ones, which it tells.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`] when one may not be signalled; the others are ended.
    pub(super) fn end(account: &Account, signal: Signal, after: Duration) -> Result<BTreeSet<i32>> {
        let former = getrlimit(Resource::RLIMIT_NOFILE);
        enough_descriptors();
        let ended = Leftovers::end_each(account, signal, after);
        if let Ok((soft, hard)) = former {
            // What is started next inherits the limit that was given.
            let _ = setrlimit(Resource::RLIMIT_NOFILE, soft, hard);
        }
        ended
    }

    fn end_each(account: &Account, signal: Signal, after: Duration) -> Result<BTreeSet<i32>> {
        let kill_at = monotonic_now().saturating_add(after);
        let mut held: BTreeMap<i32, Process> = BTreeMap::new();
        let mut refused: BTreeMap<i32, Error> = BTreeMap::new();
        let mut pause = FIRST_PAUSE;
        let mut quiet = 0;
        loop {
            held.retain(|_, process| !process.is_dead());
            let found = Leftovers::of(account)?;
            for row in &found.own {
                let pid = row.pid;
                if held.contains_key(&pid) || refused.contains_key(&pid) {
                    continue;
                }
                let Some(process) = hold(row)? else {
                    continue;
                };
                match ask(&process, signal) {
                    Ok(()) => drop(held.insert(pid, process)),
                    Err(error) => drop(refused.insert(pid, error)),
                }
            }
            if kill_at <= monotonic_now() {
                for process in held.values() {
                    let _ = process.send(Signal::KILL);
                }
            }
            if held.is_empty() {
                quiet += 1;
                // What was being started during the first look is in the second.
                let is_certain = found.spared.is_empty() && !found.is_in_doubt;
                let enough = if is_certain { 2 } else { LOOKS };
                if quiet == enough {
                    let refusal = refused.into_values().next();
                    return refusal.map_or(Ok(found.spared), Err);
                }
                sleep(&held, kill_at, FIRST_PAUSE);
                continue;
            }
            quiet = 0;
            sleep(&held, kill_at, pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// What may run behind a record that tells nothing, as targets of `ipc kill`:
/// a supervisor that has its file open; where it is dead, the processes whose
/// environment has this name, scope and runtime folder.
///
/// # Errors
/// When `/proc` cannot be read.
pub(super) fn bearing(name: &Name, shown: &[u8], record: &Record) -> Result<BTreeSet<String>> {
    let file = record.file.metadata().map_err(Error::os)?;
    let folder = std::env::var_os("IPC_RUNTIME_DIR").unwrap_or_default();
    let mut found = BTreeSet::new();
    for row in Table::read()?.rows() {
        let Some(environment) = environment(row.pid) else {
            continue;
        };
        if !has(&environment, &variable(NAME, shown)) {
            continue;
        }
        let value = |key| value_of(&environment, key);
        let supervisor = std::str::from_utf8(value(SUPERVISOR)).unwrap_or_default();
        if let Some(pid) = alive(supervisor) {
            if has_open(pid, file.dev(), file.ino()) {
                found.insert(supervisor.to_owned());
            }
            continue;
        }
        let scope = Scope::try_from(OsStr::from_bytes(value("IPC_SCOPE"))).unwrap_or_default();
        let full = scope.qualify(OsStr::from_bytes(shown));
        if full == name.as_bytes() && value("IPC_RUNTIME_DIR") == folder.as_bytes() {
            found.insert(row.pid.to_string());
        }
    }
    Ok(found)
}

/// The value of a variable; empty where it is not set.
fn value_of<'a>(environment: &'a [u8], key: &str) -> &'a [u8] {
    let prefix = variable(key, b"");
    let mut words = environment.split(|byte| *byte == 0);
    words
        .find_map(|word| word.strip_prefix(&prefix[..]))
        .unwrap_or_default()
}

/// The process of such a word, if it lives.
fn alive(word: &str) -> Option<i32> {
    let Ok(Target::Process { pid, start }) = word.parse() else {
        return None;
    };
    let process = Process::open(pid).ok()?;
    process.verify_start(start?).ok()?;
    (!process.is_dead()).then_some(pid)
}

fn variable(key: &str, value: &[u8]) -> Vec<u8> {
    [key.as_bytes(), b"=", value].concat()
}

fn has(environment: &[u8], variable: &[u8]) -> bool {
    let mut words = environment.split(|byte| *byte == 0);
    words.any(|word| word == variable)
}

/// Whether it is in a session of the number that the command had, and that is
/// not led by another process by now.
fn is_in_session(account: &Account, table: &Table, row: &Row) -> bool {
    let Some((command, _)) = account.run else {
        return false;
    };
    let since = command.start.and_then(start_from_ticks);
    let leader = table.get(command.pid).map(|leader| leader.start);
    row.session == command.pid
        && since.is_some_and(|since| row.start >= since)
        && leader.is_none_or(|leader| Some(leader) == since)
}

/// The process of a row, if it still is that one.
fn hold(row: &Row) -> Result<Option<Process>> {
    let held = Process::open(row.pid).and_then(|process| {
        process.verify_start(row.start)?;
        Ok(process)
    });
    match held {
        Err(error) if error.kind() == ErrorKind::Missing => Ok(None),
        held => held.map(|process| Some(process).filter(|process| !process.is_dead())),
    }
}

fn ask(process: &Process, signal: Signal) -> Result<()> {
    for signal in [signal, Signal::CONT] {
        match process.send(signal) {
            // It has ended just now: so much the better.
            Err(error) if error.kind() == ErrorKind::Missing => return Ok(()),
            sent => sent?,
        }
    }
    Ok(())
}

/// Sleeps until one of them ends, or it is time for something.
fn sleep(held: &BTreeMap<i32, Process>, kill_at: Duration, pause: Duration) {
    let now = monotonic_now();
    let left = Some(kill_at.saturating_sub(now)).filter(|left| !left.is_zero());
    let left = left.map_or(pause, |left| left.min(pause)) + Duration::from_millis(1);
    let mut watched: Vec<PollFd<'_>> = held
        .values()
        .map(|process| PollFd::new(process.as_fd(), PollFlags::POLLIN))
        .collect();
    let _ = poll(
        &mut watched,
        PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX),
    );
}
