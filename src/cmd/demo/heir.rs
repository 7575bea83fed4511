//! The heir: a lock whose owner is killed goes to the one who waits for it.

use anyhow::ensure;

use super::stage::Stage;

/// The owner takes the lock in one command and lives on as another.
const OWNER: &str = "\
ipc lock acquire deploy --owner $$ >/dev/null && ipc mq send log held -t 20s &&
exec \"$IPC\" mq recv never -t 20s";

const HEIR: &str =
    "ipc lock acquire deploy --owner $$ -t 20s 2>&1 && ipc lock release deploy --owner $$";

pub(super) fn play(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    stage.queue("log")?;
    stage.queue("never")?;
    stage.tell("one shell $ ipc lock acquire deploy; …")?;
    let owner = stage.start(OWNER, None, &[])?;
    stage.run(&["mq", "recv", "log", "-t", "20s"])?;
    let busy = stage.code(&["lock", "acquire", "deploy", "--try"])?;
    ensure!(busy == 1, "two hold the lock: exit code {busy}");
    stage.tell("another   $ ipc lock acquire deploy")?;
    let heir = stage.start(HEIR, None, &[])?;
    let dead = owner.kill()?;
    stage.tell(format_args!("$ kill -9 {dead}"))?;
    let said = heir.finish()?;
    let line = said.lines().next().unwrap_or_default();
    ensure!(
        line.ends_with(&format!("recovered from dead owner {dead}")),
        "the heir says {line:?}"
    );
    stage.tell(format_args!("recovered from dead owner {dead}"))?;
    let state = stage.show(&["lock", "status", "deploy"])?;
    ensure!(state == b"free\n", "the lock is not free at the end");
    stage.tell("the lock went on, and the next owner was told")
}
