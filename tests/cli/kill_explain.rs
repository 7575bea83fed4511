//! `ipc kill --dry-run` and `--explain`: what is shown and not done.

use crate::kill::start_of;
use crate::sandbox::{Sandbox, has};
use crate::shell::Shell;

#[test]
fn what_is_shown_is_not_done() {
    let sb = Sandbox::new();
    let mut parent = Shell::new(&sb);
    parent.tell("sleep 600 & echo $!");
    let child: i32 = parent.line().parse().unwrap();
    let pid = parent.pid_text();
    let shown = sb.ipc(["kill", "--tree", "--dry-run", &pid]).run();
    let text = String::from_utf8(shown.ok().stdout.clone()).unwrap();
    let line = format!(
        "would send TERM to pid:{child}:{}  sleep 600\n",
        start_of(child)
    );
    assert!(text.contains(&line), "{shown}");
    assert!(
        text.contains(&format!("would send TERM to pid:{pid}:")),
        "{shown}"
    );
    let document = sb
        .ipc(["--json", "kill", "--tree", "--dry-run", &pid])
        .run()
        .json();
    assert_eq!(document["dry_run"], true);
    assert_eq!(
        document["targets"][0]["processes"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let (code, _) = parent.ask(&format!("kill -0 {child}; kill -9 {child}"));
    assert_eq!(code, 0);
    parent.end();
}

#[test]
fn what_would_come_of_it_is_explained() {
    let sb = Sandbox::new();
    if !has("python3") {
        return;
    }
    sb.ipc(["-q", "shm", "create", "lonely", "--size", "4K"])
        .run()
        .ok();
    let socket = sb.folder().join("s");
    let script = format!(
        "import socket, sys, time\nheld = open('{}', 'rb')\n\
        s = socket.socket(socket.AF_UNIX)\ns.bind('{}')\ns.listen()\n\
        print('ready', flush=True)\nsys.stdin.read()",
        sb.shm_file("lonely").display(),
        socket.display(),
    );
    let program = crate::sandbox::file(&sb, "holder.py", script.as_bytes());
    let mut parent = Shell::new(&sb);
    parent.tell("trap '' TERM");
    parent.tell("exec 9<&0; sleep 600 & child=$!; echo $child");
    let child: i32 = parent.line().parse().unwrap();
    parent.ask("ipc -q lock acquire deploy --owner $$");
    let (mut holder, input) = sb
        .program("python3", [program.to_str().unwrap()])
        .start_with_input();
    assert_eq!(holder.line(), "ready");
    let waiter = sb.ipc([
        "lock",
        "acquire",
        "deploy",
        "--owner",
        &holder.pid().to_string(),
    ]);
    let waiter = waiter.start();
    crate::shell::until_waiters(&sb, "deploy", 1);

    let explain = |words: &[&str]| {
        let outcome = sb.ipc([&["kill", "--explain"], words].concat()).run();
        String::from_utf8(outcome.code(0).stdout.clone()).unwrap()
    };
    let pid = parent.pid_text();
    let text = explain(&[&pid]);
    let full = sb.full("deploy");
    for part in [
        format!("TERM is ignored by {pid}"),
        format!(
            "frees lock /{full} held by {pid} (exclusive), released to {}",
            waiter.pid()
        ),
        format!("leaves child {child} of {pid} to another parent  sleep 600"),
    ] {
        assert!(text.contains(&part), "{part}\n{text}");
    }
    let text = explain(&[&holder.pid().to_string()]);
    for part in [
        format!(
            "orphans shm /{} used by {}",
            sb.full("lonely"),
            holder.pid()
        ),
        format!(
            "leaves stale socket {} used by {}",
            socket.display(),
            holder.pid()
        ),
    ] {
        assert!(text.contains(&part), "{part}\n{text}");
    }
    let document = sb.ipc(["--json", "kill", "--explain", &pid]).run().json();
    assert_eq!(document["effects"]["freed"][0]["waiters"][0], waiter.pid());
    assert_eq!(document["effects"]["children"][0]["pid"], child);
    parent.ask(&format!("kill -9 {child}"));
    parent.end();
    drop((waiter, input));
    let _ = holder.finish();
}
