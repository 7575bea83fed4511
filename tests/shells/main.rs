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

#[path = "../cli/sandbox/mod.rs"]
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

#[test]
fn the_binary_prints_the_scripts() {
    let sb = Sandbox::new();
    for (shell, file) in [("bash", "ipc.bash"), ("zsh", "_ipc"), ("fish", "ipc.fish")] {
        let expected = std::fs::read_to_string(script(file)).unwrap();
        let run = sb.ipc(["completions", shell]).run();
        run.ok().stdout(&expected);
    }
    let run = sb.ipc(["completions", "tcsh"]).run();
    run.code(2)
        .stdout("")
        .stderr_has("[possible values: bash, zsh, fish]");
}

#[test]
fn a_variable_left_in_the_environment_changes_nothing() {
    let sb = objects();
    for value in ["", "0", "1", "bash", "nonsense"] {
        let run = sb
            .ipc(["shm", "read", "frame"])
            .env(ipc::cli::COMPLETION_VARIABLE, value)
            .run();
        run.ok().stdout("in-the-frame");
        let run = sb
            .ipc(["shm", "read", "nothing"])
            .env(ipc::cli::COMPLETION_VARIABLE, value)
            .run();
        run.code(3).stdout("").stderr_has("/nothing");
    }
}

/// Some shells print candidates as they are, and all take a line for one.
#[test]
fn names_that_act_on_a_terminal_are_not_offered() {
    let sb = objects();
    for name in ["fr\x1b[31m", "fr\nline"] {
        std::fs::write(sb.shm_file(name), "x").unwrap();
    }
    let run = sb
        .ipc(["--", "ipc", "shm", "read", "fr"])
        .env(ipc::cli::COMPLETION_VARIABLE, "fish")
        .run();
    run.ok().stdout("frame\t12 bytes\n");
}
