//! `ipc mq`: message queues.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use clap::Args;

use super::context::Context;
use super::kind::Kind;
use super::options::NewMode;
use super::verbs::verbs;
use crate::error::{Error, ErrorKind, Result};
use crate::exit::Exit;
use crate::name::{Name, Scope};
use crate::object::mq::{Access, Geometry, Queue, QueueInfo};
use crate::output::table::{Column, MODE, MODIFIED, OWNER, Show};
use crate::output::tell;
use crate::process::blocked::Blocked;
use crate::process::spawn::{Ended, Spawn};
use crate::size::{Size, counted};
use crate::survey::scan;

mod amount;
mod create;
mod delivery;
mod empty;
mod execution;
mod full;
mod ls;
mod r#move;
mod put_back;
mod recv;
mod rm;
mod send;
mod stat;
mod wait;
mod watch;

verbs! {
    /// The verbs of message queues.
    "mq" {
        "create" => create::Create,
        "send" => send::Send,
        "recv" | "receive" => recv::Recv,
        "wait" => wait::Wait,
        "full" => full::Full,
        "empty" => empty::Empty,
        "move" => r#move::Move,
        "watch" => watch::Watch,
        "stat" => stat::Stat,
        "ls" | "list" => ls::Ls,
        "rm" | "unlink" => rm::Rm,
    }
}

/// The kind of object that this noun is about.
#[derive(Debug)]
struct Queues;

impl Kind for Queues {
    type Info = QueueInfo;

    const COLUMNS: &'static [Column] = &[
        Column::new("name", "NAME", Show::Text),
        Column::new("messages", "MESSAGES", Show::Number),
        Column::new("max_messages", "MAX", Show::Number),
        Column::new("max_size", "SIZE", Show::Bytes),
        Column::new("bytes", "BYTES", Show::Bytes),
        MODE,
        OWNER,
        MODIFIED,
        Column::new("status", "STATUS", Show::Text),
    ];

    fn look(name: &Name) -> Result<QueueInfo> {
        QueueInfo::look(name)
    }

    fn list(scope: &Scope) -> Result<Vec<QueueInfo>> {
        scan::queues(scope)
    }

    fn unlink(name: &Name) -> Result<()> {
        Queue::unlink(name)
    }

    fn describe(info: &QueueInfo) -> String {
        let depth = info.messages.zip(info.max_messages);
        let depth =
            depth.map(|(now, most)| format!("{now} of {}", counted(most as u64, "message")));
        depth.unwrap_or_else(|| info.status.to_owned())
    }
}

/// The geometry of a new queue.
#[derive(Debug, Clone, Args)]
struct NewGeometry {
    /// Messages that fit before a sender has to wait; the system's default if not given
    #[arg(long, value_name = "MESSAGES")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    max_messages: Option<u32>,

    /// Bytes that fit into one message; the system's default if not given
    #[arg(long, value_name = "SIZE", value_parser = str::parse::<Size>)]
    max_size: Option<Size>,
}

impl NewGeometry {
    /// Refuses a queue that is there with another geometry: only what was asked
    /// for must be as it was asked for.
    fn require(&self, present: Geometry, name: &Name) -> Result<()> {
        let asked = Geometry {
            max_messages: self
                .max_messages
                .map_or(present.max_messages, |count| count as usize),
            max_size: self
                .max_size
                .map_or(present.max_size, |size| size.0 as usize),
        };
        if asked == present {
            return Ok(());
        }
        let message = format!("the queue exists with {present}, not {asked}");
        Err(Error::new(ErrorKind::Exists, message)
            .about(name)
            .hint("make another one and ipc mq move the messages there"))
    }

    /// What was asked for, with defaults for the rest.
    fn complete(&self) -> Geometry {
        let size = self
            .max_size
            .map(|size| usize::try_from(size.0).unwrap_or(usize::MAX));
        Geometry::or_default(self.max_messages.map(|count| count as usize), size)
    }
}

/// Making the queue when it is missing.
#[derive(Debug, Clone, Args)]
struct OrCreate {
    /// Make the queue if it is missing
    ///
    /// One that is there must have the geometry that was asked for, if one was: else
    /// the exit code is 4.
    #[arg(long)]
    create: bool,

    #[command(flatten)]
    geometry: NewGeometry,

    #[command(flatten)]
    mode: NewMode,
}

impl OrCreate {
    /// Opens the queue, or makes it when that was asked for.
    fn open(&self, name: &Name, access: Access) -> Result<Queue> {
        loop {
            match Queue::open(name, access) {
                Err(error) if error.kind() == ErrorKind::Missing && self.create => {
                    match Queue::create(name, self.geometry.complete(), self.mode.mode) {
                        // Somebody else was faster: theirs is as good.
                        Err(error) if error.kind() == ErrorKind::Exists => {}
                        // Opened again, for the access that was asked for.
                        result => drop(result?),
                    }
                }
                Err(error) if error.kind() == ErrorKind::Missing => {
                    return Err(error.hint("ipc mq create NAME, or --create"));
                }
                result => {
                    let queue = result?;
                    self.geometry.require(queue.geometry(), name)?;
                    return Ok(queue);
                }
            }
        }
    }
}

/// The answer of a predicate: an exit code, and JSON for those who want it.
fn answer(context: &mut Context, question: &str, yes: bool) -> anyhow::Result<Exit> {
    if context.out.is_json() {
        context.out.json(&serde_json::json!({ question: yes }))?;
    }
    Ok(if yes { Exit::Done } else { Exit::No })
}

/// The command of `recv --exec` and `watch`, told which queue it is for.
fn spawn_for<'a>(context: &Context, name: &Name, command: &'a [OsString]) -> Result<Spawn<'a>> {
    let inner = OsStr::from_bytes(context.inner(name));
    Ok(context.spawn(command)?.env("IPC_MQ_NAME", inner))
}

/// Runs a command to its end; says why, when it could not even start.
fn execute(
    path: &str,
    spawn: &Spawn<'_>,
    input: Option<&[u8]>,
    blocked: &Blocked,
) -> Result<Ended> {
    let ending = spawn.run(input, blocked)?;
    let why = match ending.exit {
        Exit::CommandNotFound => "command not found",
        Exit::CannotExecute => "cannot be executed",
        _ => return Ok(ending),
    };
    tell(format_args!("ipc: {path}: {}: {why}", spawn.name()));
    Ok(ending)
}
