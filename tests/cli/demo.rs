//! `ipc demo`.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::Command;

use crate::sandbox::Sandbox;

#[test]
fn every_scene_comes_out_right_and_leaves_nothing() {
    let sb = Sandbox::new();
    let demo = sb.ipc(["demo"]).start();
    let names = format!("demo-{}", demo.pid());
    let (status, printed, said) = demo.finish();
    assert!(status.success(), "{printed}{said}");
    assert_eq!(printed.matches("  right\n").count(), 12, "{printed}");
    assert!(!printed.contains("WRONG"), "{printed}");
    assert_eq!(left_behind(&names), Vec::<String>::new());
}

#[test]
fn one_that_is_interrupted_leaves_nothing() {
    let sb = Sandbox::new();
    let mut demo = sb.ipc(["demo"]).start();
    let names = format!("demo-{}", demo.pid());
    while !demo.line().contains("sem create door") {}
    demo.signal(libc::SIGTERM);
    let (status, _, said) = demo.finish();
    assert_eq!(status.signal(), Some(libc::SIGTERM));
    assert_eq!(said, "");
    assert_eq!(left_behind(&names), Vec::<String>::new());
    assert!(!sb.folder().join("run").exists());
}

#[test]
fn its_processes_are_out_of_reach_of_the_terminal() {
    let sb = Sandbox::new();
    let leader = |command: &mut Command| {
        command.process_group(0);
    };
    let mut demo = sb.ipc(["demo"]).with(leader).start();
    let names = format!("demo-{}", demo.pid());
    while !demo.line().contains("sem create door") {}
    // As ^C does: the signal reaches all of the group.
    // SAFETY: the child is not reaped yet, so the group is its own.
    assert_eq!(unsafe { libc::kill(-demo.pid(), libc::SIGINT) }, 0);
    let (status, printed, said) = demo.finish();
    assert_eq!(status.signal(), Some(libc::SIGINT), "{said}");
    assert_eq!(said, "");
    assert!(printed.contains("never more than 3"), "{printed}");
    assert_eq!(left_behind(&names), Vec::<String>::new());
}

#[test]
fn what_a_killed_one_leaves_the_next_one_removes() {
    let sb = Sandbox::new();
    let mut demo = sb.ipc(["demo"]).start();
    let names = format!("demo-{}-", demo.pid());
    while !demo.line().contains("sem create door") {}
    demo.signal(libc::SIGKILL);
    assert_eq!(demo.wait().signal(), Some(libc::SIGKILL));
    let outcome = sb.ipc(["demo", "--json"]).run();
    outcome.ok();
    assert_eq!(left_behind(&names), Vec::<String>::new());
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_without_a_word() {
    let sb = Sandbox::new();
    let mut demo = sb.ipc(["demo"]).start();
    let names = format!("demo-{}-", demo.pid());
    demo.line();
    demo.close_stdout();
    let (status, _, said) = demo.finish();
    assert_eq!((status.signal(), said.as_str()), (Some(libc::SIGPIPE), ""));
    assert_eq!(left_behind(&names), Vec::<String>::new());
    sb.sh("trap '' PIPE; ipc demo | head -n 1 >/dev/null")
        .run()
        .code(0)
        .stderr("ipc: demo: standard output: its reader is gone (EPIPE)\n");
    sb.sh("exec ipc demo > /dev/full")
        .run()
        .code(6)
        .stderr("ipc: demo: standard output: no space left (ENOSPC)\n");
}

#[test]
fn its_outcome_is_json_too() {
    let sb = Sandbox::new();
    let outcome = sb.ipc(["demo", "--json"]).run();
    outcome.ok();
    let lines: Vec<serde_json::Value> = outcome
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 12);
    assert!(lines.iter().all(|line| line["ok"] == true));
}

fn left_behind(names: &str) -> Vec<String> {
    let entries = std::fs::read_dir("/dev/shm").unwrap();
    let files = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    files.filter(|file| file.contains(names)).collect()
}
