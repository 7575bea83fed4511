//! Completion in the real shells: what is offered, and what is put in.
#![allow(
    missing_docs,
    dead_code,
    unreachable_pub,
    unsafe_code,
    clippy::multiple_unsafe_ops_per_block,
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::allow_attributes,
    reason = "a test may panic and say why"
)]

#[path = "../cli/sandbox.rs"]
mod sandbox;

mod bash;
mod fish;
mod terminal;
mod zsh;

use sandbox::Sandbox;

/// A file of completions/.
fn script(name: &str) -> String {
    format!("{}/completions/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Objects of each kind, one of them with a blank and a pattern in its name.
fn objects() -> Sandbox {
    let sb = Sandbox::new();
    sb.ipc(["-q", "shm", "write", "frame", "--create", "in-the-frame"])
        .run()
        .ok();
    sb.ipc([
        "-q",
        "shm",
        "write",
        "two [w]ords",
        "--create",
        "both-words",
    ])
    .run()
    .ok();
    sb.ipc(["-q", "shm", "write", "a:colon", "--create", "after-colon"])
        .run()
        .ok();
    sb.ipc(["-q", "sem", "create", "slots", "3"]).run().ok();
    sb.queue("jobs");
    sb.queue("mail");
    sb.ipc(["mq", "send", "jobs", "one"]).run().ok();
    sb
}
