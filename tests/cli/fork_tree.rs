//! `ipc fork-tree`: a tree of real processes, and nothing left of it.

use std::collections::BTreeSet;
use std::os::unix::process::{CommandExt, ExitStatusExt};

use serde_json::Value;

use crate::sandbox::{Running, Sandbox, has, is_root, skip, until};
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

fn numbers(list: &Value, key: &str) -> Vec<i64> {
    let nodes = list["nodes"].as_array().unwrap();
    nodes
        .iter()
        .map(|node| node[key].as_i64().unwrap())
        .collect()
}

/// A tree that has been built and lives on.
fn held(sb: &Sandbox, words: &[&str]) -> (Running, Value) {
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

#[track_caller]
fn nothing_is_left(sb: &Sandbox) {
    until("the tree to be gone", || below(sb).is_empty());
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
fn however_ipc_ends_nothing_of_a_thousand_is_left() {
    let sb = Sandbox::new();
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGKILL] {
        let (running, built) = held(&sb, &["--depth", "3", "--fanout", "10", "--orphans", "10"]);
        assert_eq!(numbers(&built, "pid").len(), 1111);
        running.signal(signal);
        let (status, ..) = running.finish();
        assert_eq!(status.signal(), Some(signal));
        if signal == libc::SIGKILL {
            // The kernel does it then, one generation after the other.
            nothing_is_left(&sb);
        } else {
            assert_eq!(below(&sb), Vec::<i32>::new());
        }
    }
}

#[test]
fn what_a_command_started_goes_with_the_tree_and_a_daemon_too() {
    let sb = Sandbox::new();
    // Handed over to nobody, in a session of its own, deaf to what asks.
    let daemon = "trap '' TERM INT HUP; setsid sh -c 'sleep 600 & echo up; exec sleep 600' & wait";
    let mut running = sb
        .ipc(["fork-tree", "--depth", "0", "--", "sh", "-c", daemon])
        .start();
    running.line();
    assert_eq!(running.line(), "up");
    running.signal(libc::SIGTERM);
    let (status, ..) = running.finish();
    assert_eq!(status.signal(), Some(libc::SIGTERM));
    assert_eq!(below(&sb), Vec::<i32>::new());
}

#[test]
fn a_tree_that_finds_no_room_is_an_error_and_leaves_nothing() {
    let sb = Sandbox::new();
    if !is_root() {
        return skip("the limit of a user is reached by its other processes too");
    }
    if !has("setpriv") {
        return;
    }
    // The limit does not hold for root: another user, known to nobody else.
    let script = "chmod 755 . && exec setpriv --reuid 54321 --regid 54321 --clear-groups \
                  ipc fork-tree --depth 1 --fanout 100 --hold 10m";
    let few = libc::rlimit {
        rlim_cur: 20,
        rlim_max: 20,
    };
    let limited = move || {
        // SAFETY: a plain system call on a structure that outlives it.
        unsafe { libc::setrlimit(libc::RLIMIT_NPROC, &few) };
        Ok(())
    };
    // SAFETY: the closure makes one system call and allocates nothing.
    let refused = sb.sh(script).with(|command| unsafe {
        command.pre_exec(limited);
    });
    let refused = refused.run();
    if matches!(refused.status.code(), Some(126 | 127)) {
        return skip("another user cannot run the binary where it lies");
    }
    refused
        .code(6)
        .stdout("")
        .stderr_has("may have 20 (RLIMIT_NPROC)")
        .stderr_has("EAGAIN");
    assert_eq!(below(&sb), Vec::<i32>::new());
}

#[test]
fn the_reader_of_the_tree_may_be_gone() {
    let sb = Sandbox::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let tree = sb.ipc(["fork-tree", "--hold", "10m"]).command();
    let mut tree = { tree }.stdout(writer).spawn().unwrap();
    let status = tree.wait().unwrap();
    // As any filter ends whose reader has seen enough.
    assert_eq!(status.signal(), Some(libc::SIGPIPE));
    assert_eq!(below(&sb), Vec::<i32>::new());
}

/// A tree in which each node has left a daemon and a child of the shell that
/// runs it still; ready when all of them are up.
fn littering(sb: &Sandbox) -> (Running, Value) {
    let script =
        "sh -c 'echo up; exec sleep 600' & (setsid sh -c 'echo up; exec sleep 600' &); wait";
    let words = [
        "fork-tree",
        "--json",
        "--shape",
        "a(b(c),d)",
        "--",
        "sh",
        "-c",
        script,
    ];
    let mut running = sb.ipc(words).start();
    let built = serde_json::from_str(&running.line()).unwrap();
    for _ in 0..8 {
        assert_eq!(running.line(), "up");
    }
    (running, built)
}

/// How many processes say in their environment that they belong to a node.
fn of_node(sb: &Sandbox, index: usize) -> usize {
    let mark = format!("IPC_TREE_INDEX={index}\0").into_bytes();
    let is_its = |pid: &i32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.windows(mark.len()).any(|part| part == mark)
    };
    below(sb).iter().filter(|pid| is_its(pid)).count()
}

#[test]
fn a_killed_node_takes_along_what_the_commands_below_it_started() {
    let sb = Sandbox::new();
    let (running, built) = littering(&sb);
    let pids = numbers(&built, "pid");
    kill(pids[1], libc::SIGKILL);
    until("b and c to be gone with all", || {
        of_node(&sb, 1) + of_node(&sb, 2) == 0
    });
    // A shell and what it has started: nobody has asked those to go.
    assert_eq!([of_node(&sb, 0), of_node(&sb, 3)], [3, 3]);
    kill(pids[0], libc::SIGKILL);
    let (status, said, _) = running.finish();
    assert_eq!(status.signal(), Some(libc::SIGKILL), "{said}");
    assert_eq!(below(&sb), Vec::<i32>::new());
}

#[test]
fn a_node_that_is_killed_after_its_command_has_failed_and_takes_what_that_left() {
    let sb = Sandbox::new();
    let script = "setsid sh -c 'echo up; exec sleep 600' & exit 0";
    let words = [
        "fork-tree",
        "--json",
        "--shape",
        "a(b)",
        "--hold",
        "10m",
        "--",
        "sh",
        "-c",
        script,
    ];
    let mut running = sb.ipc(words).start();
    let built: Value = serde_json::from_str(&running.line()).unwrap();
    let pids = numbers(&built, "pid");
    for _ in 0..2 {
        assert_eq!(running.line(), "up");
    }
    until("the commands to end", || {
        [of_node(&sb, 0), of_node(&sb, 1)] == [1, 1]
    });
    // The root has no reason yet to look after its child.
    kill(pids[1], libc::SIGTERM);
    until("what b left to be gone", || of_node(&sb, 1) == 0);
    assert_eq!(of_node(&sb, 0), 1);
    kill(pids[0], libc::SIGTERM);
    let (status, ..) = running.finish();
    assert_eq!(status.signal(), Some(libc::SIGTERM));
    assert_eq!(below(&sb), Vec::<i32>::new());
}

#[test]
fn what_the_commands_started_is_gone_when_ipc_is_ended() {
    let sb = Sandbox::new();
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT] {
        let (running, _) = littering(&sb);
        running.signal(signal);
        let (status, ..) = running.finish();
        assert_eq!(status.signal(), Some(signal));
        assert_eq!(below(&sb), Vec::<i32>::new());
    }
}

fn kill(pid: i64, signal: i32) {
    // SAFETY: a node of a tree of this test, whose parent has not reaped it.
    assert_eq!(unsafe { libc::kill(pid as i32, signal) }, 0);
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
