//! The bounded buffer: a queue between one producer and three consumers.

use anyhow::ensure;

use super::stage::Stage;

const ITEMS: u32 = 30;
const CONSUMERS: usize = 3;

const PRODUCE: &str =
    "seq \"$1\" | ipc mq send buffer --lines -t 20s && ipc mq send buffer end end end -t 20s";
const CONSUME: &str = "while m=$(ipc mq recv buffer -t 20s) && [ \"$m\" != end ]; do echo \"$m\"; done; [ \"$m\" = end ]";

pub(super) fn play(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    stage.queue("buffer")?;
    stage.tell(format_args!("{CONSUMERS} x $ {CONSUME}"))?;
    let consumers: Vec<_> = (0..CONSUMERS)
        .map(|_| stage.start(CONSUME, None, &[]))
        .collect::<Result<_, _>>()?;
    stage.tell(format_args!(
        "$ {}",
        PRODUCE.replace("\"$1\"", &ITEMS.to_string())
    ))?;
    let producer = stage.start(PRODUCE, None, &[&ITEMS.to_string()])?;
    producer.finish()?;
    let mut received = Vec::new();
    for (number, consumer) in (1..).zip(consumers) {
        let printed = consumer.finish()?;
        stage.tell(format_args!(
            "consumer {number} got {} messages",
            printed.lines().count()
        ))?;
        received.extend(
            printed
                .lines()
                .map(str::parse::<u32>)
                .collect::<Result<Vec<_>, _>>()?,
        );
    }
    received.sort_unstable();
    ensure!(
        received.iter().copied().eq(1..=ITEMS),
        "not every message came exactly once: {received:?}"
    );
    stage.tell(format_args!("all {ITEMS} messages came, each exactly once"))
}
