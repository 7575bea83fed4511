//! `ipc sock fetch`.

use std::ffi::OsString;

use clap::Args;
use serde::Serialize;

use super::Sockets;
use super::handed::{Use, label};
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::options::{Conflict, Waiting};
use crate::error::ErrorKind;
use crate::exit::Exit;
use crate::facts::Label;
use crate::object::socket::Address;
use crate::process::store::Store;
use crate::wait::Wait;

const MORE: &str = "\
Examples:
  ipc sock fetch build log --place 1=log --exec -- make
      Goes on writing to the file that was stored.
  ipc sock fetch build --list
      Prints the labels.
  ipc sock fetch build listener --keep --exec -- ./server
      Takes a copy; the store keeps its own.

Exit status:
  1    under --try: the holder is busy, or another is about to take them, and there was
       no answer within five seconds
  3    there is no such store, or nothing of that label in it
  5    a process of another user has the name
  6    the table of descriptors is full: they stay in the store
  124  the time is over
  With --exec all of these but 124 are 125; else the exit code of the command, or
  126 or 127 when it cannot be executed or is not found.

See also: unix(7), sd_listen_fds(3), ipc-sock-store(1), ipc-sock-recv-fd(1)";

/// Take descriptors out of a store
///
/// Those of the given labels, in that order; without a label all of them. With --exec
/// the verb becomes a command that has them; without, it shows what they are and closes
/// them. They leave the store when the command runs, or when the list is printed: a
/// command that cannot be started, a label that --place misspells or an output that is
/// full leaves them where they are. The holder ends with the last one.
///
/// While one fetch is about to take a descriptor, as long as its process lives, another
/// that wants it too waits; --keep, --list and other labels do not.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Fetch {
    /// Name, path or @abstract name of the store
    #[arg(value_name = "NAME", add = complete::names::<Sockets>())]
    name: OsString,

    /// Labels of the descriptors; none are all
    #[arg(value_name = "LABEL", value_parser = label())]
    labels: Vec<String>,

    /// Leave them in the store too
    #[arg(long)]
    keep: bool,

    /// Print the labels in the store, and take nothing
    #[arg(long, conflicts_with_all = ["labels", "keep", "exec"])]
    list: bool,

    #[command(flatten)]
    waiting: Waiting,

    #[command(flatten)]
    conflict: Conflict,

    #[command(flatten)]
    usage: Use,
}

#[derive(Serialize)]
struct Document {
    #[serde(flatten)]
    label: Label,
    labels: Vec<String>,
}

impl Fetch {
    pub(crate) fn is_run_like(&self) -> bool {
        self.usage.is_run_like()
    }

    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let deadline = self.waiting.deadline();
        let address = super::address(context, &self.name)?;
        let command = self.usage.command()?;
        let labels = (!self.labels.is_empty()).then_some(self.labels.as_slice());
        if let Some(ending) = self.usage.prepare(context, command.as_deref(), labels)? {
            return Ok(ending);
        }
        let mut wait = context.wait(deadline, format!("the holder of {address}"));
        if self.list {
            return list(context, &address, &mut wait);
        }
        let taken = Store::at(&address).get(&self.labels, self.keep, &mut wait);
        let delivery = match taken.map_err(|error| error.or_about(&address)) {
            Err(error) if self.is_run_like() => return self.conflict.or_fail(context, error),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Exit::No),
            result => result?,
        };
        self.usage
            .apply(context, &address, command.as_deref(), delivery, &mut wait)
    }
}

fn list(context: &mut Context, address: &Address, wait: &mut Wait) -> anyhow::Result<Exit> {
    let labels = match Store::at(address).labels(wait) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Exit::No),
        result => result.map_err(|error| error.or_about(address))?,
    };
    if context.out.is_json() {
        let label = address.label(&context.scope);
        context.out.json(&Document { label, labels })?;
        return Ok(Exit::Done);
    }
    for label in labels {
        context.out.line(label)?;
    }
    Ok(Exit::Done)
}
