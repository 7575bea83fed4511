//! `ipc proc`: named processes, joined from any shell.

use serde_json::{Value, json};

use super::kind::Kind;
use super::verbs::verbs;
use crate::error::Result;
use crate::name::{Name, Scope};
use crate::output::table::{Column, Show};
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

verbs! {
    /// The verbs of named processes.
    "proc" {
        "start" | "create" => start::Start,
        "join" => join::Join,
        "status" => status::Status,
        "stop" => stop::Stop,
        "logs" => logs::Logs,
        "stat" => stat::Stat,
        "ls" | "list" => ls::Ls,
        "rm" | "unlink" => rm::Rm,
    }
}

/// The kind of object that this noun is about. A live one is not removed.
#[derive(Debug)]
struct Processes;

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

    fn unlink_by_force(name: &Name) -> Result<()> {
        Named::open(name)?.remove()
    }

    fn is_certain(info: &ProcessInfo) -> bool {
        info.status == "ok"
    }

    fn damage(info: &ProcessInfo) -> Option<String> {
        let is_sound = Processes::is_certain(info);
        (!is_sound).then(|| format!("its record is {}", info.status))
    }

    fn describe(info: &ProcessInfo) -> String {
        match (info.state, info.pid) {
            (Some(state), Some(pid)) => format!("{state}, process {pid}"),
            (Some(state), None) => state.to_owned(),
            (None, _) => info.status.clone(),
        }
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
