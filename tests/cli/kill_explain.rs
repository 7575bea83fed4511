//! `ipc kill --dry-run` and `--explain`: what is shown and not done.

use serde_json::json;

use crate::kill::start_of;
use crate::sandbox::{Sandbox, has};
use crate::shell::{Shell, someone};

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
    sb.ipc(["-q", "shm", "create", "gone", "--size", "4K"])
        .run()
        .ok();
    let socket = sb.folder().join("s");
    let unlinked = sb.folder().join("unlinked");
    let script = format!(
        "import socket, sys, time\nheld = open('{}', 'rb'), open('{}', 'rb')\n\
        all = [socket.socket(socket.AF_UNIX) for _ in range(3)]\n\
        for s, name in zip(all, ['{}', '{}', '\\0{}']):\n    s.bind(name)\n    s.listen()\n\
        print('ready', flush=True)\nsys.stdin.read()",
        sb.shm_file("lonely").display(),
        sb.shm_file("gone").display(),
        socket.display(),
        unlinked.display(),
        sb.full("abstract"),
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
    sb.ipc(["-q", "shm", "rm", "gone"]).run().ok();
    std::fs::remove_file(&unlinked).unwrap();
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
            "leaves stale sock {} used by {}",
            socket.display(),
            holder.pid()
        ),
        format!(
            "frees sock @{} used by {}",
            sb.full("abstract"),
            holder.pid()
        ),
        format!(
            "frees removed shm /{} used by {}",
            sb.full("gone"),
            holder.pid()
        ),
        format!(
            "frees removed sock {} used by {}",
            unlinked.display(),
            holder.pid()
        ),
    ] {
        assert!(text.contains(&part), "{part}\n{text}");
    }
    let document = sb.ipc(["--json", "kill", "--explain", &pid]).run().json();
    assert_eq!(document["effects"]["freed"][0]["waiters"][0], waiter.pid());
    assert_eq!(document["effects"]["children"][0]["pid"], child);
    // What ends nothing frees nothing.
    let document = sb.ipc(["--json", "kill", "--explain", "-CONT", &pid]).run();
    assert_eq!(document.ok().json()["effects"]["freed"], json!([]));
    assert_eq!(document.json()["effects"]["children"], json!([]));
    parent.ask(&format!("kill -9 {child}"));
    parent.end();
    drop((waiter, input));
    let _ = holder.finish();
}

#[test]
fn who_would_be_spared_is_shown_and_how_to_include_it() {
    let sb = Sandbox::new();
    // A name that nothing else on this host has, short enough for the kernel.
    let name = format!("ik{}", std::process::id());
    let program = sb.folder().join(&name);
    std::os::unix::fs::symlink("/bin/sh", &program).unwrap();
    let script = format!(
        "mkfifo up hold; \"$0\" -c 'echo up >up; read line <hold' & child=$!; read line <up; \
        ipc kill --dry-run name:{name} >plan; sed \"s/:[0-9]* .*//; s/  .*//; \
        s/pid:$child\\$/pid:child/; s/spare $$,/spare parent,/\" plan; \
        ipc kill name:{name}; echo $?; wait $child; echo $?; ipc kill name:{name}; echo $?"
    );
    let words = ["-c", &script, program.to_str().unwrap()];
    let outcome = sb.program(&program, words).run();
    outcome.code(0).stdout(
        "would send TERM to pid:child\n\
        would spare parent, which is an ancestor of this process\n0\n143\n1\n",
    );
    outcome.stderr_has("hint: --force signals what was spared too");
    outcome.stderr_has("is an ancestor of this process, and was spared");
    outcome.stderr_has("is an ancestor of this process, and is spared");
}

#[test]
fn what_would_follow_is_shown() {
    let sb = Sandbox::new();
    let someone = someone(&sb);
    let pid = someone.pid_text();
    let words = ["kill", "--dry-run", "--then", "HUP", "--after", "250ms"];
    let more = ["--then", "KILL", "--after", "10", "--wait", "5s", &pid];
    let shown = sb.ipc([&words[..], &more].concat()).run();
    shown.ok().stdout(&format!(
        "would send TERM to pid:{pid}:{}  cat\n\
        would send HUP to what is still there 250ms later\n\
        would send KILL to what is still there 10s later\n\
        would wait 5s at most for all to end\n",
        start_of(someone.pid())
    ));
    let json = [&["--json"], &words[..], &more].concat();
    let document = sb.ipc(json).run().json();
    let then = json!([{"signal": "HUP", "after": 0.25}, {"signal": "KILL", "after": 10.0}]);
    assert_eq!(document["then"], then);
    assert_eq!(document["wait"], 5.0);
    let document = sb.ipc(["--json", "kill", "-0", &pid]).run().json();
    assert_eq!(
        (&document["then"], &document["wait"]),
        (&json!([]), &json!(null))
    );
    someone.end();
}
