//! `ipc sock`: unix sockets.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use clap::Subcommand;

use super::context::Context;
use super::kind::Kind;
use super::leaf::{self, Parsed};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::name::{Name, Scope};
use crate::object::socket::{Address, SocketInfo};
use crate::output::table::{Column, MODE, MODIFIED, OWNER, Show};
use crate::process::spawn::Spawn;
use crate::survey::sockets;

mod call;
mod connect;
mod fetch;
mod handed;
mod listen;
mod ls;
mod options;
mod payload;
mod recv;
mod recv_fd;
mod rm;
mod send;
mod send_fd;
mod serve;
mod stat;
mod store;
mod talk;

/// The verbs of sockets.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum Verb {
    Listen(listen::Listen),
    Connect(connect::Connect),
    Send(send::Send),
    #[command(visible_alias = "receive")]
    Recv(recv::Recv),
    Call(call::Call),
    Serve(serve::Serve),
    SendFd(send_fd::SendFd),
    RecvFd(recv_fd::RecvFd),
    Store(store::Store),
    Fetch(fetch::Fetch),
    Stat(stat::Stat),
    #[command(visible_alias = "list")]
    Ls(ls::Ls),
    #[command(visible_alias = "unlink")]
    Rm(rm::Rm),
}

/// Parses one verb alone; nothing when the word is no verb.
pub(crate) fn leaf(verb: &str, words: &[OsString]) -> Option<Parsed<Verb>> {
    Some(match verb {
        "listen" => leaf::parse(Verb::Listen, words),
        "connect" => leaf::parse(Verb::Connect, words),
        "send" => leaf::parse(Verb::Send, words),
        "recv" | "receive" => leaf::parse(Verb::Recv, words),
        "call" => leaf::parse(Verb::Call, words),
        "serve" => leaf::parse(Verb::Serve, words),
        "send-fd" => leaf::parse(Verb::SendFd, words),
        "recv-fd" => leaf::parse(Verb::RecvFd, words),
        "store" => leaf::parse(Verb::Store, words),
        "fetch" => leaf::parse(Verb::Fetch, words),
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
            Verb::Listen(_) => "sock listen",
            Verb::Connect(_) => "sock connect",
            Verb::Send(_) => "sock send",
            Verb::Recv(_) => "sock recv",
            Verb::Call(_) => "sock call",
            Verb::Serve(_) => "sock serve",
            Verb::SendFd(_) => "sock send-fd",
            Verb::RecvFd(_) => "sock recv-fd",
            Verb::Store(_) => "sock store",
            Verb::Fetch(_) => "sock fetch",
            Verb::Stat(_) => "sock stat",
            Verb::Ls(_) => "sock ls",
            Verb::Rm(_) => "sock rm",
        }
    }

    /// Whether failures of ours are 125, so that 1 to 123 belong to a command.
    pub(crate) fn is_run_like(&self) -> bool {
        match self {
            Verb::RecvFd(verb) => verb.is_run_like(),
            Verb::Fetch(verb) => verb.is_run_like(),
            _ => false,
        }
    }

    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        match self {
            Verb::Listen(verb) => verb.run(context),
            Verb::Connect(verb) => verb.run(context),
            Verb::Send(verb) => verb.run(context),
            Verb::Recv(verb) => verb.run(context),
            Verb::Call(verb) => verb.run(context),
            Verb::Serve(verb) => verb.run(context),
            Verb::SendFd(verb) => verb.run(context),
            Verb::RecvFd(verb) => verb.run(context),
            Verb::Store(verb) => verb.run(context),
            Verb::Fetch(verb) => verb.run(context),
            Verb::Stat(verb) => verb.run(context),
            Verb::Ls(verb) => verb.run(context),
            Verb::Rm(verb) => verb.run(context),
        }
    }
}

/// The kind of object that this noun is about.
struct Sockets;

impl Kind for Sockets {
    type Info = SocketInfo;

    const COLUMNS: &'static [Column] = &[
        Column::new("name", "NAME", Show::Text),
        Column::new("type", "TYPE", Show::Text),
        Column::new("waiting", "WAITING", Show::Number),
        Column::new("pids", "PIDS", Show::Text),
        MODE,
        OWNER,
        MODIFIED,
        Column::new("status", "STATUS", Show::Text),
    ];

    fn look(name: &Name) -> Result<SocketInfo> {
        sockets::look(&Address::Named(name.clone()), &Scope::default())
    }

    fn list(scope: &Scope) -> Result<Vec<SocketInfo>> {
        sockets::list(scope)
    }

    fn unlink(name: &Name) -> Result<()> {
        let address = Address::Named(name.clone());
        address
            .remove(false)
            .map_err(|error: Error| error.or_about(&address))
    }

    fn is_certain(info: &SocketInfo) -> bool {
        info.status == "stale"
    }

    fn describe(info: &SocketInfo) -> String {
        let kind = info.socket_type.unwrap_or_default();
        let pids: Vec<String> = info.pids.iter().map(i32::to_string).collect();
        match (info.status, pids.is_empty()) {
            ("ok", true) => kind.to_owned(),
            ("ok", false) => format!("{kind}, process {}", pids.join(" ")),
            (status, _) => status.to_owned(),
        }
    }
}

/// Where the socket of a verb is.
fn address(context: &Context, raw: &OsStr) -> Result<Address> {
    Address::parse(&context.scope, raw)
}

/// The command of a verb, told which socket it is for.
///
/// The name is the one that an ipc within the command understands: without
/// its scope, which is handed on beside it where it did not come that way.
fn spawn_for<'a>(
    context: &Context,
    address: &Address,
    command: &'a [OsString],
) -> Result<Spawn<'a>> {
    let inner = address.inner(&context.scope);
    let spawn = Spawn::new(command)?.env("IPC_SOCK_NAME", OsStr::from_bytes(&inner));
    let scope = context.scope.as_str();
    if std::env::var_os("IPC_SCOPE").unwrap_or_default() == scope {
        return Ok(spawn);
    }
    Ok(spawn.env("IPC_SCOPE", scope))
}
