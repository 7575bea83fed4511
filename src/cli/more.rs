//! What `ipc --help` says at its end.

use crate::exit::TABLE;

const EXAMPLES: &str = "\
Examples:
  ipc mq create jobs && ipc mq send jobs 'build main'
      Makes a queue and sends a message.
  job=$(ipc mq recv jobs --timeout 10s) || exit
      Takes it in another shell, or gives up.
  ipc sem acquire printer --create && { lpr page; ipc sem release printer; }
      Prints alone.
  date | ipc shm write now --create --truncate; ipc shm read now
      Keeps a line in shared memory and reads it.
  ipc lock run deploy --timeout 5m -- ./deploy
      Runs a command alone; the lock is free when the command is gone.
  ipc wait --any pid:4711 event:stop --timeout 1m
      Waits for a process that is no child, or for an event.
  ipc man mq send
      Shows the manual of a command.

";

/// The end of `ipc --help`: examples, and the exit codes from the one table.
pub(super) fn text() -> String {
    let mut text = format!("{EXAMPLES}Exit status:\n");
    for (code, meaning) in TABLE {
        text.push_str(&format!("  {code:<9}{meaning}\n"));
    }
    text.push_str("\nSee also: ipc(7)");
    text
}
