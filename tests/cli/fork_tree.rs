//! `ipc fork-tree`: a tree of real processes, and nothing left of it.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;

use serde_json::Value;

use crate::sandbox::{Running, Sandbox};
use crate::shell::below;

/// The two documents of a run.
fn documents(stdout: &[u8]) -> [Value; 2] {
    let lines = stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    let documents: Vec<Value> = lines
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    documents.try_into().unwrap()
}

pub fn numbers(list: &Value, key: &str) -> Vec<i64> {
    let nodes = list["nodes"].as_array().unwrap();
    nodes
        .iter()
        .map(|node| node[key].as_i64().unwrap())
        .collect()
}

/// A tree that has been built and lives on.
pub fn held(sb: &Sandbox, words: &[&str]) -> (Running, Value) {
    let mut running = sb
        .ipc([&["fork-tree", "--json", "--hold", "10m"], words].concat())
        .start();
    let built = serde_json::from_str(&running.line()).unwrap();
    (running, built)
}

/// The parent and the state of a process.
fn stat(pid: i64) -> (i64, char) {
    let line = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let rest = line.rsplit(") ").next().unwrap();
    let mut words = rest.split(' ');
    let state = words.next().unwrap().chars().next().unwrap();
    (words.next().unwrap().parse().unwrap(), state)
}

#[test]
fn every_node_is_a_process_whose_parent_is_the_node_above() {
    let sb = Sandbox::new();
    let (running, built) = held(&sb, &["--shape", "a(b,c(d))"]);
    let nodes = built["nodes"].as_array().unwrap();
    let paths: Vec<&str> = nodes
        .iter()
        .map(|node| node["path"].as_str().unwrap())
        .collect();
    assert_eq!(paths, ["a", "a/b", "a/c", "a/c/d"]);
    let pids = numbers(&built, "pid");
    for (index, node) in nodes.iter().enumerate() {
        let parent = match node["parent"].as_u64() {
            Some(parent) => pids[parent as usize],
            None => i64::from(running.pid()),
        };
        assert_eq!(stat(pids[index]).0, parent, "{node}");
        assert_eq!(node["index"], index);
    }
    assert_eq!(numbers(&built, "depth"), [0, 1, 1, 2]);
    running.signal(libc::SIGTERM);
    let (status, ..) = running.finish();
    assert_eq!(status.signal(), Some(libc::SIGTERM));
    assert_eq!(below(&sb), Vec::<i32>::new());
}

#[test]
fn each_command_finds_its_place_in_the_environment() {
    let sb = Sandbox::new();
    let script =
        "echo $IPC_TREE_PATH $IPC_TREE_NAME $IPC_TREE_DEPTH $IPC_TREE_INDEX $IPC_TREE_NODES";
    let run = sb
        .ipc([
            "fork-tree",
            "--shape",
            "a(b,c(d))",
            "--dot",
            "--",
            "sh",
            "-c",
            script,
        ])
        .run();
    run.ok();
    let said = String::from_utf8(run.stdout).unwrap();
    let (graph, said) = said.split_once("}\n").unwrap();
    assert!(graph.starts_with("digraph tree {"), "{graph}");
    assert_eq!(graph.matches("->").count(), 3, "{graph}");
    let lines: BTreeSet<&str> = said.lines().collect();
    let expected = ["a a 0 0 4", "a/b b 1 1 4", "a/c c 1 2 4", "a/c/d d 2 3 4"];
    assert_eq!(lines, BTreeSet::from(expected));
}

#[test]
fn commands_start_when_the_tree_has_been_printed_and_the_text_shows_its_branches() {
    let sb = Sandbox::new();
    let run = sb
        .ipc([
            "fork-tree",
            "--depth",
            "1",
            "--",
            "sh",
            "-c",
            "echo it runs; [ $IPC_TREE_INDEX != 2 ]",
        ])
        .run();
    run.code(1).stderr("");
    let said = String::from_utf8(run.stdout).unwrap();
    let shown: Vec<&str> = said
        .lines()
        .map(|line| line.trim_end_matches(|c: char| c.is_ascii_digit() || c == ' '))
        .collect();
    assert_eq!(shown[..3], ["", "├─", "└─"]);
    assert_eq!(shown[3..6], ["it runs"; 3]);
    assert!(said.lines().nth(6).unwrap().starts_with("0/1 "), "{said}");
    assert!(said.ends_with(" ended with 1\n"), "{said}");
}

#[test]
fn the_ends_of_all_nodes_are_told_and_make_the_exit_code() {
    let sb = Sandbox::new();
    let run = |script: &str| {
        sb.ipc([
            "fork-tree",
            "--shape",
            "a(b,c(d))",
            "--json",
            "--",
            "sh",
            "-c",
            script,
        ])
        .run()
    };
    let mixed = run("exit $IPC_TREE_INDEX");
    mixed.code(8).stderr("");
    let [_, ended] = documents(&mixed.stdout);
    assert_eq!(numbers(&ended, "code"), [0, 1, 2, 3]);
    run("[ $IPC_TREE_INDEX = 0 ] || exit 77").code(77);
    run("[ $IPC_TREE_NAME != d ] || kill -9 $$").killed_by(9);
    let killed = run("[ $IPC_TREE_NAME != d ] || kill -36 $$");
    killed.killed_by(36);
    let [built, ended] = documents(&killed.stdout);
    assert_eq!(ended["nodes"][3]["signal"], 36);
    assert_eq!(ended["nodes"][3]["code"], Value::Null);
    assert_eq!(numbers(&built, "pid"), numbers(&ended, "pid"));
    sb.ipc(["fork-tree", "--", "no-such-command"])
        .run()
        .code(127)
        .stderr("ipc: fork-tree: no-such-command: command not found\n");
    sb.ipc(["fork-tree", "--", ""])
        .run()
        .code(127)
        .stderr("ipc: fork-tree: '': command not found\n");
    sb.ipc(["fork-tree", "--", "/"])
        .run()
        .code(126)
        .stderr_has("cannot be executed");
}

#[test]
fn what_is_wrong_before_a_command_starts_is_125_and_2_without_one() {
    let sb = Sandbox::new();
    for words in [
        &["--shape", "a("][..],
        &["--shape", "a(b,b)"],
        &["--depth", "1001", "--fanout", "1"],
        &["--depth", "9", "--fanout", "9"],
        &["--shape", "a", "--depth", "2"],
        &["--frob"],
    ] {
        let words = [&["fork-tree"], words].concat();
        sb.ipc(&words).run().code(2).stdout("");
        let with_command = [&words[..], &["--", "true"]].concat();
        sb.ipc(with_command).run().code(125).stdout("");
    }
}

#[test]
fn zombies_and_orphans_are_what_they_are_called() {
    let sb = Sandbox::new();
    let (running, built) = held(&sb, &["--depth", "0", "--zombies", "5", "--orphans", "3"]);
    let root = built["nodes"][0]["pid"].as_i64().unwrap();
    let list = |key: &str| -> Vec<i64> {
        let list = built[key].as_array().unwrap();
        list.iter().map(|pid| pid.as_i64().unwrap()).collect()
    };
    assert_eq!(list("zombies").len(), 5);
    for pid in list("zombies") {
        assert_eq!(stat(pid), (root, 'Z'));
    }
    assert_eq!(list("orphans").len(), 3);
    for pid in list("orphans") {
        assert_eq!(stat(pid).0, i64::from(running.pid()));
    }
    running.signal(libc::SIGINT);
    let (status, ..) = running.finish();
    assert_eq!(status.signal(), Some(libc::SIGINT));
    assert_eq!(below(&sb), Vec::<i32>::new());
}

#[test]
fn a_thousand_nodes_are_built_and_end() {
    let sb = Sandbox::new();
    for (shape, count) in [
        (&["--depth", "3", "--fanout", "10"][..], 1111),
        (&["--depth", "1", "--fanout", "1000"], 1001),
        (&["--depth", "100", "--fanout", "1"], 101),
    ] {
        let run = sb.ipc([&["fork-tree", "--json"], shape].concat()).run();
        run.ok();
        let [built, ended] = documents(&run.stdout);
        let pids: BTreeSet<i64> = numbers(&built, "pid").into_iter().collect();
        assert_eq!(pids.len(), count);
        assert!(numbers(&ended, "code").iter().all(|code| *code == 0));
    }
}

#[test]
fn a_shape_that_is_no_text_is_called_so() {
    use std::os::unix::ffi::OsStrExt;
    let sb = Sandbox::new();
    let shape = std::ffi::OsStr::from_bytes(b"a(b\xff)");
    let words = ["fork-tree".as_ref(), "--shape".as_ref(), shape];
    sb.ipc(words)
        .run()
        .code(2)
        .stdout("")
        .stderr_has("its names are UTF-8: a(b\\xff) is not");
}
