//! `ipc sock serve`.

use std::ffi::OsString;
use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::Sockets;
use super::options::Guard;
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::options::NewMode;
use crate::deadline::parse_span;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::facts::Label;
use crate::object::socket::{Listener, Type};
use crate::process::serve::{Audience, Served, Service};
use crate::sys::wait::Ending;

const MORE: &str = "\
Examples:
  ipc sock serve calculator -- bc -l
      Gives each connection a calculator of its own.
  ipc sock serve upper --max 4 -- tr a-z A-Z
      Four at a time; others wait in the queue.
  ipc sock serve @status --allow-uid any -- sh -c 'echo \"hello, user $IPC_PEER_UID\"'
      Answers every user of the network namespace.

Exit status:
  4         somebody listens there already
  5         the runtime folder is not for you alone
  7         something is there that is not a socket
  124       nobody connected for as long as --timeout says
  126, 127  the command cannot be executed, is not found: at the start, or later

See also: unix(7), ipc-sock-call(1), ipc-sock-connect(1), ipc-sock-listen(1)";

/// The types that have connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Connected {
    /// One stream of bytes each way
    Stream,
    /// Messages kept apart: each read(2) of the command gets one
    Seqpacket,
}

/// Run a command for each connection, with it on standard input and output
///
/// The command finds the peer in IPC_PEER_PID, IPC_PEER_UID and IPC_PEER_GID, by the
/// word of the kernel, and the name in IPC_SOCK_NAME. Its exit code is its own
/// affair; with --json each end is a line. Others than you and root are turned away
/// before a command runs, unless --allow-uid lets them in: they see the connection
/// close, and an ipc on their side ends with exit code 5.
///
/// Told to end (SIGTERM, SIGINT), it gives its name up, tells the commands that still
/// run to end too, waits for them, kills those that take longer than five seconds,
/// and dies by that signal. It removes its file only if that is still its own.
/// Killed, it leaves a file that the next server replaces at once. A script that starts
/// it in the background with & has it ignore SIGINT, as every shell without job control
/// does, and its commands too: end it with SIGTERM.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Serve {
    /// Name, path or @abstract name of the socket
    #[arg(value_name = "NAME", add = complete::names::<Sockets>())]
    name: OsString,

    /// How bytes are kept; both sides must say the same
    #[arg(long = "type", value_name = "TYPE", default_value = "stream")]
    kept: Connected,

    /// Most commands at once; further connections wait
    #[arg(long, value_name = "COMMANDS", default_value = "64")]
    max: NonZeroUsize,

    /// End after so many connections
    #[arg(long, short = 'n', value_name = "CONNECTIONS")]
    count: Option<NonZeroU64>,

    /// End with exit code 124 when no command ran and nobody connected for DURATION
    #[arg(long, short, value_name = "DURATION", value_parser = parse_span)]
    timeout: Option<Duration>,

    #[command(flatten)]
    guard: Guard,

    #[command(flatten)]
    mode: NewMode,

    /// The command and its arguments
    #[arg(value_name = "CMD", last = true, required = true, add = complete::commands())]
    command: Vec<OsString>,
}

impl Serve {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let address = super::address(context, &self.name)?;
        let kind = match self.kept {
            Connected::Stream => Type::Stream,
            Connected::Seqpacket => Type::Seqpacket,
        };
        let service = Service {
            spawn: super::spawn_for(context, &address, &self.command)?,
            most: self.max.get(),
            count: self.count.map(NonZeroU64::get),
            allowed: self.guard.of_server()?,
            idle: self.timeout,
        };
        let name = service.spawn.name();
        if let Some(ending) = service.spawn.obstacle() {
            return context.explain_start(&name, ending);
        }
        if context.out.is_json() {
            context.out.stdout().check()?;
        }
        let listener = Listener::bind(&address, kind, self.mode.mode)?;
        let label = address.label(&context.scope);
        let mut log = Log { context, label };
        let ending = service.run(listener, &mut log);
        let ending = ending.map_err(|error| error.or_about(&address))?;
        log.context.explain_start(&name, ending)
    }
}

/// A connection that has ended.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    label: &'a Label,
    pid: i32,
    peer_pid: i32,
    peer_uid: u32,
    peer_gid: u32,
    exit_code: Option<i32>,
    signal: Option<i32>,
}

/// Tells what happens to connections.
struct Log<'a> {
    context: &'a mut Context,
    label: Label,
}

impl Audience for Log<'_> {
    fn served(&mut self, served: Served) -> Result<()> {
        if !self.context.out.is_json() {
            return Ok(());
        }
        let (code, signal) = match served.ending {
            Ending::Code(code) => (Some(code), None),
            Ending::Signal(signal) => (None, Some(signal)),
        };
        let peer = served.peer;
        self.context.out.json(&Document {
            label: &self.label,
            pid: served.pid,
            peer_pid: peer.pid,
            peer_uid: peer.uid,
            peer_gid: peer.gid,
            exit_code: code,
            signal,
        })?;
        self.context.out.flush()
    }

    fn refused(&mut self, error: Error) {
        self.context.report(&error.into());
    }
}
