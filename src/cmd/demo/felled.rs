//! The felled tree: built, shown, and ended to the last process.

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::stage::Stage;

/// Two shells below a shell, each with two that only wait. A line from each
/// tells that its own are there; all hold the standard output of the scene.
const TREE: &str = "\
for branch in 1 2; do sh -c 'sleep 20 & sleep 20 & echo grown; wait' & done; wait";
const COUNT: usize = 7;

pub(super) fn play(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    let mut tree = stage.start(TREE, None, &[])?;
    tree.line()?;
    tree.line()?;
    let root = tree.pid()?.to_string();
    let shown = stage.run(&["--json", "kill", "--tree", "--dry-run", &root])?;
    stage.tell(format_args!("a tree of {COUNT} processes:"))?;
    for process in processes(&shown)? {
        let command = process["command"].as_str().unwrap_or_default();
        let command = command.lines().next().unwrap_or_default();
        stage.tell(format_args!("  {}  {command:.50}", process["pid"]))?;
    }
    let ended = stage.show(&["--json", "kill", "--tree", "-KILL", "--wait", "20s", &root])?;
    let is_over = |one: &&Value| one["verdict"] == "gone" || one["verdict"] == "zombie";
    let over = processes(&ended)?.iter().filter(is_over).count();
    ensure!(over == COUNT, "{over} of {COUNT} have ended");
    ensure!(
        tree.is_silent()?,
        "something is left that could still print"
    );
    stage.tell(format_args!("all {over} have ended, to the last process"))
}

fn processes(printed: &[u8]) -> anyhow::Result<Vec<Value>> {
    let document: Value = serde_json::from_slice(printed)?;
    let found = document["targets"][0]["processes"].as_array();
    found.cloned().context("no processes")
}
