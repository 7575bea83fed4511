//! `ipc value set`.

use clap::Args;
use serde_json::json;

use super::Target;
use super::operands::Operands;
use crate::backing::Access;
use crate::cmd::context::Context;
use crate::cmd::element::answered;
use crate::cmd::options::Waiting;
use crate::exit::Exit;
use crate::facts::Label;

const MORE: &str = "\
Examples:
  ipc value set money 5000
      Replaces the number and wakes who waits for it.
  ipc value set phase -f phase.bin
      Takes the bytes from a file as they are.
  vmstat -n 1 | awk 'NR > 2 { print $4; fflush() }' | ipc value set free --lines
      Follows a stream with one process.

Exit status:
  1    under --try: another writer is at work on it
  2    the value does not fit the type
  3    there is no such value
  7    no value
  124  the time is over

See also: ipc-value-get(1), ipc-value-swap(1), ipc-value-cas(1)";

/// Replace a value
///
/// Types of 1, 2, 4 and 8 bytes change in one step: a reader sees the former value
/// or the new one. Wider bytesN are written in the turn of their writer; a value
/// that a killed writer left torn is whole again afterwards.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Set {
    #[command(flatten)]
    target: Target,

    #[command(flatten)]
    operands: Operands,

    #[command(flatten)]
    waiting: Waiting,
}

impl Set {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let deadline = self.waiting.deadline();
        let (name, array) = self.target.open(context, Access::Write)?;
        let mut wait = context.wait(deadline, format!("another writer of value {name}"));
        self.operands.each(context, |context, text| {
            let scalar = array.header().element.parse(text)?;
            let document = context.out.is_json().then(|| {
                let label = Label::new(context.inner(&name));
                json!({ "name": label.name, "value": scalar })
            });
            let put = array.put(0..1, [(0, scalar)].into_iter(), &mut wait);
            let exit = answered(put.map_err(|error| error.about(&name)))?;
            match document.filter(|_| exit == Exit::Done) {
                Some(document) => context.out.json(&document).map(|()| exit),
                None => Ok(exit),
            }
        })
    }
}
