//! A change whose result cannot be printed: a script that tries again must not
//! make it twice.

use crate::sandbox::{Invocation, Sandbox};

/// What changes x, a 5, and the array a of one 5.
const CHANGES: [&[&str]; 9] = [
    &["value", "add", "x", "1"],
    &["--json", "value", "add", "x", "1"],
    &["value", "add", "x", "1", "--old"],
    &["value", "swap", "x", "6"],
    &["value", "cas", "x", "5", "6"],
    &["value", "min", "x", "3"],
    &["value", "max", "x", "6"],
    &["array", "add", "a", "0", "1"],
    &["barrier", "wait", "b", "--parties", "1"],
];

fn furnished() -> Sandbox {
    let sb = Sandbox::new();
    sb.ipc(["-q", "value", "create", "x", "i64", "5"])
        .run()
        .ok();
    sb.ipc(["-q", "array", "create", "a", "i64", "--from", "5"])
        .run()
        .ok();
    sb.ipc(["-q", "barrier", "create", "b", "1"]).run().ok();
    sb
}

#[track_caller]
fn is_unchanged(sb: &Sandbox, words: &[&str]) {
    let value = sb.ipc(["value", "get", "x"]).run();
    let element = sb.ipc(["array", "get", "a"]).run();
    assert_eq!(
        (&value.stdout[..], &element.stdout[..]),
        (&b"5\n"[..], &b"5\n"[..]),
        "{words:?}"
    );
    let barrier = sb.ipc(["barrier", "stat", "b", "--json"]).run().json();
    assert_eq!(barrier["objects"][0]["generation"], 0, "{words:?}");
}

/// What it prints goes into a file that takes no byte, which only writing tells.
fn onto_a_full_disk<'a>(sb: &'a Sandbox, words: &[&str]) -> Invocation<'a> {
    let script = "trap '' XFSZ; ulimit -f 0; exec ipc \"$@\" >out";
    sb.program("sh", [&["-c", script, "sh"], words].concat())
}

#[test]
fn where_output_is_closed_or_known_to_be_full_nothing_is_changed() {
    let sb = furnished();
    for (output, said) in [
        (">&-", "standard output: is closed (EBADF)\n"),
        (">/dev/full", "standard output: no space left (ENOSPC)\n"),
    ] {
        for words in CHANGES {
            let script = format!("exec ipc \"$@\" {output}");
            sb.program("sh", [&["-c", &script, "sh"], words].concat())
                .run()
                .code(6)
                .stderr_has(said);
            is_unchanged(&sb, words);
        }
    }
}

#[test]
fn where_the_reader_is_gone_nothing_is_changed() {
    let sb = furnished();
    for words in CHANGES {
        let (mut running, input) = {
            let script = ["-c", "read go; exec ipc \"$@\"", "sh"];
            sb.program("sh", script.iter().chain(words))
                .start_with_input()
        };
        running.close_stdout();
        drop(input);
        running.wait();
        is_unchanged(&sb, words);
    }
}

#[test]
fn what_fails_only_afterwards_says_what_became_of_it() {
    for words in CHANGES {
        let sb = furnished();
        let outcome = onto_a_full_disk(&sb, words).run();
        outcome
            .code(6)
            .stderr_has("printed: standard output: file too large (EFBIG)");
        match words {
            ["barrier", ..] => outcome.stderr_has("was passed with arrival index 0"),
            ["value", "min", ..] => outcome.stderr_has("/x was 5 and is 3 now"),
            ["array", ..] => outcome.stderr_has("/a[0] was 5 and is 6 now"),
            _ => outcome.stderr_has("/x was 5 and is 6 now"),
        };
    }
}

#[test]
fn a_stream_of_changes_says_up_to_where_it_came() {
    let sb = furnished();
    onto_a_full_disk(&sb, &["value", "add", "x", "--lines"])
        .stdin("1\n2\n3\n")
        .run()
        .code(6)
        .stderr_has("/x was 8 and is 11 now")
        .stderr_has("file too large (EFBIG)");
}

#[test]
fn a_comparison_that_fails_changes_nothing_and_says_nothing_of_a_change() {
    let sb = furnished();
    onto_a_full_disk(&sb, &["value", "cas", "x", "1", "2"])
        .run()
        .code(6)
        .stderr("ipc: value cas: standard output: file too large (EFBIG)\n");
    is_unchanged(&sb, &["value", "cas"]);
}
