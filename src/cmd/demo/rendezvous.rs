//! The rendezvous: four walkers who meet at a barrier before each stage.

use anyhow::ensure;

use super::stage::Stage;

const WALKERS: usize = 4;
const STAGES: usize = 3;

/// Nobody starts a stage before all have ended the one before: each leaves a
/// mark, and finds the marks of all others at the next meeting.
const WALK: &str = "\
for stage in 1 2 3; do ipc sem release mark$stage --create && ipc barrier wait camp --parties 4 -t 20s >/dev/null &&
echo $(ipc sem value mark$stage); done";

pub(super) fn play(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    stage.tell(format_args!(
        "{WALKERS} x $ for stage in 1 2 3; do ipc barrier wait camp --parties 4; …; done"
    ))?;
    let walkers: Vec<_> = (0..WALKERS)
        .map(|_| stage.start(WALK, None, &[]))
        .collect::<Result<_, _>>()?;
    for (number, walker) in (1..).zip(walkers) {
        let stages = walker.finish()?;
        ensure!(stages == "4\n4\n4\n", "walker {number} met {stages:?}");
    }
    let status = String::from_utf8(stage.show(&["barrier", "status", "camp"])?)?;
    ensure!(
        status.trim() == format!("0 of {WALKERS} arrived, generation {STAGES}"),
        "the barrier says {status}"
    );
    stage.tell(format_args!(
        "at each of {STAGES} meetings all {WALKERS} had arrived before anybody went on"
    ))
}
