//! Options of several verbs of sockets.

use clap::{Args, ValueEnum};

use crate::accounts::Accounts;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escaped;
use crate::object::socket::relay::Framing;
use crate::object::socket::{Address, Allowed, Type};
use crate::place::Place;

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

/// What a verb that connects does while nobody listens.
#[derive(Debug, Clone, Args)]
pub(super) struct Patience {
    /// Wait until somebody listens there, instead of exit code 3
    #[arg(long)]
    wait: bool,
}

impl Patience {
    pub(super) fn until_there(&self) -> bool {
        self.wait
    }
}
