//! `ipc proc start`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::json;

use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::deadline::parse_span;
use crate::error::{Error, ErrorKind, Result};
use crate::exit::Exit;
use crate::facts::Label;
use crate::output::payload::json_line;
use crate::process::blocked::Blocked;
use crate::process::identity::Process;
use crate::process::spawn::Spawn;
use crate::process::supervise::{self, Named, Outcome, Plan};
use crate::process::target::parse_number;

const MORE: &str = "\
Examples:
  ipc proc start web -- python3 -m http.server
      Starts a server that any shell can join, stop and look at.
  ipc proc start watcher --die-with $$ -- inotifywait -m /srv
      Ends with this shell, however that ends.
  ipc proc start sync --restart on-failure --max-restarts 5 --log sync.log -- ./sync
      Runs it again when it fails, five times at most.
  ipc proc start job -- make test && ipc proc join job; echo \"make ended with $?\"
      Runs it in the background and takes its exit code.

Exit status:
  3         there is no process PID for --die-with, or no folder for the log
  4         a process of this name exists already, be it alive or ended
  5         the log or the runtime folder may not be written
  6         the pid cannot be printed, or there is no room for what has to be
            written of it, on the disk or below ulimit -f; nothing is left of it
  7         the record of a process that was to be replaced is corrupt
  126, 127  the command cannot be executed, is not found; nothing is left of it

See also: ipc-proc-join(1), ipc-proc-stop(1), ipc-wait(1), setsid(1), systemd-run(1)";

/// Start a process that other shells find by its name
///
/// Returns when the command runs, and prints its pid. If that cannot be printed, all is
/// killed and removed again, so that nothing runs of which nobody knows. The name stays
/// when the process has ended, so that its exit code can be had, until ipc proc rm takes
/// it away.
///
/// A small process, the supervisor, stands behind the command. It belongs to no terminal,
/// inherits what the command leaves when it ends, and stays until that has ended too. The
/// two are tied: when the supervisor is killed, even with SIGKILL, the kernel kills the
/// command, unless that is set-user-ID or changes its user. What the command had started
/// itself is not killed then: ipc proc stop ends what of it has kept IPC_PROC_SUPERVISOR
/// in its environment, or has a parent that has. TERM, INT, HUP and QUIT sent to the
/// supervisor stop the command as ipc proc stop does.
///
/// The command has a session of its own and reads from /dev/null. It has the environment,
/// the folder, the signal mask and the ignored signals of the caller, and of the open
/// files none but the log. IPC_PROC_NAME is its name, and IPC_PROC_SUPERVISOR tells its
/// supervisor from all other processes. If this command is killed before it is done,
/// nothing is left of it.
///
/// With --restart on-failure a command that ended with another code than 0, or by a
/// signal, is run again: after 100 ms, then after twice as long each time, up to a
/// minute; from the beginning when it ran for ten seconds. One that was stopped is not,
/// nor one whose record can grow no more, for the disk is full or the file as large as
/// ulimit -f lets it be.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Start {
    /// Name of the process
    #[arg(value_name = "NAME")]
    name: OsString,

    /// Stop it when this process ends
    #[arg(long, value_name = "PID", value_parser = parse_number)]
    die_with: Option<i32>,

    /// Add what it prints to FILE, instead of to one that ipc proc rm removes
    ///
    /// Without it the log lies in the runtime folder, so it takes memory as shared
    /// memory does.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,

    /// Whether to run it again
    #[arg(long, value_name = "WHEN", default_value = "never")]
    restart: Restart,

    /// Run it again COUNT times at most; without it as often as it fails
    #[arg(long, value_name = "COUNT")]
    max_restarts: Option<u32>,

    /// Kill it when it has not ended DURATION after it was asked to
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_span)]
    stop_after: Duration,

    /// Kill what the command leaves when it ends
    #[arg(long)]
    kill_leftovers: bool,

    /// What to do when a process of this name exists already
    #[arg(long, value_name = "ACTION", default_value = "fail")]
    if_exists: IfExists,

    /// The command and its arguments
    #[arg(value_name = "CMD", last = true, required = true, add = complete::commands())]
    command: Vec<OsString>,
}

/// When to run a command again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Restart {
    /// Never
    Never,
    /// When its code is not 0, or a signal ended it
    OnFailure,
}

impl From<Restart> for supervise::Restart {
    fn from(restart: Restart) -> supervise::Restart {
        match restart {
            Restart::Never => supervise::Restart::Never,
            Restart::OnFailure => supervise::Restart::OnFailure,
        }
    }
}

/// What to do about a process of this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum IfExists {
    /// Fail with exit code 4
    Fail,
    /// Stop it if it runs, and take its name; one whose record is corrupt stays
    Replace,
}

impl Start {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let name = context.name(&self.name)?;
        let shown = context.inner(&name).to_vec();
        let plan = Plan {
            name: &name,
            shown: &shown,
            command: &self.command,
            die_with: self.die_with.map(alive).transpose()?,
            log: self.log.clone(),
            restart: self.restart.into(),
            max_restarts: self.max_restarts,
            stop_after: self.stop_after,
            kill_leftovers: self.kill_leftovers,
        };
        // Nothing is started, nor replaced, that nobody can be told of.
        context.out.stdout().check()?;
        // Held back until the answer is out: what is known to run goes on.
        let blocked = Blocked::new()?;
        let (pid, supervisor) = match self.start(&plan, &blocked)? {
            Outcome::Running { pid, supervisor } => (pid, supervisor),
            Outcome::Refused(exit) => {
                return context.explain_start(&Spawn::new(&self.command)?.name(), exit);
            }
        };
        let is_json = context.out.is_json();
        let answer = if is_json {
            let label = Label::new(&shown);
            json_line(&json!({ "name": label.name, "pid": pid, "supervisor": supervisor }))
        } else {
            format!("{pid}\n").into_bytes()
        };
        if let Err((_, error)) = context.out.stdout().deliver_unless(&answer, &blocked) {
            // It was started a moment ago, and nobody knows of it.
            let what = match supervise::take_back(&name, supervisor) {
                Ok(()) => "it is stopped and removed, for its pid did not arrive",
                Err(_) => "it could not be stopped although its pid did not arrive",
            };
            return Err(anyhow::Error::new(error).context(format!("{name}: {what}")));
        }
        if !is_json {
            context.out.say(format_args!("started {name}"));
        }
        Ok(Exit::Done)
    }

    fn start(&self, plan: &Plan<'_>, blocked: &Blocked) -> Result<Outcome> {
        if self.max_restarts.is_some() && self.restart == Restart::Never {
            let message = "--max-restarts has no use without --restart on-failure";
            return Err(Error::new(ErrorKind::Usage, message));
        }
        // Another process may start or remove it between two steps.
        for _ in 0..100 {
            match plan.start(blocked) {
                Err(error) if error.kind() == ErrorKind::Exists => match self.if_exists {
                    IfExists::Fail => return Err(error),
                    IfExists::Replace => give_way(plan)?,
                },
                result => return result,
            }
        }
        let message = "the name comes and goes too fast to get hold of";
        Err(Error::new(ErrorKind::Exists, message))
    }
}

fn give_way(plan: &Plan<'_>) -> Result<()> {
    match Named::open(plan.name).and_then(|named| named.give_way(plan.shown)) {
        // Somebody else has removed it.
        Err(error) if error.kind() == ErrorKind::Missing => Ok(()),
        result => result,
    }
}

/// A process that can end yet: a zombie has.
fn alive(pid: i32) -> Result<Process> {
    let process = Process::open(pid)?;
    if process.is_dead() {
        let error = Error::new(ErrorKind::Missing, "has ended already");
        return Err(error.about(format!("process {pid}")));
    }
    Ok(process)
}
