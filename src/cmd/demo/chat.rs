//! The chat: two shells on the two ends of a duplex pipe.

use anyhow::ensure;

use super::stage::Stage;

/// Each tells what it hears before it answers, so that the order is certain.
const CHAT: &str = "\
ipc pipe duplex -- \
sh -c 'echo \"hello, I am shell $$\"; read -r line; echo \"one hears: $line\" >&2; echo goodbye' :: \
sh -c 'read -r line; echo \"the other hears: $line\" >&2; echo \"and I am $$\"; \
read -r line; echo \"the other hears: $line\" >&2' 2>&1";

pub(super) fn play(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    stage.tell("$ ipc pipe duplex -- sh -c '…' :: sh -c '…'")?;
    let said = stage.start(CHAT, None, &[])?.finish()?;
    let lines: Vec<&str> = said.lines().collect();
    for line in &lines {
        stage.tell(line)?;
    }
    let [first, second, third] = lines[..] else {
        anyhow::bail!("three lines should be heard, not {}", lines.len());
    };
    let one = first.strip_prefix("the other hears: hello, I am shell ");
    let other = second.strip_prefix("one hears: and I am ");
    ensure!(
        one.is_some() && other.is_some() && one != other,
        "the two shells are not two: {said}"
    );
    ensure!(third == "the other hears: goodbye", "no goodbye: {third}");
    Ok(())
}
