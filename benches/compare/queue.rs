//! Lines through a queue: one process reads and sends, one takes and prints.

use std::process::Command;

use crate::lab::{IPC, Lab, command, from_file, ipc, pipeline, together};
use crate::report::{Report, Times};
use crate::startup::{NO_PYTHON, python};

const ROUNDS: usize = 15;
/// What an unprivileged user may ask for, and the default of `ipc mq create`.
const DEPTH: &str = "10";
/// Bytes of a line, how many lines, and how the figure is called.
const SIZES: [(usize, usize, &str); 3] = [
    (64, 100_000, "lines of 64 B"),
    (1024, 100_000, "lines of 1 KiB"),
    (8192, 40_000, "lines of 8 KiB"),
];

const SENDER: &str = "import sys, posix_ipc
queue = posix_ipc.MessageQueue(sys.argv[1])
for line in sys.stdin.buffer: queue.send(line[:-1])";
const TAKER: &str = "import sys, posix_ipc
queue = posix_ipc.MessageQueue(sys.argv[1])
for _ in range(int(sys.argv[2])): sys.stdout.buffer.write(queue.receive()[0] + b'\\n')";

pub fn measure(lab: &Lab, report: &mut Report) {
    for (size, count, title) in SIZES {
        through(lab, report, size, count, title);
    }
}

fn through(lab: &Lab, report: &mut Report, size: usize, count: usize, title: &str) {
    let name = lab.name("mq", &format!("q{size}"));
    ipc(&[
        "mq",
        "create",
        &name,
        "--max-messages",
        DEPTH,
        "--max-size",
        &size.to_string(),
    ]);
    let slash = format!("/{name}");
    let count = count.to_string();
    let lines = lab.path("lines");
    fill(lab, &lines, &count, size);

    let ours = || {
        [
            command(&[IPC, "mq", "recv", &name, "--newline", "-n", &count]),
            from_file(command(&[IPC, "mq", "send", &name, "--lines"]), &lines),
        ]
    };
    let floor = || {
        [
            command(&[&lab.floor("lines_out"), &slash, &count]),
            from_file(command(&[&lab.floor("lines_in"), &slash]), &lines),
        ]
    };
    let python = python(lab);
    let peer = |python: &String| {
        [
            command(&[python, "-c", TAKER, &slash, &count]),
            from_file(command(&[python, "-c", SENDER, &slash]), &lines),
        ]
    };

    let (mut our, mut their, mut peers) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        our.push(together(ours()));
        their.push(together(floor()));
        peers.extend(python.as_ref().map(|python| together(peer(python))));
    }
    let our = Times::of(our);
    report.speed(title, our, "C, depth 10", Times::of(their), 0.85);
    match python {
        // C itself is hardly twice as fast: the kernel's wake-ups are most of it.
        Some(_) => report.speed(title, our, "python posix_ipc", Times::of(peers), 1.5),
        None => report.skip("python posix_ipc", NO_PYTHON),
    }
    to_a_pipe(lab, report, &name, &lines, &count, title);
    let _ = std::fs::remove_file(lines);
}

/// The same with somebody who reads what is taken.
fn to_a_pipe(lab: &Lab, report: &mut Report, name: &str, lines: &str, count: &str, title: &str) {
    let slash = format!("/{name}");
    let sink = || command(&[lab.floor("sink")]);
    let run = |send: Command, taker: Command| {
        let mut sender = from_file(send, lines).spawn().unwrap();
        let time = pipeline([taker, sink()]);
        assert!(sender.wait().unwrap().success(), "a sender failed");
        time
    };
    let (mut our, mut their) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        our.push(run(
            command(&[IPC, "mq", "send", name, "--lines"]),
            command(&[IPC, "mq", "recv", name, "--newline", "-n", count]),
        ));
        their.push(run(
            command(&[&lab.floor("lines_in"), &slash]),
            command(&[&lab.floor("lines_out"), &slash, count]),
        ));
    }
    let title = format!("{title}, into a pipe");
    report.speed(
        &title,
        Times::of(our),
        "C, depth 10",
        Times::of(their),
        0.85,
    );
}

fn fill(lab: &Lab, path: &str, count: &str, size: usize) {
    let mut source = command(&[&lab.floor("source"), count, &size.to_string()]);
    source.stdout(std::fs::File::create(path).unwrap());
    assert!(source.status().unwrap().success());
}
