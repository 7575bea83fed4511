//! Invocations that change a word of shared memory: values, events, locks.

use crate::lab::{IPC, Lab, has, ipc};
use crate::report::Report;
use crate::startup::{ROUNDS, spawned};

pub fn measure(lab: &Lab, report: &mut Report) {
    let value = lab.name("value", "value");
    let event = lab.name("event", "event");
    let lock = lab.name("lock", "lock");
    ipc(&["value", "create", &value, "i64", "0"]);
    ipc(&["event", "create", &event]);
    ipc(&["lock", "create", &lock]);
    let ours = |words: &[&str]| -> Vec<String> {
        let words = words.iter().map(|word| (*word).to_owned());
        std::iter::once(IPC.to_owned()).chain(words).collect()
    };
    let this = std::process::id().to_string();
    let page = |kind: &str, name: &str| format!("/dev/shm/ipc.{kind}.{name}");
    let mut commands = vec![
        ours(&["value", "add", &value, "1"]),
        ours(&["event", "set", &event]),
        // Held by this process: once more each time.
        ours(&["lock", "acquire", &lock, "--reentrant", "--owner", &this]),
        vec![lab.floor("value_add"), format!("/dev/shm/{value}")],
        vec![lab.floor("word_set"), page("event", &event)],
        vec![lab.floor("word_take"), page("event", &event)],
    ];
    let other = lab.name("lock", "run");
    commands.push(ours(&["lock", "run", &other, "--", "true"]));
    if has("flock") {
        commands.push(vec!["flock".into(), lab.path("flock"), "true".into()]);
    } else {
        report.skip("flock FILE true", "it is not installed");
    }
    let found = spawned(lab, ROUNDS, "-", &commands);
    let titles = ["value add", "event set", "lock acquire"];
    for ((title, our), their) in titles.iter().zip(&found).zip(&found[3..]) {
        report.cost(title, our.times, "C, static", their.times, 1.6);
    }
    if let Some(flock) = found.get(7) {
        report.cost(
            "lock run true",
            found[6].times,
            "flock FILE true",
            flock.times,
            1.0,
        );
    }
}
