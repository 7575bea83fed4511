//! `ipc demo`.

use std::os::unix::process::ExitStatusExt;

use crate::sandbox::Sandbox;

#[test]
fn every_scene_comes_out_right_and_leaves_nothing() {
    let sb = Sandbox::new();
    let demo = sb.ipc(["demo"]).start();
    let names = format!("demo-{}", demo.pid());
    let (status, printed, said) = demo.finish();
    assert!(status.success(), "{printed}{said}");
    assert_eq!(printed.matches("  right\n").count(), 8, "{printed}");
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
    let (status, ..) = demo.finish();
    assert_eq!(status.signal(), Some(libc::SIGTERM));
    assert_eq!(left_behind(&names), Vec::<String>::new());
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
    assert_eq!(lines.len(), 8);
    assert!(lines.iter().all(|line| line["ok"] == true));
}

fn left_behind(names: &str) -> Vec<String> {
    let entries = std::fs::read_dir("/dev/shm").unwrap();
    let files = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    files.filter(|file| file.contains(names)).collect()
}
