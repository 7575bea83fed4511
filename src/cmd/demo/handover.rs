//! The handover: an open file goes to a process that could not open it itself.

use anyhow::ensure;

use super::stage::Stage;

/// Opens a file and takes its name away: from here on nobody can open it.
const GIVER: &str = "\
file=$(mktemp) && echo 'the treasure is under the tree' > \"$file\" &&
exec 3< \"$file\" && rm \"$file\" && echo \"$file\" &&
ipc sock send-fd chest 3=letter --wait -t 20s";

/// Takes it over, and reads it.
const TAKER: &str = "\
ipc sock recv-fd chest -t 20s --place 0=letter --exec -- cat";

pub(super) fn play(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    stage.tell("one shell $ exec 3< letter; rm letter; ipc sock send-fd chest 3=letter")?;
    let giver = stage.start(GIVER, None, &[])?;
    stage.tell("another   $ ipc sock recv-fd chest --place 0=letter --exec -- cat")?;
    let taker = stage.start(TAKER, None, &[])?;
    let file = giver.finish()?;
    let name = file.trim_end();
    ensure!(
        !std::path::Path::new(name).exists(),
        "{name} can still be opened"
    );
    let read = taker.finish()?;
    stage.tell(read.trim_end())?;
    ensure!(
        read == "the treasure is under the tree\n",
        "the other shell read {read:?}"
    );
    stage.tell("the file has no name any more: only the descriptor led to it")
}
