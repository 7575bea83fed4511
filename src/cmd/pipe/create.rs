//! `ipc pipe create`.

use std::ffi::OsString;
use std::path::Path;

use clap::Args;
use serde::Serialize;

use crate::backing::taken;
use crate::cmd::context::Context;
use crate::cmd::options::Creation;
use crate::error::{Error, ErrorKind};
use crate::exit::Exit;
use crate::facts::{Label, PathLabel};
use crate::object::fifo::Fifo;
use crate::survey::pipes::PREFIX;

const MORE: &str = "\
Examples:
  ipc pipe create log
      Makes a FIFO in the runtime folder.
  ipc pipe create ./in --mode 0620
      Makes one in this folder that the group may write to.
  ipc pipe create log --if-exists open --json
      Makes sure that it is there, and tells its path for other programs.

Exit status:
  4  something with that name exists
  5  permission denied
  7  under --if-exists: what has the name is no FIFO

See also: fifo(7), mkfifo(3), ipc-pipe-send(1), ipc-pipe-recv(1)";

/// Create a FIFO
///
/// Other programs open it by its path, which stat and --json tell: a name lies in the
/// runtime folder, as pipe.NAME. There is no option for its size, for a FIFO has none of
/// its own: the pipe behind it is made when the first process opens it and is gone with
/// the last. send and recv take --size.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Create {
    /// Name of the new FIFO, or its path
    #[arg(value_name = "NAME")]
    name: OsString,

    #[command(flatten)]
    creation: Creation,
}

#[derive(Serialize)]
struct Document {
    kind: &'static str,
    #[serde(flatten)]
    label: Label,
    result: &'static str,
    #[serde(flatten)]
    path: PathLabel,
}

impl Create {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let place = context.place(&self.name)?;
        let path = place.new_file(PREFIX)?;
        let mode = self.creation.mode.mode;
        let result = self.creation.if_exists.apply(
            || Fifo::create(&path, mode).map_err(|error| occupied(error, &path)),
            || Fifo::find(&path).map(drop),
            || Fifo::unlink(&path),
        );
        let outcome = result.map_err(|error| error.or_about(&place))?;
        if context.out.is_json() {
            let label = place.label(&context.scope);
            context.out.json(&Document {
                kind: "pipe",
                label,
                result: outcome.word(),
                path: path.as_path().into(),
            })?;
        } else {
            context.out.say(format_args!("{} {place}", outcome.word()));
        }
        Ok(Exit::Done)
    }
}

/// Something is there already: a FIFO, or what no option takes for one.
fn occupied(error: Error, path: &Path) -> Error {
    match Fifo::find(path) {
        Err(found) if found.kind() == ErrorKind::Broken && error.kind() == ErrorKind::Exists => {
            found.meaning(ErrorKind::Exists)
        }
        _ => taken(error, "pipe"),
    }
}
