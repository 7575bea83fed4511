//! `ipc sock`: unix sockets.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use super::context::Context;
use super::kind::Kind;
use super::verbs::verbs;
use crate::error::{Error, Result};
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

verbs! {
    /// The verbs of sockets.
    "sock" {
        "listen" => listen::Listen,
        "connect" => connect::Connect,
        "send" => send::Send,
        "recv" | "receive" => recv::Recv,
        "call" => call::Call,
        "serve" => serve::Serve,
        "send-fd" => send_fd::SendFd,
        "recv-fd" => recv_fd::RecvFd,
        "store" => store::Store,
        "fetch" => fetch::Fetch,
        "stat" => stat::Stat,
        "ls" | "list" => ls::Ls,
        "rm" | "unlink" => rm::Rm,
    }
}

impl Verb {
    /// Whether failures of ours are 125, so that 1 to 123 belong to a command.
    pub(crate) fn is_run_like(&self) -> bool {
        match self {
            Verb::RecvFd(verb) => verb.is_run_like(),
            Verb::Fetch(verb) => verb.is_run_like(),
            _ => false,
        }
    }
}

/// The kind of object that this noun is about.
#[derive(Debug)]
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
        sockets::look(&Address::named(name), &Scope::default())
    }

    fn list(scope: &Scope) -> Result<Vec<SocketInfo>> {
        sockets::list(scope)
    }

    fn unlink(name: &Name) -> Result<()> {
        let address = Address::named(name);
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
