//! The function that bash calls, and what readline makes of its answer.

use crate::sandbox::{Sandbox, has};
use crate::terminal::Terminal;
use crate::{objects, script};

/// What the function answers to a line with the cursor at its end.
fn offered(sb: &Sandbox, line: &str) -> Vec<String> {
    const ASK: &str = r#"
        source "$1"
        COMP_LINE=$2 COMP_POINT=${#2} COMP_TYPE=9
        _clap_complete_ipc ipc "" ""
        for word in "${COMPREPLY[@]}"; do printf '%s\n' "$word"; done
    "#;
    let script = script("ipc.bash");
    let run = sb
        .program("bash", ["--norc", "-c", ASK, "bash", &script, line])
        .run();
    run.ok();
    let text = String::from_utf8(run.stdout.clone()).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn bash_offers_verbs_and_options() {
    if !has("bash") {
        return;
    }
    let sb = Sandbox::new();
    assert_eq!(offered(&sb, "ipc mq re"), ["recv"]);
    assert_eq!(offered(&sb, "ipc mq rece"), ["receive"]);
    assert_eq!(offered(&sb, "ipc mq recv --dr"), ["--drain"]);
    assert!(offered(&sb, "ipc mq recv --").contains(&"--timeout".to_owned()));
}

#[test]
fn bash_offers_the_columns_of_the_kind_one_after_the_other() {
    if !has("bash") {
        return;
    }
    let sb = Sandbox::new();
    assert_eq!(offered(&sb, "ipc shm ls --columns al"), ["allocated"]);
    assert_eq!(offered(&sb, "ipc mq ls --columns max_s"), ["max_size"]);
    // Quoted as bash quotes a comma; it reads the same.
    assert_eq!(
        offered(&sb, "ipc shm ls --columns name,al"),
        [r"name\,allocated"]
    );
}

#[test]
fn bash_offers_live_names_of_the_right_kind() {
    if !has("bash") {
        return;
    }
    let sb = objects();
    assert_eq!(
        offered(&sb, "ipc shm read "),
        ["a:colon", "frame", r"two\ \[w\]ords"]
    );
    assert_eq!(offered(&sb, "ipc sem acquire /"), ["/slots"]);
    assert_eq!(offered(&sb, "ipc -q mq recv j"), ["jobs"]);
}

#[test]
fn bash_reads_the_line_as_it_would_run_it() {
    if !has("bash") {
        return;
    }
    let sb = objects();
    assert_eq!(offered(&sb, r"ipc shm read two\ "), [r"two\ \[w\]ords"]);
    assert_eq!(offered(&sb, "ipc shm read 'two "), ["two [w]ords"]);
    // Readline replaces what stands after the last break.
    assert_eq!(offered(&sb, "ipc shm read a:c"), ["colon"]);
    assert_eq!(offered(&sb, "ipc shm create x --if-exists=o"), ["open"]);
    let elsewhere = format!("{}-other", sb.scope());
    sb.ipc(["--scope", &elsewhere, "-q", "sem", "create", "far"])
        .run()
        .ok();
    for option in [
        format!("--scope {elsewhere}"),
        format!("--scope={elsewhere}"),
    ] {
        assert_eq!(offered(&sb, &format!("ipc {option} sem value ")), ["far"]);
    }
}

#[test]
fn bash_does_not_run_what_is_in_the_line() {
    if !has("bash") {
        return;
    }
    let sb = Sandbox::new();
    offered(&sb, "ipc shm read $(touch ran) `touch ran` ");
    assert!(!sb.folder().join("ran").exists());
}

#[test]
fn a_person_at_bash_gets_whole_names() {
    if !has("bash") {
        return;
    }
    let sb = objects();
    let mut invocation = sb.program("bash", ["--norc", "--noprofile", "-i"]);
    invocation = invocation
        .env("TERM", "dumb")
        .env("PS1", "ready> ")
        .env("INPUTRC", "/dev/null");
    let mut terminal = None;
    let _ = invocation.with(|bash| terminal = Some(Terminal::start(bash)));
    let mut terminal = terminal.unwrap();
    terminal.press(&format!("source {}\n", script("ipc.bash")));
    terminal.press("echo so''urced\n");
    terminal.shows("sourced");
    terminal.shows("ready> ");
    for (typed, content) in [
        ("ipc shm read fr\t\n", "in-the-frame"),
        ("ipc shm read two\t\n", "both-words"),
        ("ipc shm read 'two\t\n", "both-words"),
        ("ipc shm read a:\t\n", "after-colon"),
        ("ipc shm rea\tframe\n", "in-the-frame"),
    ] {
        terminal.press(typed);
        terminal.shows(content);
        terminal.shows("ready> ");
    }
}
