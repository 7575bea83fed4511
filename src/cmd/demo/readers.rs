//! Readers and a writer: together, and alone.

use anyhow::ensure;

use super::stage::Stage;

const READERS: usize = 3;

/// One of them stays inside until it is told to leave.
const WORK: &str = "\
ipc lock acquire table $2 --owner $$ -t 20s >/dev/null && ipc mq send log \"in $1\" -t 20s &&
ipc mq recv leave -t 20s >/dev/null && ipc mq send log \"out $1\" -t 20s &&
ipc lock release table --owner $$";

pub(super) fn play(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    stage.queue("log")?;
    stage.queue("leave")?;
    stage.tell(format_args!(
        "{READERS} x $ ipc lock acquire table --shared; …; ipc lock release table"
    ))?;
    let mut players = Vec::new();
    for number in 1..=READERS {
        players.push(stage.start(WORK, None, &[&format!("reader {number}"), "--shared"])?);
    }
    for _ in 0..READERS {
        let event = next(stage)?;
        ensure!(event.starts_with("in reader"), "{event} comes too early");
    }
    let busy = stage.code(&["lock", "acquire", "table", "--try"])?;
    ensure!(busy == 1, "a writer got in among readers: exit code {busy}");
    stage.tell("$ ipc lock acquire table; …; ipc lock release table")?;
    players.push(stage.start(WORK, None, &["writer", ""])?);
    for _ in 0..READERS {
        stage.run(&["mq", "send", "leave", "go", "-t", "20s"])?;
    }
    for _ in 0..READERS {
        let event = next(stage)?;
        ensure!(
            event.starts_with("out reader"),
            "{event} while readers read"
        );
    }
    let event = next(stage)?;
    ensure!(event == "in writer", "{event} instead of the writer");
    let busy = stage.code(&["lock", "acquire", "table", "--shared", "--try"])?;
    ensure!(
        busy == 1,
        "a reader got in beside the writer: exit code {busy}"
    );
    stage.run(&["mq", "send", "leave", "go", "-t", "20s"])?;
    next(stage)?;
    for player in players {
        player.finish()?;
    }
    stage.tell("the readers were inside together, the writer alone")
}

/// The next one who came or went.
fn next(stage: &mut Stage<'_>) -> anyhow::Result<String> {
    let event = String::from_utf8(stage.run(&["mq", "recv", "log", "-t", "20s"])?)?;
    stage.tell(format_args!("{event}"))?;
    Ok(event)
}
