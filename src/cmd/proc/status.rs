//! `ipc proc status`.

use std::ffi::OsString;
use std::time::Duration;

use clap::Args;

use super::Processes;
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::exit::Exit;
use crate::facts::Label;
use crate::output::table::span;
use crate::process::ending::in_words;
use crate::process::supervise::ProcessInfo;
use crate::sys::wait::Ending;

const MORE: &str = "\
Examples:
  ipc proc status web
      Says whether it runs, and since when, or how it ended.
  ipc proc status web --json | jq .pid
      Prints its pid, or null.

Exit status:
  0  shown, be it alive or not
  3  there is no such process
  7  the record of the process is corrupt

See also: ipc-proc-stat(1), ipc-proc-join(1), ipc-proc-ls(1)";

/// Say whether a named process runs, or how it ended
///
/// The words are: starting, running, stopping, restarting, ended; lost, when its
/// supervisor was killed and nobody saw how it ended with it; unsupervised, when it lives
/// on in spite of that; elsewhere, when it was started in another pid namespace.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Status {
    /// Name of the process
    #[arg(value_name = "NAME", add = complete::names::<Processes>())]
    name: OsString,
}

impl Status {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let name = context.name(&self.name)?;
        let mut info = ProcessInfo::look(&name)?;
        info.label = Label::new(context.inner(&name));
        if context.out.is_json() {
            context.out.json(&info)?;
        } else {
            context.out.line(sentence(&info))?;
        }
        if info.state.is_none() {
            return Ok(Exit::Broken);
        }
        Ok(Exit::Done)
    }
}

fn sentence(info: &ProcessInfo) -> String {
    let mut text = info.state.unwrap_or(info.status.as_str()).to_owned();
    if let Some(pid) = info.pid {
        text.push_str(&format!(", process {pid}"));
    }
    let ending = match (info.code, info.signal) {
        (Some(code), _) => Some(Ending::Code(code)),
        (None, Some(signal)) => Some(Ending::Signal(signal)),
        (None, None) => None,
    };
    match info.state {
        Some("ended") => text = in_words(ending),
        Some("restarting") => text.push_str(&format!(": {}", in_words(ending))),
        Some("lost") => text.push_str(": its supervisor was killed, and it with it"),
        _ => {}
    }
    if let Some(age) = info.age {
        let age = Duration::try_from_secs_f64(age).unwrap_or_default();
        text.push_str(&format!(", since {}", span(age)));
    }
    match info.restarts {
        Some(0) | None => {}
        Some(1) => text.push_str(", 1 restart"),
        Some(count) => text.push_str(&format!(", {count} restarts")),
    }
    if info.leftovers == Some(true) {
        text.push_str(", and what it left still runs");
    }
    text
}
