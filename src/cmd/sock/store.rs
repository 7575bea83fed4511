//! `ipc sock store`.

use std::ffi::OsString;

use clap::Args;
use serde::Serialize;

use super::Sockets;
use super::handed::{Given, borrowed, collected, given};
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::options::Waiting;
use crate::error::ErrorKind;
use crate::exit::Exit;
use crate::facts::Label;
use crate::process::store::Store as Keeper;

const MORE: &str = "\
Examples:
  exec 3>> log; ipc sock store build 3=log
      Keeps a file open beyond the end of this shell.
  ipc sock store build 4=listener 5=lockfile
      Two more in the same store.

Exit status:
  1    under --try: the holder is busy, and has not answered within five seconds
  3    a descriptor is not open
  4    a label is taken, or another server has the name
  5    a process of another user has the name
  6    a limit: the holder's table is full
  124  the time is over

See also: unix(7), ipc-sock-fetch(1), ipc-sock-send-fd(1)";

/// Keep descriptors open under labels, for another shell or a later moment
///
/// A small process holds them. It starts when the first is stored, belongs to no
/// terminal, and ends when the last is fetched. Only you get at them: the kernel says
/// who asks. When it is killed, or the machine starts anew, they are closed.
///
/// So they are when its file is removed, by rm or with ipc sock rm --force: nobody could get
/// at them any more, so the holder answers whom it has let in and ends. ipc sock ls and
/// ipc sock stat show which process holds a store, ipc sock fetch --list what is in it.
///
/// The holder waits for nobody: who connects and asks nothing within three seconds is
/// turned out, and others are served meanwhile.
///
/// A descriptor without a label is called fd and its number. All are stored or none.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Store {
    /// Name, path or @abstract name of the store
    #[arg(value_name = "NAME", add = complete::names::<Sockets>())]
    name: OsString,

    /// Numbers of open descriptors, each with a label if wanted: 3 or 3=log
    #[arg(value_name = "FD[=LABEL]", required = true, value_parser = given())]
    descriptors: Vec<Given>,

    #[command(flatten)]
    waiting: Waiting,
}

#[derive(Serialize)]
struct Document {
    #[serde(flatten)]
    label: Label,
    stored: Vec<String>,
}

impl Store {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        // First of all: what this process opens must not be taken for the caller's.
        let items = collected(&self.descriptors)?;
        let deadline = self.waiting.deadline();
        let address = super::address(context, &self.name)?;
        if context.out.is_json() {
            context.out.stdout().check()?;
        }
        let mut wait = context.wait(deadline, format!("the holder of {address}"));
        match Keeper::at(&address).put(&borrowed(&items), &mut wait) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Exit::No),
            result => result.map_err(|error| error.or_about(&address))?,
        }
        if context.out.is_json() {
            let label = address.label(&context.scope);
            let stored = items.into_iter().map(|(label, _)| label).collect();
            context.out.json(&Document { label, stored })?;
        }
        Ok(Exit::Done)
    }
}
