//! The limit: a semaphore of three units and eight workers that want one.

use anyhow::{Context as _, ensure};

use super::stage::Stage;

const WORKERS: u32 = 8;
const UNITS: u32 = 3;

/// A worker stays inside until it is told to leave, so that nothing depends on time.
const WORK: &str = "\
ipc sem acquire door -t 20s && ipc mq send log \"in $1\" -t 20s &&
ipc mq recv leave -t 20s && ipc mq send log \"out $1\" -t 20s && ipc sem release door";

pub(super) fn play(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    stage.show(&["-q", "sem", "create", "door", &UNITS.to_string()])?;
    stage.queue("log")?;
    stage.queue("leave")?;
    stage.tell(format_args!(
        "{WORKERS} x $ ipc sem acquire door; …; ipc sem release door"
    ))?;
    let workers: Vec<_> = (1..=WORKERS)
        .map(|number| stage.start(WORK, None, &[&number.to_string()]))
        .collect::<Result<_, _>>()?;
    let most = direct(stage)?;
    for worker in workers {
        worker.finish()?;
    }
    ensure!(
        most == UNITS,
        "there were {most} inside at once, and not {UNITS}"
    );
    let left = String::from_utf8(stage.run(&["sem", "value", "door"])?)?;
    ensure!(
        left.trim() == UNITS.to_string(),
        "the semaphore ends with {}",
        left.trim()
    );
    stage.tell(format_args!(
        "never more than {most} were inside, and all {WORKERS} were"
    ))
}

/// Follows who comes and goes; tells one to leave whenever no more can come.
fn direct(stage: &mut Stage<'_>) -> anyhow::Result<u32> {
    let (mut inside, mut gone, mut most) = (0, 0, 0);
    while gone < WORKERS {
        let event = String::from_utf8(stage.run(&["mq", "recv", "log", "-t", "20s"])?)?;
        let (direction, worker) = event.split_once(' ').context("a strange message")?;
        match direction {
            "in" => inside += 1,
            _ => {
                inside -= 1;
                gone += 1;
            }
        }
        most = most.max(inside);
        stage.tell(format_args!(
            "{direction:>3} {worker}   inside: {}",
            "#".repeat(inside as usize)
        ))?;
        let no_more_can_come = inside == UNITS.min(WORKERS - gone);
        if no_more_can_come && inside > 0 {
            if inside == UNITS {
                let busy = stage.code(&["sem", "acquire", "door", "--try"])?;
                ensure!(busy == 1, "a fourth one got in: exit code {busy}");
            }
            stage.run(&["mq", "send", "leave", "go", "-t", "20s"])?;
        }
    }
    Ok(most)
}
