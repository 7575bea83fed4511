//! `ipc mq`: message queues between separate processes.

use crate::sandbox::{Running, Sandbox};

mod command;
mod exec;
mod follow;
mod geometry;
mod inherited;
mod limits;
mod listing;
mod loss;
mod moments;
mod payload;
mod records;
mod rescue;
mod signals;
mod transfer;
mod verbs;
mod wait;
mod watch;

/// Puts messages into a queue, in this order.
#[track_caller]
fn send(sb: &Sandbox, queue: &str, messages: &[&str]) {
    let arguments = ["mq", "send", queue, "-t", "30s", "--"];
    sb.ipc(arguments.iter().chain(messages)).run().ok();
}

/// Takes all messages, as lines.
#[track_caller]
fn drain(sb: &Sandbox, queue: &str) -> Vec<String> {
    let arguments = ["mq", "recv", queue, "--drain", "--newline"];
    let taken = sb.ipc(arguments).run();
    taken.ok();
    let text = String::from_utf8(taken.stdout.clone()).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// How many messages a queue has.
#[track_caller]
fn depth(sb: &Sandbox, queue: &str) -> u64 {
    let looked = sb.ipc(["mq", "stat", queue, "--json"]).run();
    looked.ok();
    looked.json()["objects"][0]["messages"].as_u64().unwrap()
}

/// A queue with four messages, which is all that it takes.
#[track_caller]
fn full_queue(sb: &Sandbox, name: &str) {
    sb.queue(name);
    send(sb, name, &["f1", "f2", "f3", "f4"]);
}

/// Waits until an `ipc` waits for a queue.
#[track_caller]
fn waits(running: &Running) {
    running.blocked_in(&[libc::SYS_ppoll]);
}

/// Waits until an `ipc` waits for its command.
#[track_caller]
fn runs_a_command(running: &Running) {
    running.blocked_in(&[libc::SYS_read, libc::SYS_poll]);
}

/// The files that were saved because a message could go nowhere.
fn saved(sb: &Sandbox) -> Vec<Vec<u8>> {
    let Ok(folder) = std::fs::read_dir(sb.folder().join("run")) else {
        return Vec::new();
    };
    let mut saved: Vec<_> = folder
        .map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
        .collect();
    saved.sort();
    saved
}
