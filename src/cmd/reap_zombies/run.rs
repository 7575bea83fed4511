//! `ipc reap-zombies run`.

use std::ffi::OsString;

use clap::Args;

use crate::cmd::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::exit::Exit;
use crate::process::init::{Init, Rewrite};
use crate::process::signal::Signal;
use crate::process::spawn::Spawn;

const MORE: &str = "\
Examples:
  ipc reap-zombies run -- ./server
      As the first program of a container, or anywhere.
  ipc reap-zombies run --rewrite TERM=QUIT --remap 131=0 -- nginx
      Ends it gently, and calls that a success.
  ipc reap-zombies run --kill-leftovers -- ./tests
      Leaves nothing behind.

Exit status:
  The exit code of the command, 128+N when signal N ended it, or what --remap makes
  of it, and
  125       ipc itself failed
  126, 127  the command cannot be executed, is not found

See also: ipc-reap-zombies(1), ipc-lock-run(1), PR_SET_CHILD_SUBREAPER(2const)";

/// Run a command, pass signals on to it, and reap all that ends below it
///
/// Fit to be PID 1 of a container; elsewhere ipc becomes the subreaper of what it runs,
/// so that whatever loses its parent comes to it: daemons and double forks too. Every
/// signal is passed on to the command, real-time signals with their value, and after
/// the end of the command to what it left. When nothing is left, ipc ends as the command
/// did.
///
/// The command starts with the signal mask and the dispositions that ipc was started
/// with, bit by bit. When ipc is killed by SIGKILL, the kernel kills the command.
///
/// A zombie whose parent lives is that parent's own: a subreaper cannot reap it.
/// ipc reap-zombies without a verb shows those.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Run {
    /// Pass on signal NEW instead of OLD, 0 for none; may be given several times
    #[arg(long, value_name = "OLD=NEW", value_parser = rewrite)]
    rewrite: Vec<Rewrite>,

    /// Exit with code NEW instead of OLD; 128+N is signal N; may be given several times
    #[arg(long, value_name = "OLD=NEW", value_parser = remap)]
    remap: Vec<(u8, u8)>,

    /// Kill what is left when the command has ended, instead of waiting for it
    #[arg(long)]
    kill_leftovers: bool,

    /// Give the command a process group of its own, and pass signals on to all of it
    #[arg(long)]
    group: bool,

    /// The command and its arguments
    #[arg(value_name = "CMD", last = true, required = true)]
    command: Vec<OsString>,
}

impl Run {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let init = Init {
            rewrites: self.rewrite,
            kills_leftovers: self.kill_leftovers,
            to_group: self.group,
        };
        let spawn = Spawn::new(&self.command)?.dying_with_us();
        let course = init.run(&spawn)?;
        let exit = course.exit;
        let remapped = self.remap.iter().find(|(from, _)| *from == exit.code());
        if matches!(exit, Exit::CommandNotFound | Exit::CannotExecute) {
            context.explain_start(&spawn.name(), exit)?;
        }
        Ok(remapped.map_or(exit, |(_, to)| Exit::Command(*to)))
    }
}

fn rewrite(text: &str) -> Result<Rewrite> {
    let refused = || {
        Error::new(
            ErrorKind::Usage,
            "a rewrite is like TERM=QUIT, or HUP=0 to swallow one",
        )
    };
    let (from, to) = text.split_once('=').ok_or_else(refused)?;
    let to = match to {
        "0" => None,
        to => Some(to.parse()?),
    };
    let from: Signal = from.parse()?;
    if [Signal::KILL, Signal::STOP, Signal::CHLD].contains(&from) {
        let error = Error::new(ErrorKind::Usage, "KILL, STOP and CHLD are not passed on");
        return Err(error);
    }
    Ok(Rewrite { from, to })
}

fn remap(text: &str) -> Result<(u8, u8)> {
    let pair = text.split_once('=');
    let codes = pair.and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
    codes.ok_or_else(|| {
        Error::new(
            ErrorKind::Usage,
            "a remap is like 143=0, codes from 0 to 255",
        )
    })
}
