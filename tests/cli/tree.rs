//! `ipc tree`: the live tree, and what its processes have.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::sandbox::{Sandbox, has};
use crate::shell::Shell;
use crate::shm::create;

/// The processes below one, as `ipc tree --json` has them.
#[track_caller]
fn tree(sb: &Sandbox, pid: i32) -> Vec<Value> {
    let shown = sb.ipc(["tree", "--json", &pid.to_string()]).run();
    shown.ok();
    let document = shown.json();
    assert_eq!(document["pid"], pid);
    document["processes"].as_array().unwrap().clone()
}

/// The objects of one process: `shm:a open`.
fn objects(process: &Value) -> Vec<String> {
    let objects = process["objects"].as_array().unwrap().iter();
    let text = |one: &Value, key: &str| one[key].as_str().unwrap().to_owned();
    objects
        .map(|one| {
            let removed = if one["removed"] == true {
                " removed"
            } else {
                ""
            };
            let name = text(one, "name");
            format!(
                "{}:{} {}{removed}",
                text(one, "kind"),
                &name[1..],
                text(one, "how")
            )
        })
        .collect()
}

#[test]
fn it_shows_the_tree_that_was_built_with_its_zombies() {
    let sb = Sandbox::new();
    let mut built = sb
        .ipc([
            "fork-tree",
            "--json",
            "--shape",
            "a(b,c(d))",
            "--zombies",
            "3",
            "--hold",
            "10m",
        ])
        .start();
    let plan: Value = serde_json::from_str(&built.line()).unwrap();
    // The nodes go on from one sleep to the next when the tree has been printed.
    crate::sandbox::until("the nodes to sleep", || {
        let mut all = tree(&sb, built.pid()).into_iter();
        all.all(|one| one["state"] == "sleeping" || one["state"] == "zombie")
    });
    let shown = tree(&sb, built.pid());
    let depths: Vec<i64> = shown
        .iter()
        .map(|one| one["depth"].as_i64().unwrap())
        .collect();
    assert_eq!(shown.len(), 1 + 4 + 3);
    assert_eq!(depths.iter().filter(|depth| **depth == 2).count(), 2 + 3);
    for node in plan["nodes"].as_array().unwrap() {
        let found = shown.iter().find(|one| one["pid"] == node["pid"]).unwrap();
        assert_ne!(found["state"], "zombie");
        let parent = match node["parent"].as_u64() {
            Some(parent) => plan["nodes"][parent as usize]["pid"].clone(),
            None => built.pid().into(),
        };
        assert_eq!(found["ppid"], parent);
    }
    for (index, zombie) in plan["zombies"].as_array().unwrap().iter().enumerate() {
        let found = shown.iter().find(|one| one["pid"] == *zombie).unwrap();
        assert_eq!(found["state"], "zombie");
        assert_eq!(
            (found["exit_code"].as_u64(), &found["signal"]),
            (Some(index as u64 + 1), &Value::Null)
        );
    }
    let text = sb.ipc(["tree", &built.pid().to_string(), "--brief"]).run();
    text.ok();
    let text = String::from_utf8(text.stdout).unwrap();
    assert_eq!(text.lines().count(), 8, "{text}");
    assert!(text.contains("zombie ipc (ended with 3)"), "{text}");
    assert!(
        text.contains("   ├─ ") && text.contains("   │  └─ "),
        "{text}"
    );
    let graph = sb.ipc(["tree", &built.pid().to_string(), "--dot"]).run();
    graph.ok();
    let graph = String::from_utf8(graph.stdout).unwrap();
    assert_eq!(graph.matches("->").count(), 7, "{graph}");
    built.signal(libc::SIGTERM);
    built.wait();
}

#[test]
fn a_zombie_that_a_signal_ended_says_which() {
    let sb = Sandbox::new();
    let mut shell = Shell::new(&sb);
    // The shell becomes a program that knows nothing of its child.
    let ends = "until [ -e gate ]; do sleep 0.01; done; kill -36 $$";
    shell.tell(&format!("sh -c '{ends}' & exec sleep 600"));
    let pid = shell.pid();
    crate::sandbox::until("the shell to be another program", || {
        std::fs::read(format!("/proc/{pid}/comm")).is_ok_and(|name| name == b"sleep\n")
    });
    std::fs::write(sb.folder().join("gate"), "").unwrap();
    crate::sandbox::until("the zombie", || {
        tree(&sb, pid).iter().any(|one| one["state"] == "zombie")
    });
    let zombie = tree(&sb, pid)
        .into_iter()
        .find(|one| one["state"] == "zombie");
    assert_eq!(zombie.unwrap()["signal"], 36);
    shell.die();
}

#[test]
fn every_kind_of_object_is_found_in_the_process_that_has_it() {
    let sb = Sandbox::new();
    create(&sb, "open", "8");
    create(&sb, "gone", "8");
    sb.ipc(["-q", "value", "create", "count", "int64", "1"])
        .run()
        .ok();
    sb.ipc(["-q", "array", "create", "row", "int64", "3"])
        .run()
        .ok();
    sb.ipc(["-q", "sem", "create", "units", "0"]).run().ok();
    sb.queue("jobs");
    let mut shell = Shell::new(&sb);
    let folder = |name: &str| format!("/dev/shm/{}", sb.full(name));
    for (fd, name) in [(3, "open"), (4, "gone"), (5, "count"), (6, "row")] {
        assert_eq!(shell.ask(&format!("exec {fd}<{}", folder(name))).0, 0);
    }
    assert_eq!(shell.ask("ipc lock acquire L --owner $$ >token").0, 0);
    sb.ipc(["shm", "rm", "gone"]).run().ok();
    let mut own = objects(&tree(&sb, shell.pid())[0]);
    own.sort();
    assert_eq!(
        own,
        [
            "array:row open",
            "lock:L held",
            "shm:gone open removed",
            "shm:open open",
            "value:count open"
        ]
    );
    let text = sb.ipc(["tree", &shell.pid_text()]).run();
    text.ok();
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(
        text.contains("lock:L held") && text.contains("shm:gone open removed"),
        "{text}"
    );
    for (words, expected) in [
        (&["mq", "recv", "jobs", "-t", "30s"][..], "mq:jobs open"),
        (
            &["sem", "acquire", "units", "-t", "30s"],
            "sem:units mapped",
        ),
        (
            &["event", "wait", "ready", "-t", "30s"],
            "event:ready mapped",
        ),
    ] {
        let waiter = sb.ipc(words).start();
        waiter.blocked();
        assert_eq!(objects(&tree(&sb, waiter.pid())[0]), [expected]);
    }
}

#[test]
fn fifos_and_bound_sockets_are_found_by_name_and_by_path() {
    let sb = Sandbox::new();
    let mut shell = Shell::new(&sb);
    let fifo = crate::pipe::made(&sb, "jobs");
    let other = sb.folder().join("other fifo");
    let other = other.to_str().unwrap();
    sb.program("mkfifo", [other]).run().ok();
    for (fd, path) in [(3, fifo.to_str().unwrap()), (4, other)] {
        assert_eq!(shell.ask(&format!("exec {fd}<>'{path}'")).0, 0);
    }
    let mut own = objects(&tree(&sb, shell.pid())[0]);
    own.sort();
    let by_path = format!("pipe:{} open", &other[1..]);
    assert_eq!(own, ["pipe:jobs open".to_owned(), by_path]);
    let text = sb.ipc(["tree", &shell.pid_text()]).run();
    let text = String::from_utf8(text.ok().stdout.clone()).unwrap();
    assert!(text.contains(&format!("pipe:{other} open")), "{text}");
    assert!(text.contains("pipe:jobs open"), "{text}");

    let path = sb.folder().join("a socket");
    let path = path.to_str().unwrap();
    for (name, expected) in [
        ("chat", "sock:chat open".to_owned()),
        (path, format!("sock:{path} open")),
        ("@chat", "sock:@chat open".to_owned()),
    ] {
        let server = sb
            .ipc(["sock", "serve", name, "-t", "5m", "--", "cat"])
            .start();
        crate::sandbox::until(&expected, || {
            let shown = sb.ipc(["tree", &server.pid().to_string()]).run();
            let shown = String::from_utf8(shown.ok().stdout.clone()).unwrap();
            shown.contains(&format!("[{expected}]"))
        });
    }
}

#[test]
fn what_lies_in_the_runtime_folder_is_no_shared_memory() {
    let sb = Sandbox::new();
    // By default the folder lies there too.
    let runtime = tempfile::Builder::new()
        .prefix("ipct-")
        .permissions(std::fs::Permissions::from_mode(0o700))
        .tempdir_in("/dev/shm")
        .unwrap();
    let ipc = |words: &[&str]| {
        sb.ipc(words.iter().copied())
            .env("IPC_RUNTIME_DIR", runtime.path())
    };
    ipc(&["-q", "pipe", "create", "jobs"]).run().ok();
    let receiver = ipc(&["pipe", "recv", "jobs", "--follow", "-t", "5m"]).start();
    crate::sandbox::until("the receiver", || {
        let number = receiver.pid().to_string();
        let shown = ipc(&["tree", "--json", &number]).run().json();
        objects(&shown["processes"][0]) == ["pipe:jobs open"]
    });
}

#[test]
fn a_semaphore_of_the_c_library_is_found_by_its_inode() {
    let sb = Sandbox::new();
    if !has("cc") {
        return;
    }
    let source = format!(
        "#include <fcntl.h>\n#include <semaphore.h>\n#include <stdio.h>\n#include <unistd.h>\n\
         int main(void) {{ sem_t *s = sem_open(\"/{}\", O_CREAT, 0600, 1); if (s == SEM_FAILED) return 1;\n\
         puts(\"up\"); fflush(stdout); sem_wait(s); pause(); return 0; }}\n",
        sb.full("theirs")
    );
    let program = crate::sandbox::compiled_text(&sb, "holder", &source);
    let mut running = sb.program(&program, [] as [&str; 0]).start();
    assert_eq!(running.line(), "up");
    assert_eq!(objects(&tree(&sb, running.pid())[0]), ["sem:theirs mapped"]);
}

#[test]
fn without_a_number_it_is_the_tree_of_the_shell() {
    let sb = Sandbox::new();
    let run = sb.sh("echo $$; ipc tree --json --brief; true").run();
    run.ok();
    let said = String::from_utf8(run.stdout).unwrap();
    let (pid, document) = said.split_once('\n').unwrap();
    let document: Value = serde_json::from_str(document).unwrap();
    assert_eq!(document["pid"].to_string(), pid);
    // The one that shows it is not part of it.
    assert_eq!(document["processes"].as_array().unwrap().len(), 1);
}

#[test]
fn what_is_no_process_is_missing() {
    let sb = Sandbox::new();
    sb.ipc(["tree", "4194304"])
        .run()
        .code(3)
        .stdout("")
        .stderr_has("no such process");
    for word in ["0", "-1", "x", "+5", "007"] {
        sb.ipc(["tree", "--", word]).run().code(2).stdout("");
    }
}

#[test]
fn a_command_that_is_no_text_has_its_bytes_beside_it() {
    use std::os::unix::ffi::OsStrExt;
    let sb = Sandbox::new();
    let odd = std::ffi::OsStr::from_bytes(b"a\xff");
    let words = ["-c".as_ref(), "read line".as_ref(), odd];
    let (running, _stdin) = sb.program("sh", words).start_with_input();
    let pid = running.pid();
    let line = b"sh -c read line a\xff";
    let shown = tree(&sb, pid).remove(0);
    assert_eq!(shown["command"], "sh -c read line a\\xff");
    assert_eq!(shown["command_bytes"], serde_json::json!(line));
    let text = sb.ipc(["tree", &pid.to_string()]).run();
    text.ok();
    assert!(String::from_utf8_lossy(&text.stdout).contains(r"read line a\xff"));
    let number = pid.to_string();
    let signalled = sb.ipc(["--json", "kill", "--dry-run", &number]).run();
    let signalled = &signalled.json()["targets"][0]["processes"][0];
    let explained = sb
        .ipc(["--json", "signal", "explain", &number])
        .run()
        .json();
    for shown in [signalled, &explained] {
        assert_eq!(shown["command"], "sh -c read line a\\xff");
        assert_eq!(shown["command_bytes"], serde_json::json!(line));
    }
    // What is text has no bytes.
    let plain = tree(&sb, std::process::id() as i32).remove(0);
    assert!(plain.get("command_bytes").is_none(), "{plain}");
}
