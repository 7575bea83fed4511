//! The careless parent: its zombies are found, explained, and cleared away.

use anyhow::ensure;
use serde_json::Value;

use super::stage::Stage;

/// The command of the root tells which process its parent, the root, is.
const PARENT: &str = "\
exec \"$IPC\" fork-tree --depth 0 --zombies 5 --hold 20s -- \\
  sh -c '\"$IPC\" mq send log $PPID -t 20s'";

pub(super) fn play(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    stage.queue("log")?;
    stage.tell("$ ipc fork-tree --depth 0 --zombies 5 --hold 20s &")?;
    let parent = stage.start(PARENT, None, &[])?;
    let pid = String::from_utf8(stage.run(&["mq", "recv", "log", "-t", "20s"])?)?;
    let pid = pid.trim();
    let shown = stage.show(&["reap-zombies", "--parent", pid])?;
    for line in String::from_utf8_lossy(&shown).lines().skip(1) {
        stage.tell(line.trim_start())?;
    }
    ensure!(zombies(stage, pid)? == 5, "there are not five zombies");
    stage.tell(format_args!("$ ipc reap-zombies --parent {pid} --nudge"))?;
    let nudged = stage.code(&[
        "reap-zombies",
        "--parent",
        pid,
        "--nudge",
        "--wait",
        "100ms",
    ])?;
    ensure!(nudged == 1, "the reminder ended with {nudged}");
    stage.tell("the reminder does not help")?;
    stage.tell(format_args!("$ ipc reap-zombies --inject {pid}"))?;
    if stage.code(&["reap-zombies", "--inject", pid])? == 0 {
        stage.tell("it was made to reap, and sleeps on")?;
    } else {
        // Not on this processor, or not by this user.
        stage.tell("refused, so the parent has to go")?;
        stage.show(&[
            "reap-zombies",
            "--parent",
            pid,
            "--end-parent",
            "--yes",
            "--wait",
            "20s",
        ])?;
    }
    ensure!(zombies(stage, pid)? == 0, "there are zombies left");
    parent.kill()?;
    stage.tell("five zombies were found, explained and cleared away")
}

/// How many a parent has; none when it has gone itself.
fn zombies(stage: &Stage<'_>, pid: &str) -> anyhow::Result<u64> {
    let words = ["reap-zombies", "--json", "--parent", pid];
    if stage.code(&words)? == 3 {
        return Ok(0);
    }
    let shown: Value = serde_json::from_slice(&stage.run(&words)?)?;
    Ok(shown["zombies"].as_u64().unwrap_or_default())
}
