//! `ipc proc`: named processes, joined from any shell.

use clap::Subcommand;
use serde_json::{Value, json};

use super::kind::Kind;
use super::leaf::{self, Parsed};
use crate::cmd::context::Context;
use crate::error::Result;
use crate::exit::Exit;
use crate::name::{Name, Scope};
use crate::output::table::{Column, Show};
use crate::process::signal::Signal;
use crate::process::supervise::{Named, ProcessInfo};
use crate::survey::scan;
use crate::sys::wait::Ending;

mod join;
mod logs;
mod ls;
mod rm;
mod start;
mod stat;
mod status;
mod stop;

/// The verbs of named processes.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum Verb {
    #[command(visible_alias = "create")]
    Start(start::Start),
    Join(join::Join),
    Status(status::Status),
    Stop(stop::Stop),
    Logs(logs::Logs),
    Stat(stat::Stat),
    #[command(visible_alias = "list")]
    Ls(ls::Ls),
    #[command(visible_alias = "unlink")]
    Rm(rm::Rm),
}

/// Parses one verb alone; nothing when the word is no verb.
pub(crate) fn leaf(verb: &str, words: &[std::ffi::OsString]) -> Option<Parsed<Verb>> {
    Some(match verb {
        "start" | "create" => leaf::parse(Verb::Start, words),
        "join" => leaf::parse(Verb::Join, words),
        "status" => leaf::parse(Verb::Status, words),
        "stop" => leaf::parse(Verb::Stop, words),
        "logs" => leaf::parse(Verb::Logs, words),
        "stat" => leaf::parse(Verb::Stat, words),
        "ls" | "list" => leaf::parse(Verb::Ls, words),
        "rm" | "unlink" => leaf::parse(Verb::Rm, words),
        _ => return None,
    })
}

impl Verb {
    /// The full name of the command.
    pub(crate) fn path(&self) -> &'static str {
        match self {
            Verb::Start(_) => "proc start",
            Verb::Join(_) => "proc join",
            Verb::Status(_) => "proc status",
            Verb::Stop(_) => "proc stop",
            Verb::Logs(_) => "proc logs",
            Verb::Stat(_) => "proc stat",
            Verb::Ls(_) => "proc ls",
            Verb::Rm(_) => "proc rm",
        }
    }

    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        match self {
            Verb::Start(verb) => verb.run(context),
            Verb::Join(verb) => verb.run(context),
            Verb::Status(verb) => verb.run(context),
            Verb::Stop(verb) => verb.run(context),
            Verb::Logs(verb) => verb.run(context),
            Verb::Stat(verb) => verb.run(context),
            Verb::Ls(verb) => verb.run(context),
            Verb::Rm(verb) => verb.run(context),
        }
    }
}

/// The kind of object that this noun is about. A live one is not removed.
struct Processes;

/// The same, stopped before it is removed.
struct ProcessesByForce;

impl Kind for Processes {
    type Info = ProcessInfo;

    const COLUMNS: &'static [Column] = &[
        Column::new("name", "NAME", Show::Text),
        Column::new("state", "STATE", Show::Text),
        Column::new("pid", "PID", Show::Number),
        Column::new("code", "CODE", Show::Number),
        Column::new("signal", "SIGNAL", Show::Number),
        Column::new("age", "AGE", Show::Span),
        Column::new("restarts", "RESTARTS", Show::Number),
        Column::new("command", "COMMAND", Show::Words),
        Column::new("status", "STATUS", Show::Text),
    ];

    fn look(name: &Name) -> Result<ProcessInfo> {
        ProcessInfo::look(name)
    }

    fn list(scope: &Scope) -> Result<Vec<ProcessInfo>> {
        scan::named_processes(scope)
    }

    fn unlink(name: &Name) -> Result<()> {
        Named::open(name)?.unlink()
    }

    fn is_certain(info: &ProcessInfo) -> bool {
        info.status == "ok"
    }

    fn describe(info: &ProcessInfo) -> String {
        match (info.state, info.pid) {
            (Some(state), Some(pid)) => format!("{state}, process {pid}"),
            (Some(state), None) => state.to_owned(),
            (None, _) => info.status.clone(),
        }
    }
}

impl Kind for ProcessesByForce {
    type Info = ProcessInfo;

    const COLUMNS: &'static [Column] = Processes::COLUMNS;

    fn look(name: &Name) -> Result<ProcessInfo> {
        Processes::look(name)
    }

    fn list(scope: &Scope) -> Result<Vec<ProcessInfo>> {
        Processes::list(scope)
    }

    fn unlink(name: &Name) -> Result<()> {
        Named::open(name)?.remove()
    }

    fn is_certain(info: &ProcessInfo) -> bool {
        Processes::is_certain(info)
    }

    fn describe(info: &ProcessInfo) -> String {
        Processes::describe(info)
    }
}

/// How a process ended, in words.
fn described(ending: Option<Ending>) -> String {
    match ending {
        Some(Ending::Code(code)) => format!("ended with {code}"),
        Some(Ending::Signal(number)) => match Signal::from_number(number) {
            Some(signal) => format!("was ended by {signal}"),
            None => format!("was ended by signal {number}"),
        },
        None => "ended, and it is not known how".to_owned(),
    }
}

/// How a process ended, as JSON has it.
fn document(name: &str, ending: Option<Ending>) -> Value {
    json!({
        "name": name,
        "code": ending.and_then(Ending::code),
        "signal": ending.and_then(Ending::signal),
    })
}
