//! Options of several verbs of sockets.

use std::ffi::OsString;

use clap::{Args, ValueEnum};

use super::Sockets;
use crate::accounts::Accounts;
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::options::{NewMode, Waiting};
use crate::deadline::Deadline;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escaped;
use crate::object::socket::relay::Framing;
use crate::object::socket::{Address, Allowed, Connection, Listener, Type};
use crate::place::Place;
use crate::process::blocked::Blocked;
use crate::size::Mode;
use crate::wait::Wait;

/// How the bytes of a socket are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Kept {
    /// One stream of bytes each way
    Stream,
    /// Messages kept apart, in order, over a connection
    Seqpacket,
    /// Messages without a connection; an empty one is the end
    Dgram,
}

impl Kept {
    pub(super) fn kind(self) -> Type {
        match self {
            Kept::Stream => Type::Stream,
            Kept::Seqpacket => Type::Seqpacket,
            Kept::Dgram => Type::Datagram,
        }
    }
}

/// The type of a socket, and what ends a message on input and output.
#[derive(Debug, Clone, Args)]
pub(super) struct Form {
    /// How bytes are kept; both sides must say the same
    #[arg(long = "type", value_name = "TYPE", default_value = "stream")]
    kept: Kept,

    /// Messages are lines: on a stream with their ends, else without them
    #[arg(long, short, conflicts_with = "null")]
    lines: bool,

    /// Messages end with a NUL byte on input and output
    #[arg(long, short = '0')]
    null: bool,
}

impl Form {
    pub(super) fn kind(&self) -> Type {
        self.kept.kind()
    }

    pub(super) fn framing(&self) -> Framing {
        match (self.lines, self.null) {
            (true, _) => Framing::Separated(b'\n'),
            (_, true) => Framing::Separated(0),
            _ => Framing::Bytes,
        }
    }
}

/// Who may be at the other end.
#[derive(Debug, Clone, Args)]
pub(super) struct Guard {
    /// Let this user be at the other end, by name or number; any is everybody
    ///
    /// May be given several times. Without it only you and root may; the kernel
    /// says who is there, whatever the socket is called and whatever its mode.
    #[arg(long = "allow-uid", value_name = "USER")]
    users: Vec<String>,
}

impl Guard {
    /// Whom a server lets in.
    pub(super) fn of_server(&self) -> Result<Allowed> {
        if self.users.is_empty() {
            return Ok(Allowed::own());
        }
        self.listed()
    }

    /// With which servers a client talks: whoever may put a file at a path
    /// answers for it, but anybody may take an abstract name.
    pub(super) fn of_client(&self, address: &Address) -> Result<Allowed> {
        match address {
            _ if !self.users.is_empty() => self.listed(),
            Address::File(Place::Path(_)) => Ok(Allowed::Anybody),
            Address::File(Place::Name(_)) | Address::Abstract(_) => Ok(Allowed::own()),
        }
    }

    fn listed(&self) -> Result<Allowed> {
        if self.users.iter().any(|user| user == "any") {
            return Ok(Allowed::Anybody);
        }
        let accounts = Accounts::read();
        let number = |user: &String| {
            let found = user.parse().ok().or_else(|| accounts.uid(user));
            found.ok_or_else(|| {
                let message = format!("there is no user '{}'", escaped(user.as_bytes()));
                Error::new(ErrorKind::Usage, message).hint("--allow-uid takes numbers too, and any")
            })
        };
        let users = self.users.iter().map(number);
        users.collect::<Result<Vec<u32>>>().map(Allowed::Users)
    }
}

/// Where a verb connects, with whom, and how long it takes.
#[derive(Debug, Clone, Args)]
pub(super) struct Client {
    /// Name, path or @abstract name of the socket
    #[arg(value_name = "NAME", add = complete::names::<Sockets>())]
    name: OsString,

    /// Wait until somebody listens there, instead of exit code 3
    #[arg(long)]
    wait: bool,

    #[command(flatten)]
    waiting: Waiting,

    #[command(flatten)]
    guard: Guard,
}

/// A server to connect to.
pub(super) struct Target {
    pub(super) address: Address,
    pub(super) wait: Wait,
    allowed: Allowed,
    until_there: bool,
}

impl Client {
    /// The server that is meant; the time runs from here on. A person at a
    /// terminal is told for whom the verb waits.
    pub(super) fn target(&self, context: &Context, whom: &str) -> Result<Target> {
        let deadline = self.waiting.deadline();
        let address = super::address(context, &self.name)?;
        Ok(Target {
            wait: context.wait(deadline, format!("{whom} {address}")),
            allowed: self.guard.of_client(&address)?,
            until_there: self.wait,
            address,
        })
    }
}

impl Target {
    pub(super) fn connect(&mut self, kind: Type) -> Result<Connection> {
        let wait = &mut self.wait;
        Connection::open(&self.address, kind, &self.allowed, self.until_there, wait)
    }
}

/// Where a verb listens, to whom, and how long.
#[derive(Debug, Clone, Args)]
pub(super) struct Server {
    /// Name, path or @abstract name of the socket
    #[arg(value_name = "NAME", add = complete::names::<Sockets>())]
    name: OsString,

    #[command(flatten)]
    waiting: Waiting,

    #[command(flatten)]
    guard: Guard,

    #[command(flatten)]
    mode: NewMode,
}

/// A place to listen at.
pub(super) struct Entrance {
    pub(super) address: Address,
    pub(super) allowed: Allowed,
    pub(super) deadline: Deadline,
    mode: Mode,
}

impl Server {
    /// The place that is meant; the time runs from here on.
    pub(super) fn entrance(&self, context: &Context) -> Result<Entrance> {
        Ok(Entrance {
            deadline: self.waiting.deadline(),
            address: super::address(context, &self.name)?,
            allowed: self.guard.of_server()?,
            mode: self.mode.mode,
        })
    }
}

impl Entrance {
    /// A wait for somebody to come. The file of a socket must not outlive the
    /// verb: ending signals come in while it sleeps, and end that.
    pub(super) fn wait(&self, context: &Context, whom: &str) -> Result<(Wait, Blocked)> {
        let wait = context.wait(self.deadline, format!("{whom} {}", self.address));
        let blocked = Blocked::new()?;
        let mut wait = wait.letting_in(blocked.former());
        wait.stop_on_signals()?;
        Ok((wait, blocked))
    }

    pub(super) fn listener(&self, kind: Type) -> Result<Listener> {
        Listener::bind(&self.address, kind, self.mode)
    }

    /// Waits for somebody who may come in, and tells of those who may not.
    pub(super) fn accept(
        &self,
        context: &Context,
        listener: &Listener,
        wait: &mut Wait,
    ) -> Result<Connection> {
        listener.accept(wait, &self.allowed, &mut |refused| {
            context.report(&refused.into());
        })
    }
}
