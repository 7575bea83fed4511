//! What a listing or `status` shows of a named process.

use serde::Serialize;

use super::Restart;
use super::account::{Account, State};
use super::record::{self, Record};
use crate::error::{ErrorKind, Result};
use crate::facts::{Described, Facts, Label, wall_clock};
use crate::name::Name;

/// What a listing or `status` shows of a named process.
#[derive(Debug, Clone, Serialize)]
pub struct ProcessInfo {
    /// Always `proc`.
    pub kind: &'static str,
    #[serde(flatten)]
    /// Its name.
    pub label: Label,
    /// `ok`, or what lies there instead of a record.
    pub status: String,
    /// `starting`, `running`, `stopping`, `restarting`, `ended`, `lost`,
    /// `unsupervised` or `elsewhere`.
    pub state: Option<&'static str>,
    /// The process of the command, while it runs.
    pub pid: Option<i32>,
    /// The process that looks after it, while it runs.
    pub supervisor: Option<i32>,
    /// The exit code with which it ended; of the run before, when it restarts.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// How often it was run again.
    pub restarts: Option<u32>,
    /// Whether something that it left still runs.
    pub leftovers: Option<bool>,
    /// When it was started, in seconds since 1970.
    pub started: Option<f64>,
    /// When its last run ended.
    pub ended: Option<f64>,
    /// Seconds since its present state began.
    pub age: Option<f64>,
    /// The command and its arguments.
    pub command: Option<Vec<String>>,
    /// Its words as bytes, when one of them is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command_bytes: Option<Vec<Vec<u8>>>,
    /// The folder in which it was started.
    pub folder: Option<String>,
    /// Its bytes, when they are not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder_bytes: Option<Vec<u8>>,
    /// Where its output goes.
    pub log: Option<String>,
    /// Its bytes, when they are not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_bytes: Option<Vec<u8>>,
    /// The process with which it ends.
    pub die_with: Option<i32>,
    /// Whether it is run again when it fails.
    pub restart: Option<Restart>,
    /// How often at most.
    pub max_restarts: Option<u32>,
    /// Seconds between being asked to end and being killed.
    pub stop_after: Option<f64>,
    /// Whether what it leaves is killed when it ends.
    pub kill_leftovers: Option<bool>,
    #[serde(flatten)]
    /// Owner, mode, place and time of the record.
    pub facts: Facts,
}

impl ProcessInfo {
    /// Looks at a named process, whatever its state.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`].
    pub fn look(name: &Name) -> Result<ProcessInfo> {
        let record = match Record::open(name) {
            // What others have put there is shown, and not in the way of the rest.
            Err(error) if error.kind() == ErrorKind::Broken => {
                return Ok(ProcessInfo::empty(name, record::facts(name)?));
            }
            opened => opened?,
        };
        let facts = Facts::from(&record.file.metadata().map_err(crate::error::Error::os)?);
        match State::of(&record) {
            Ok((account, state)) => ProcessInfo::of(name, facts, account, state),
            Err(error) if error.kind() == ErrorKind::Broken => Ok(ProcessInfo::empty(name, facts)),
            Err(error) => Err(error),
        }
    }

    fn empty(name: &Name, facts: Facts) -> ProcessInfo {
        ProcessInfo {
            kind: "proc",
            label: Label::new(name.as_bytes()),
            status: "corrupt".to_owned(),
            state: None,
            pid: None,
            supervisor: None,
            code: None,
            signal: None,
            restarts: None,
            leftovers: None,
            started: None,
            ended: None,
            age: None,
            command: None,
            command_bytes: None,
            folder: None,
            folder_bytes: None,
            log: None,
            log_bytes: None,
            die_with: None,
            restart: None,
            max_restarts: None,
            stop_after: None,
            kill_leftovers: None,
            facts,
        }
    }

    fn of(name: &Name, facts: Facts, account: Account, state: State) -> Result<ProcessInfo> {
        let supervisor = match account.require_this_namespace() {
            Ok(()) => account.supervisor()?.map(|process| process.pid()),
            Err(_) => None,
        };
        let runs = matches!(
            state,
            State::Running | State::Stopping | State::Lost { is_alive: true }
        );
        let since = match (state, account.run, account.ended) {
            (State::Ended(_) | State::Restarting, _, Some(ended)) => ended.at,
            (_, Some((_, at)), _) => at,
            _ => account.started.at,
        };
        let has_left = account.has_left(state)?;
        Ok(ProcessInfo {
            status: "ok".to_owned(),
            state: Some(state.word()),
            pid: account.run.map(|(run, _)| run.pid).filter(|_| runs),
            supervisor,
            code: account.ended.and_then(|ended| ended.code),
            signal: account.ended.and_then(|ended| ended.signal),
            restarts: Some(account.runs.saturating_sub(1)),
            leftovers: Some(has_left),
            started: Some(account.started.at),
            ended: account.ended.map(|ended| ended.at),
            age: Some((wall_clock() - since).max(0.0)),
            command: Some(account.started.command),
            command_bytes: account.started.command_bytes,
            folder: Some(account.started.folder),
            folder_bytes: account.started.folder_bytes,
            log: Some(account.started.log),
            log_bytes: account.started.log_bytes,
            die_with: account.started.die_with,
            restart: Some(account.started.restart),
            max_restarts: account.started.max_restarts,
            stop_after: Some(account.started.stop_after),
            kill_leftovers: Some(account.started.kill_leftovers),
            ..ProcessInfo::empty(name, facts)
        })
    }
}

impl Described for ProcessInfo {
    fn label(&self) -> &Label {
        &self.label
    }

    fn label_mut(&mut self) -> &mut Label {
        &mut self.label
    }

    fn facts(&self) -> &Facts {
        &self.facts
    }
}
