//! The worker: started by one process, watched by a second, joined by a third.

use anyhow::ensure;

use super::stage::Stage;

/// The worker counts, and ends with a code of its own when it is told to.
const COUNTS: &str = "\
echo ready; n=$(\"$IPC\" mq recv task -t 20s); i=0;
while [ $i -lt $n ]; do i=$((i+1)); echo \"step $i\"; done; exit $i";

/// Starts the worker and is gone before it ends.
const STARTER: &str = "ipc -q proc start worker -- sh -c \"$1\"";

const JOINER: &str = "ipc proc join worker -t 20s; echo $?";

pub(super) fn play(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    stage.queue("task")?;
    stage.tell("one shell $ ipc proc start worker -- …")?;
    let pid = stage.start(STARTER, None, &[COUNTS])?.finish()?;
    stage.tell(format_args!(
        "the worker is process {}, and that shell has ended",
        pid.trim()
    ))?;
    let state = stage.show(&["proc", "status", "worker"])?;
    let state = String::from_utf8_lossy(&state);
    let expected = format!("running, process {}", pid.trim());
    ensure!(state.starts_with(&expected), "the worker is {state:?}");
    stage.tell("another   $ ipc proc join worker")?;
    let joiner = stage.start(JOINER, None, &[])?;
    stage.show(&["mq", "send", "task", "3"])?;
    let code = joiner.finish()?;
    ensure!(code == "3\n", "the join ended with {code:?}");
    stage.tell("it got the worker's exit code, 3")?;
    let said = stage.show(&["proc", "logs", "worker", "-n", "1"])?;
    ensure!(said == b"step 3\n", "the log ends with {said:?}");
    stage.show(&["proc", "rm", "worker"])?;
    stage.tell("neither of them is its parent, and nothing is left of it")
}
