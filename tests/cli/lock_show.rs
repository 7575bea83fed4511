//! `ipc lock`: what is shown, in words and as JSON, and creation by hand.

use serde_json::{Value, json};

use crate::sandbox::Sandbox;
use crate::shell::{someone, until_waiters};

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

fn answer(sb: &Sandbox, words: &[&str]) -> Value {
    let outcome = sb.ipc([&["lock"], words, &["--json"]].concat()).run();
    outcome.ok();
    outcome.json()
}

#[test]
fn every_verb_answers_in_json() {
    let sb = Sandbox::new();
    let this = std::process::id();
    assert_eq!(
        answer(&sb, &["create", "L"]),
        json!({ "kind": "lock", "name": "/L", "result": "created", "slots": null })
    );
    let acquired = answer(&sb, &["acquire", "L"]);
    let token = acquired["token"].as_u64().unwrap();
    assert_eq!(
        acquired,
        json!({ "name": "/L", "token": token, "owner": this, "index": 0,
            "recovered": false, "dead_owner": null })
    );
    assert_eq!(
        answer(&sb, &["status", "L", "--mine"]),
        json!({ "name": "/L", "owner": this, "mine": true, "token": token })
    );
    assert_eq!(
        answer(&sb, &["verify", "L", &token.to_string()]),
        json!({ "name": "/L", "token": token, "held": true })
    );
    let status = answer(&sb, &["status", "L"]);
    assert_eq!(
        keys(&status),
        ["name", "state", "slots", "holders", "waiters"]
    );
    assert_eq!(status["state"], "held");
    assert_eq!(
        keys(&status["holders"][0]),
        [
            "pid", "command", "mode", "run", "token", "since", "depth", "foreign"
        ]
    );
    assert_eq!(status["waiters"], json!([]));
    assert_eq!(
        answer(&sb, &["release", "L"]),
        json!({ "name": "/L", "owner": this, "released": true })
    );
    answer(&sb, &["acquire", "L"]);
    let broken = answer(&sb, &["break", "L"]);
    assert_eq!(
        (&broken["name"], &broken["broken"]),
        (&json!("/L"), &json!(1))
    );
    assert_eq!(broken["holders"][0]["pid"], this);
    for verb in ["stat", "ls"] {
        let shown = answer(&sb, &[verb, "L"]);
        let lock = &shown["objects"][0];
        assert_eq!(
            (&lock["kind"], &lock["name"]),
            (&json!("lock"), &json!("/L"))
        );
        assert_eq!(
            (&lock["state"], &lock["status"]),
            (&json!("abandoned"), &json!("ok"))
        );
        assert_eq!(lock["holders"], json!([]));
    }
    assert_eq!(
        answer(&sb, &["rm", "L"]),
        json!({ "name": "/L", "removed": true })
    );
    assert_eq!(answer(&sb, &["ls"]), json!({ "objects": [] }));
}

#[test]
fn an_answer_of_no_is_json_too() {
    let sb = Sandbox::new();
    sb.ipc(["-q", "lock", "create", "L"]).run().ok();
    for (words, part) in [
        (&["status", "L", "--mine"][..], "mine"),
        (&["verify", "L", "5"], "held"),
    ] {
        let outcome = sb.ipc([&["lock"], words, &["--json"]].concat()).run();
        outcome.code(1).stderr("");
        assert_eq!(outcome.json()[part], false);
    }
}

#[test]
fn status_names_holder_and_waiter() {
    let sb = Sandbox::new();
    let (holder, other) = (someone(&sb), someone(&sb));
    sb.ipc(["lock", "acquire", "L", "--owner", &holder.pid_text()])
        .run()
        .ok();
    let waiter = sb
        .ipc([
            "lock",
            "acquire",
            "L",
            "--owner",
            &other.pid_text(),
            "-t",
            "30s",
        ])
        .start();
    until_waiters(&sb, "L", 1);
    let shown = sb.ipc(["lock", "status", "L"]).run();
    let text = String::from_utf8(shown.stdout.clone()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "held");
    let held = format!("holder {} exclusive since ", holder.pid());
    assert!(
        lines[1].starts_with(&held) && lines[1].ends_with("  cat"),
        "{text}"
    );
    let waits = format!("waiter {}  ", waiter.pid());
    assert!(lines[2].starts_with(&waits), "{text}");
    assert!(lines[2].contains("lock acquire L"), "{text}");
}

#[test]
fn the_time_of_a_hold_is_the_time_of_day() {
    let sb = Sandbox::new();
    let now = || {
        let since = std::time::UNIX_EPOCH.elapsed().unwrap();
        since.as_secs_f64()
    };
    let before = now();
    sb.ipc(["lock", "acquire", "L"]).run().ok();
    let since = answer(&sb, &["status", "L"])["holders"][0]["since"].clone();
    let since = since.as_f64().unwrap();
    assert!(
        before - 1.0 <= since && since <= now() + 1.0,
        "{before} {since}"
    );
}

#[test]
fn the_state_of_a_lock_is_listed() {
    let sb = Sandbox::new();
    let dies = someone(&sb);
    sb.ipc(["lock", "acquire", "a-held"]).run().ok();
    sb.ipc(["lock", "acquire", "b-left", "--owner", &dies.pid_text()])
        .run()
        .ok();
    sb.ipc(["-q", "lock", "create", "c-free", "--slots", "4"])
        .run()
        .ok();
    dies.die();
    for verb in ["ls", "list"] {
        sb.ipc([
            "lock",
            verb,
            "--columns",
            "name,state,slots,holders",
            "--no-headings",
        ])
        .run()
        .ok()
        .stdout("/a-held  held       -  1\n/b-left  abandoned  -  0\n/c-free  free       4  0\n");
    }
}

#[test]
fn creation_has_the_rules_of_every_kind() {
    use std::os::unix::fs::MetadataExt;
    let sb = Sandbox::new();
    let create = |words: &[&str]| sb.ipc([&["lock", "create", "L"], words].concat()).run();
    create(&["--mode", "0640"]).code(0).stderr("created /L\n");
    let file = format!("/dev/shm/ipc.lock.{}", sb.full("L"));
    let inode = || std::fs::metadata(&file).unwrap().ino();
    assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o640);
    let first = inode();
    create(&[]).code(4).stderr_has("the lock exists already");
    create(&["--if-exists", "open"])
        .code(0)
        .stderr("opened /L\n");
    create(&["--if-exists", "open", "--slots", "3"]).code(4);
    assert_eq!(inode(), first);
    create(&["--if-exists", "replace", "--slots", "3"])
        .code(0)
        .stderr("replaced /L\n");
    assert_ne!(inode(), first);
    create(&["--if-exists", "open", "--slots", "3"]).code(0);
    create(&["--if-exists", "open"]).code(4);
}

#[test]
fn quiet_says_nothing_of_a_recovery() {
    let sb = Sandbox::new();
    let dies = someone(&sb);
    sb.ipc(["lock", "acquire", "L", "--owner", &dies.pid_text()])
        .run()
        .ok();
    dies.die();
    sb.ipc(["-q", "lock", "acquire", "L"]).run().ok();
}
