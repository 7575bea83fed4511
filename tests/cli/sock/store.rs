//! Descriptors that outlive the shell which opened them.

use crate::sandbox::{Sandbox, file, has, is_root, skip, until};

use super::{file_of, left};

/// The process that holds a store.
pub(super) fn holder(sb: &Sandbox, name: &str) -> i32 {
    let seen = sb.ipc(["sock", "stat", name, "--json"]).run();
    let pids = seen.ok().json()["objects"][0]["pids"].clone();
    pids[0].as_i64().unwrap() as i32
}

#[track_caller]
pub(super) fn is_gone(sb: &Sandbox, pid: i32) {
    until("the holder to end", || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.is_empty() || stat.contains(") Z ")
    });
    assert!(left(sb).is_empty(), "{:?}", left(sb));
}

#[test]
fn a_store_starts_when_needed_and_ends_when_it_is_empty() {
    let sb = Sandbox::new();
    file(&sb, "data", b"one two three");
    // Half read by one shell, read on by another: it is the same open file.
    sb.sh("exec 3< data 4< /dev/zero
           dd bs=4 count=1 <&3 2> /dev/null; ipc sock store keep 3=data 4=out")
        .run()
        .ok()
        .stdout("one ");
    let pid = holder(&sb, "keep");
    sb.ipc(["sock", "fetch", "keep", "--list"])
        .run()
        .ok()
        .stdout("data\nout\n");
    sb.ipc([
        "sock", "fetch", "keep", "data", "--place", "0=data", "--exec", "--", "cat",
    ])
    .run()
    .ok()
    .stdout("two three");
    sb.ipc(["sock", "fetch", "keep", "--list", "--json"])
        .run()
        .ok()
        .stdout("{\"name\":\"/keep\",\"labels\":[\"out\"]}\n");
    sb.ipc(["-q", "sock", "fetch", "keep"]).run().code(0);
    is_gone(&sb, pid);
    sb.ipc(["sock", "fetch", "keep"])
        .run()
        .code(3)
        .stderr("ipc: sock fetch: /keep: there is no such store (ENOENT)\nhint: ipc sock store NAME FD=LABEL starts one\n");
}

#[test]
fn the_holder_keeps_nothing_of_the_shell_but_what_was_stored() {
    let sb = Sandbox::new();
    // The pipes of this test end with the verb, or it would wait here for ever.
    sb.sh("exec 3< /dev/null 4< /dev/zero; ipc sock store keep 3=null")
        .run()
        .ok();
    let pid = holder(&sb, "keep");
    let own =
        [file_of(&sb, "keep"), "anon_inode:inotify".into()].map(|own| own.display().to_string());
    let mut targets: Vec<String> = std::fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .map(|entry| std::fs::read_link(entry.unwrap().path()).unwrap())
        .map(|target| target.to_string_lossy().into_owned())
        .filter(|target| !target.starts_with("socket:") && !own.contains(target))
        .collect();
    targets.sort();
    assert_eq!(targets, ["/dev/null"; 4]);
    let cwd = std::fs::read_link(format!("/proc/{pid}/cwd")).unwrap();
    assert_eq!(cwd, std::path::Path::new("/"));
    sb.ipc(["sock", "fetch", "keep", "--exec", "--", "true"])
        .run()
        .ok();
    is_gone(&sb, pid);
}

#[test]
fn a_copy_stays_with_keep_and_labels_are_unique() {
    let sb = Sandbox::new();
    sb.sh("ipc sock store keep 0=in").run().ok();
    let pid = holder(&sb, "keep");
    for _ in 0..3 {
        sb.ipc([
            "sock",
            "fetch",
            "keep",
            "in",
            "--keep",
            "--exec",
            "--",
            "sh",
            "-c",
            "echo $LISTEN_FDS",
        ])
        .run()
        .ok()
        .stdout("1\n");
    }
    sb.ipc(["sock", "store", "keep", "0=new", "0=in"])
        .run()
        .code(4)
        .stderr("ipc: sock store: /keep: there is a descriptor labelled in already\n");
    sb.ipc(["sock", "fetch", "keep", "new"])
        .run()
        .code(3)
        .stderr("ipc: sock fetch: /keep: there is no descriptor labelled new\n");
    sb.ipc(["sock", "fetch", "keep", "new", "--exec", "--", "true"])
        .run()
        .code(125);
    sb.ipc(["sock", "fetch", "keep", "in", "--exec", "--", "true"])
        .run()
        .ok();
    is_gone(&sb, pid);
}

#[test]
fn many_shells_store_at_once_and_find_one_holder() {
    let sb = Sandbox::new();
    sb.sh("for i in 1 2 3 4 5 6 7 8 9 10 11 12; do ipc sock store keep 0=n$i -t 30s & done; wait")
        .run()
        .ok();
    let pid = holder(&sb, "keep");
    let listed = sb.ipc(["sock", "fetch", "keep", "--list"]).run();
    assert_eq!(
        String::from_utf8_lossy(&listed.ok().stdout).lines().count(),
        12
    );
    sb.sh("for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
               ipc sock fetch keep n$i -t 30s --exec -- true & done; wait")
        .run()
        .ok();
    is_gone(&sb, pid);
}

#[test]
fn nothing_leaves_the_store_for_one_whose_table_is_full() {
    let sb = Sandbox::new();
    let script = "i=10; words=; while [ $i -lt 60 ]; do
            eval \"exec $i< /dev/null\"; words=\"$words $i\"; i=$((i+1)); done
        ipc sock store keep $words";
    sb.program("bash", ["-c", script]).run().ok();
    let pid = holder(&sb, "keep");
    sb.sh("ulimit -n 30; ipc sock fetch keep")
        .run()
        .code(6)
        .stderr_has("RLIMIT_NOFILE");
    let listed = sb.ipc(["sock", "fetch", "keep", "--list"]).run();
    assert_eq!(
        String::from_utf8_lossy(&listed.ok().stdout).lines().count(),
        50
    );
    sb.ipc([
        "sock",
        "fetch",
        "keep",
        "--exec",
        "--",
        "sh",
        "-c",
        "[ $LISTEN_FDS = 50 ]",
    ])
    .run()
    .ok();
    is_gone(&sb, pid);
}

#[test]
fn nothing_leaves_the_store_for_one_who_cannot_use_it() {
    let sb = Sandbox::new();
    sb.sh("printf '#!/is/not/there\\n' > script; chmod +x script; ipc sock store keep 0=log")
        .run()
        .ok();
    let pid = holder(&sb, "keep");
    for (words, code, why) in [
        (
            "log --place 1=lgo --exec -- cat",
            125,
            "no descriptor labelled 'lgo'",
        ),
        (
            "--place 1=lgo --exec -- cat",
            125,
            "no descriptor labelled 'lgo'",
        ),
        ("log --place 3=log --exec -- cat", 125, "number 3 is taken"),
        ("--exec -- is-not-there", 127, "command not found"),
        ("--exec -- ./script", 127, "command not found"),
        ("--exec", 125, "--exec needs a command"),
        ("--place 900000000=log --exec -- cat", 125, "RLIMIT_NOFILE"),
        ("> /dev/full", 6, "no space left"),
        ("> out", 6, "standard output"),
        (">&-", 6, "is closed"),
    ] {
        let limit = if words == "> out" {
            "trap '' XFSZ; ulimit -f 0;"
        } else {
            ""
        };
        let fetch = format!("{limit} ipc sock fetch keep -t 30s {words}");
        sb.sh(&fetch).run().code(code).stderr_has(why);
        sb.ipc(["sock", "fetch", "keep", "--list"])
            .run()
            .ok()
            .stdout("log\n");
    }
    sb.ipc(["sock", "fetch", "keep", "--exec", "--", "true"])
        .run()
        .ok();
    is_gone(&sb, pid);
}

#[test]
fn a_killed_holder_is_seen_as_gone_and_replaced() {
    let sb = Sandbox::new();
    sb.sh("ipc sock store keep 0=old").run().ok();
    let pid = holder(&sb, "keep");
    // SAFETY: a plain system call; the process is one that this test started.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGKILL) }, 0);
    until("the socket to be stale", || {
        let seen = sb.ipc(["sock", "stat", "keep", "--json"]).run();
        seen.ok().json()["objects"][0]["status"] == "stale"
    });
    assert!(file_of(&sb, "keep").exists());
    for words in [&["fetch", "keep"][..], &["fetch", "keep", "--list"]] {
        sb.ipc(["sock"].iter().chain(words))
            .run()
            .code(3)
            .stderr_has("there is no such store");
    }
    let listed = sb
        .ipc(["sock", "ls", "--columns", "name,status", "--no-headings"])
        .run();
    listed.ok().stdout("/keep  stale\n");
    sb.sh("ipc sock store keep 0=new").run().ok();
    let pid = holder(&sb, "keep");
    sb.ipc(["sock", "fetch", "keep", "--list"])
        .run()
        .ok()
        .stdout("new\n");
    sb.ipc(["sock", "fetch", "keep", "--exec", "--", "true"])
        .run()
        .ok();
    is_gone(&sb, pid);
}

#[test]
fn another_user_does_not_get_at_it() {
    if !is_root() {
        return skip("only root can start a process of another user");
    }
    let sb = Sandbox::new();
    sb.sh("ipc sock store @keep 0=in").run().ok();
    // Not the process that started it, which is gone.
    let pid = holder(&sb, "@keep");
    for verb in [
        &["fetch", "@keep"][..],
        &["fetch", "@keep", "--list"],
        &["store", "@keep", "0=x"],
    ] {
        let refused = sb.ipc_as_nobody(["sock"].iter().chain(verb)).run();
        refused
            .code(5)
            .stderr_has(&format!("process {pid} of user 0 is refused"))
            .stderr_has("this is for one user alone")
            .stderr_has("hint: give another NAME");
        // No option of these verbs lets anybody in.
        assert!(!refused.to_string().contains("--allow-uid"), "{refused}");
    }
    sb.ipc(["sock", "fetch", "@keep", "--exec", "--", "true"])
        .run()
        .ok();
}

#[test]
fn not_to_wait_is_about_a_holder_that_does_not_answer() {
    let sb = Sandbox::new();
    sb.sh("ipc sock store keep 0=in --try").run().ok();
    let pid = holder(&sb, "keep");
    let list = ["sock", "fetch", "keep", "--list", "--try"];
    sb.ipc(list).run().ok().stdout("in\n");
    // SAFETY: a plain system call; the process is one that this test started.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGSTOP) }, 0);
    until("the holder to stop", || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
        stat.unwrap_or_default().contains(") T ")
    });
    sb.ipc(list).run().code(1).stderr("");
    // SAFETY: as above.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGCONT) }, 0);
    sb.ipc(["sock", "fetch", "keep", "--try", "--exec", "--", "true"])
        .run()
        .ok();
    is_gone(&sb, pid);
}

/// One that connects, says what it is told to say, and then nothing, until its
/// input ends.
const STUCK: &str = "import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); s.settimeout(30); s.connect('./keep')
if sys.argv[1]:
    s.send(sys.argv[1].encode())
    while s.recv(1 << 16) != b'.': pass
print('stuck', flush=True)
if sys.argv[2:]:
    print(s.recv(1 << 16), flush=True)
sys.stdin.read()
";

#[test]
fn guests_that_are_stuck_keep_nobody_waiting() {
    if !has("python3") {
        return;
    }
    let sb = Sandbox::new();
    sb.sh("ipc sock store ./keep 0=a 0=b").run().ok();
    // Silent ones, one with a copy, and one that is about to take.
    let stuck: Vec<_> = ["", "", "", "Ca\n", "Ta\n"]
        .into_iter()
        .map(|word| {
            let python = sb.program("python3", ["-c", STUCK, word]);
            let (mut process, input) = python.start_with_input();
            assert_eq!(process.line(), "stuck");
            (process, input)
        })
        .collect();
    let fetch = ["sock", "fetch", "./keep"];
    sb.ipc(fetch.iter().chain(&["--list", "--try"]))
        .run()
        .ok()
        .stdout("a\nb\n");
    sb.sh("ipc sock store ./keep 0=c --try").run().ok();
    for words in [&["a", "--keep"][..], &["b"], &["c"]] {
        let command = ["--try", "--exec", "--", "true"];
        sb.ipc(fetch.iter().chain(words).chain(&command)).run().ok();
    }
    sb.ipc(fetch.iter().chain(&["--list"]))
        .run()
        .ok()
        .stdout("a\n");
    // What is about to be taken is for one alone; it never was, so it is there.
    sb.ipc(fetch.iter().chain(&["a", "--try"])).run().code(1);
    let next = ["a", "-t", "30s", "--exec", "--", "echo", "taken"];
    let mut next = sb.ipc(fetch.iter().chain(&next)).start();
    next.blocked();
    drop(stuck);
    assert_eq!(next.line(), "taken");
    assert_eq!(next.finish().0.code(), Some(0));
    sb.ipc(fetch.iter().chain(&["--list", "-t", "30s"]))
        .run()
        .code(3);
}

#[test]
fn one_who_asks_nothing_is_turned_out() {
    if !has("python3") {
        return;
    }
    let sb = Sandbox::new();
    sb.sh("ipc sock store ./keep 0=a").run().ok();
    let (mut silent, _input) = sb
        .program("python3", ["-c", STUCK, "", "and waits"])
        .start_with_input();
    assert_eq!(
        (silent.line(), silent.line()),
        ("stuck".into(), "b''".into())
    );
    sb.ipc(["sock", "fetch", "./keep", "--exec", "--", "true"])
        .run()
        .ok();
}
