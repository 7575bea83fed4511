//! `complete -C`: what fish would offer, with descriptions.

use crate::sandbox::{Sandbox, has};
use crate::{objects, script};

/// The candidates for a line, as fish prints them.
fn offered(sb: &Sandbox, line: &str) -> Vec<String> {
    let run = sb
        .program("fish", ["--no-config", "-c"])
        .with(|fish| {
            let source = script("ipc.fish");
            fish.arg(format!("source {source}; complete -C $argv[1]"))
                .arg(line);
        })
        .run();
    run.ok();
    let text = String::from_utf8(run.stdout.clone()).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn fish_offers_nouns_and_verbs_with_what_they_are_for() {
    if !has("fish") {
        return;
    }
    let sb = Sandbox::new();
    let nouns = offered(&sb, "ipc ");
    assert!(
        nouns
            .iter()
            .any(|noun| noun.starts_with("mq\tMessage queues: ")),
        "{nouns:?}"
    );
    let verbs = offered(&sb, "ipc mq re");
    assert_eq!(
        verbs[0],
        "recv\tTake messages from a queue, waiting for them"
    );
}

#[test]
fn fish_offers_options_with_what_they_do() {
    if !has("fish") {
        return;
    }
    let sb = Sandbox::new();
    assert_eq!(
        offered(&sb, "ipc mq recv --dr"),
        ["--drain\tTake what is there and end; an empty queue is fine"]
    );
    assert_eq!(
        offered(&sb, "ipc shm create x --if-exists=o"),
        ["--if-exists=open\tTake it as it is; another geometry is exit code 4"]
    );
}

#[test]
fn fish_offers_live_names_with_size_value_and_depth() {
    if !has("fish") {
        return;
    }
    let sb = objects();
    assert_eq!(
        offered(&sb, "ipc shm read "),
        [
            "a:colon\t11 bytes",
            "frame\t12 bytes",
            "two [w]ords\t10 bytes"
        ]
    );
    assert_eq!(
        offered(&sb, "ipc shm read two\\ "),
        ["two [w]ords\t10 bytes"]
    );
    assert_eq!(offered(&sb, "ipc shm read /fr"), ["/frame\t12 bytes"]);
    assert_eq!(offered(&sb, "ipc sem value "), ["slots\tvalue 3"]);
    assert_eq!(
        offered(&sb, "ipc mq move "),
        ["jobs\t1 of 4 messages", "mail\t0 of 4 messages"]
    );
}

#[test]
fn fish_offers_names_of_the_scope_that_the_line_names() {
    if !has("fish") {
        return;
    }
    let sb = objects();
    let elsewhere = format!("{}-other", sb.scope());
    assert!(
        !offered(&sb, &format!("ipc --scope {elsewhere} shm read f")).contains(&"frame".to_owned())
    );
    sb.ipc([
        "--scope", &elsewhere, "-q", "shm", "write", "far", "--create", "x",
    ])
    .run()
    .ok();
    for option in [
        format!("--scope {elsewhere}"),
        format!("--scope={elsewhere}"),
    ] {
        assert_eq!(
            offered(&sb, &format!("ipc {option} shm read ")),
            ["far\t1 bytes"]
        );
    }
}

#[test]
fn fish_offers_programs_for_a_command() {
    if !has("fish") {
        return;
    }
    let sb = Sandbox::new();
    for line in [
        "ipc mq watch q -- mkfif",
        "ipc mq recv q --exec mkfif",
        "ipc mq recv q --exec -- mkfif",
    ] {
        assert_eq!(offered(&sb, line), ["mkfifo"], "{line}");
    }
}
