//! Streams: through a FIFO from one process to another, and through pipelines.

use std::process::{Command, Stdio};

use crate::lab::{IPC, Lab, command, has, ipc, pipeline};
use crate::report::{Report, Times};

const ROUNDS: usize = 15;
const BYTES: &str = "536870912";

pub fn measure(lab: &Lab, report: &mut Report) {
    through_a_fifo(lab, report);
    through_a_pipeline(lab, report);
}

/// A source, somebody who writes into the FIFO, and somebody who reads it into
/// a sink: what is compared are the two in the middle.
fn through_a_fifo(lab: &Lab, report: &mut Report) {
    let path = lab.path("fifo");
    ipc(&["pipe", "create", &path, "--if-exists", "open"]);
    let source = lab.floor("source");
    let sink = lab.floor("sink");
    let through = lab.floor("through");
    let shell = |script: String| command(&["sh", "-c", &script]);
    let run = |writer: Command, reader: Command| {
        // Started first, it waits for the FIFO to be opened by the reader.
        let mut first = command(&[&source, BYTES]);
        let mut first = first.stdout(Stdio::piped()).spawn().unwrap();
        let mut writer = writer;
        writer.stdin(first.stdout.take().unwrap());
        let mut writer_runs = writer.spawn().unwrap();
        drop(writer);
        let time = pipeline([reader, command(&[&sink])]);
        assert!(writer_runs.wait().unwrap().success(), "a writer failed");
        assert!(first.wait().unwrap().success(), "a source failed");
        time
    };
    let kinds = ["ipc", "C", "cat", "pv"];
    let mut times: [Vec<f64>; 4] = Default::default();
    for _ in 0..ROUNDS {
        for (kind, times) in kinds.iter().zip(&mut times) {
            let (writer, reader) = match *kind {
                "ipc" => (
                    command(&[IPC, "pipe", "send", &path]),
                    command(&[IPC, "pipe", "recv", &path]),
                ),
                "C" => (
                    command(&[&through, &path]),
                    shell(format!("exec {through} < {path}")),
                ),
                "pv" if !has("pv") => continue,
                other => {
                    let quiet = if other == "pv" { "pv -q" } else { other };
                    (
                        shell(format!("exec {quiet} > {path}")),
                        shell(format!("exec {quiet} < {path}")),
                    )
                }
            };
            times.push(run(writer, reader));
        }
    }
    let _ = std::fs::remove_file(&path);
    let [ours, floor, cat, pv] = times;
    let ours = Times::of(ours);
    report.speed(
        "through a FIFO",
        ours,
        "C, pipes of 1 MiB",
        Times::of(floor),
        0.9,
    );
    report.speed("through a FIFO", ours, "cat", Times::of(cat), 1.0);
    if pv.is_empty() {
        report.skip("pv", "it is not installed");
    } else {
        report.speed("through a FIFO", ours, "pv -q", Times::of(pv), 1.0);
    }
}

fn through_a_pipeline(lab: &Lab, report: &mut Report) {
    let (source, sink) = (lab.floor("source"), lab.floor("sink"));
    let shells: Vec<&str> = ["sh", "bash"]
        .into_iter()
        .filter(|shell| has(shell))
        .collect();
    let script = format!("{source} {BYTES} | cat | cat | {sink}");
    let mut ours = Vec::new();
    let mut theirs = vec![Vec::new(); shells.len()];
    for _ in 0..ROUNDS {
        ours.push(pipeline([command(&[
            IPC, "pipe", "run", "--", &source, BYTES, "::", "cat", "::", "cat", "::", &sink,
        ])]));
        for (shell, times) in shells.iter().zip(&mut theirs) {
            times.push(pipeline([command(&[shell, "-c", &script])]));
        }
    }
    let ours = Times::of(ours);
    for (shell, times) in shells.into_iter().zip(theirs) {
        report.speed("pipe run of four", ours, shell, Times::of(times), 1.0);
    }
}
