//! `ipc pipe`: FIFOs and pipelines.

use std::ffi::OsStr;
use std::time::Duration;

use clap::Args;

use super::context::Context;
use super::kind::Kind;
use super::verbs::verbs;
use crate::deadline::{monotonic_now, parse_span};
use crate::error::{Error, ErrorKind, Result};
use crate::facts::Label;
use crate::name::{Name, Scope};
use crate::object::fifo::Fifo;
use crate::output::table::{Column, MODE, MODIFIED, OWNER, Show};
use crate::place::Place;
use crate::size::Size;
use crate::survey::pipes::{self, PREFIX, PipeInfo};

mod create;
mod duplex;
mod ls;
mod pipeline;
mod reception;
mod recv;
mod rm;
mod run;
mod send;
mod stat;

verbs! {
    /// The verbs of pipes.
    "pipe" {
        "create" => create::Create,
        "send" => send::Send,
        "recv" | "receive" => recv::Recv,
        "run" => run::Run,
        "duplex" => duplex::Duplex,
        "stat" => stat::Stat,
        "ls" | "list" => ls::Ls,
        "rm" | "unlink" => rm::Rm,
    }
}

/// The kind of object that this noun is about.
#[derive(Debug)]
struct Pipes;

impl Kind for Pipes {
    type Info = PipeInfo;

    const COLUMNS: &'static [Column] = &[
        Column::new("name", "NAME", Show::Text),
        Column::new("readers", "READERS", Show::Count),
        Column::new("writers", "WRITERS", Show::Count),
        Column::new("waiting", "WAITING", Show::Bytes),
        Column::new("capacity", "CAPACITY", Show::Bytes),
        MODE,
        OWNER,
        MODIFIED,
        Column::new("status", "STATUS", Show::Text),
    ];

    fn look(name: &Name) -> Result<PipeInfo> {
        PipeInfo::look(&Place::Name(name.clone()))
    }

    fn list(scope: &Scope) -> Result<Vec<PipeInfo>> {
        pipes::list(scope)
    }

    fn unlink(name: &Name) -> Result<()> {
        unlink(&Place::Name(name.clone()))
    }

    fn find(context: &Context, raw: &OsStr) -> Result<PipeInfo> {
        let place = context.foreign_place(raw)?;
        let mut info = PipeInfo::look(&place)?;
        info.label = place.label(&context.scope);
        Ok(info)
    }

    fn remove(context: &Context, raw: &OsStr) -> Result<Label> {
        let place = context.foreign_place(raw)?;
        unlink(&place)?;
        Ok(place.label(&context.scope))
    }

    fn is_certain(info: &PipeInfo) -> bool {
        info.status == "ok"
    }

    fn describe(info: &PipeInfo) -> String {
        match info.status {
            "ok" => format!(
                "{} readers, {} writers",
                info.readers.len(),
                info.writers.len()
            ),
            other => other.to_owned(),
        }
    }
}

fn unlink(place: &Place) -> Result<()> {
    let about = |error| pipes::missing(place, error);
    Fifo::unlink(&place.file(PREFIX).map_err(about)?).map_err(about)
}

fn find(place: &Place) -> Result<Fifo> {
    let about = |error| pipes::missing(place, error);
    Fifo::find(&place.file(PREFIX).map_err(about)?).map_err(about)
}

/// What a pipe is to hold.
fn pipe_size(word: &str) -> Result<Size> {
    match word.parse()? {
        Size(0) => Err(Error::new(
            ErrorKind::Usage,
            "a pipe holds at least one byte; the kernel rounds up to 4K",
        )),
        size => Ok(size),
    }
}

/// How long there may be nobody at the other end.
#[derive(Debug, Clone, Args)]
struct Patience {
    /// Give up with exit code 124 when nobody opens the other end within DURATION
    ///
    /// Unlike --timeout it sets no limit to what comes after.
    #[arg(long, value_name = "DURATION", value_parser = parse_span)]
    open_timeout: Option<Duration>,
}

impl Patience {
    /// The moment to give up, counted from now.
    fn moment(&self) -> Option<Duration> {
        let span = self.open_timeout?;
        monotonic_now().checked_add(span)
    }
}
