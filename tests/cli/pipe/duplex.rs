//! `ipc pipe duplex`: two commands that talk to each other.

use std::os::unix::process::ExitStatusExt;

use crate::sandbox::{Sandbox, has, until};
use crate::shell::below;

#[test]
fn each_reads_what_the_other_writes() {
    let sb = Sandbox::new();
    let asks = "for n in 1 2 3; do echo $n; read -r answer; echo \"$answer\" >&2; done";
    let answers = "while read -r n; do echo $((n * n)); done";
    sb.ipc([
        "pipe", "duplex", "--", "sh", "-c", asks, "::", "sh", "-c", answers,
    ])
    .run()
    .code(0)
    .stdout("")
    .stderr("1\n4\n9\n");
}

#[test]
fn the_end_of_one_is_the_end_that_the_other_reads() {
    let sb = Sandbox::new();
    sb.ipc(["pipe", "duplex", "--", "true", "::", "cat"])
        .run()
        .ok();
    sb.ipc(["pipe", "duplex", "--", "cat", "::", "true"])
        .run()
        .ok();
    // Half-closed: what comes back is read after the own end was sent.
    let asks = "printf 'b\\na\\n'; exec >&-; cat >&2";
    sb.ipc(["pipe", "duplex", "--", "sh", "-c", asks, "::", "sort"])
        .run()
        .code(0)
        .stderr("a\nb\n");
}

#[test]
fn exit_codes_are_those_of_a_pipeline() {
    let sb = Sandbox::new();
    let three = ["sh", "-c", "exit 3"];
    let duplex = |options: &[&str], first: &[&str], second: &[&str]| {
        let words = [
            &["-q", "pipe", "duplex"],
            options,
            &["--"],
            first,
            &["::"],
            second,
        ];
        sb.ipc(words.concat()).run()
    };
    duplex(&[], &three, &["true"]).code(0);
    duplex(&["--pipefail"], &three, &["true"]).code(3);
    duplex(&[], &["true"], &three).code(3);
    duplex(&[], &["true"], &["./none"]).code(127);
    sb.ipc(["pipe", "duplex", "--", "cat"])
        .run()
        .code(125)
        .stderr_has("two commands can talk to each other, not 1");
    sb.ipc(["pipe", "duplex", "--", "a", "::", "b", "::", "c"])
        .run()
        .code(125);
}

#[test]
fn python_is_a_partner() {
    if !has("python3") {
        return;
    }
    let sb = Sandbox::new();
    let script = "import sys\nfor line in sys.stdin: print(int(line) + 1, flush=True)";
    let asks = "echo 41; read -r x; echo $x >&2";
    sb.ipc([
        "pipe", "duplex", "--", "sh", "-c", asks, "::", "python3", "-c", script,
    ])
    .run()
    .code(0)
    .stderr("42\n");
}

#[test]
fn a_signal_ends_both_and_sigkill_too() {
    let sb = Sandbox::new();
    for signal in [libc::SIGTERM, libc::SIGKILL] {
        let script = "echo up >&2; exec cat";
        let running = sb
            .ipc(["pipe", "duplex", "--", "sh", "-c", script, "::", "cat"])
            .start();
        until("both to be there", || below(&sb).len() == 3);
        running.signal(signal);
        let (status, ..) = running.finish();
        assert_eq!(status.signal(), Some(signal));
        until("both to be gone", || below(&sb).is_empty());
    }
}
