//! `ipc sem`: `ls`, `stat`, `rm`, and the JSON of every verb.

use serde_json::{Value, json};

use crate::sandbox::Sandbox;
use crate::sem::{create, word};

/// The keys of a document, in their order.
#[track_caller]
fn keys(document: &Value) -> Vec<&str> {
    let object = document.as_object().expect("an object");
    object.keys().map(String::as_str).collect()
}

const OBJECT: [&str; 10] = [
    "kind", "name", "status", "value", "waiters", "mode", "uid", "gid", "device", "inode",
];

#[test]
fn json_of_create_says_how_it_came_by_the_object() {
    let sb = Sandbox::new();
    let new = |words: &[&str]| {
        let words = [&["sem", "create", "s", "3", "--json"], words].concat();
        sb.ipc(words).run().ok().json()
    };
    let made = new(&[]);
    assert_eq!(keys(&made), ["kind", "name", "result", "value"]);
    let expected = json!({"kind": "sem", "name": "/s", "result": "created", "value": 3});
    assert_eq!(made, expected);
    sb.ipc(["sem", "acquire", "s"]).run().ok();
    let opened = new(&["--if-exists", "open"]);
    assert_eq!(
        (&opened["result"], &opened["value"]),
        (&json!("opened"), &json!(2))
    );
    let replaced = new(&["--if-exists", "replace"]);
    assert_eq!(
        (&replaced["result"], &replaced["value"]),
        (&json!("replaced"), &json!(3))
    );
}

#[test]
fn json_of_acquire_release_and_value_says_the_value() {
    let sb = Sandbox::new();
    create(&sb, "s", 5);
    let answer = |words: &[&str]| sb.ipc(words).run().ok().json();
    let acquired = answer(&["sem", "acquire", "s", "-n", "2", "--json"]);
    assert_eq!(keys(&acquired), ["name", "acquired", "value"]);
    assert_eq!(acquired, json!({"name": "/s", "acquired": 2, "value": 3}));
    let released = answer(&["sem", "release", "s", "-n", "4", "--json"]);
    assert_eq!(keys(&released), ["name", "released", "value"]);
    assert_eq!(released, json!({"name": "/s", "released": 4, "value": 7}));
    let value = answer(&["sem", "value", "s", "--json"]);
    assert_eq!(keys(&value), ["name", "value"]);
    assert_eq!(value, json!({"name": "/s", "value": 7}));
}

#[test]
fn json_of_ls_and_stat_is_one_typed_document() {
    let sb = Sandbox::new();
    create(&sb, "b", 0);
    create(&sb, "a", 4);
    let list = sb.ipc(["sem", "ls", "--json"]).run().ok().json();
    let stat = sb
        .ipc(["sem", "stat", "a", "b", "--json"])
        .run()
        .ok()
        .json();
    assert_eq!(list, stat);
    assert_eq!(keys(&list), ["objects"]);
    let objects = list["objects"].as_array().unwrap();
    let names: Vec<&Value> = objects.iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["/a", "/b"]);
    for one in objects {
        assert_eq!(keys(one), [&OBJECT[..], &["modified"]].concat());
        for text in ["kind", "name", "status", "mode"] {
            assert!(one[text].is_string(), "{text}: {one}");
        }
        for number in ["value", "waiters", "uid", "gid", "device", "inode"] {
            assert!(one[number].is_u64(), "{number}: {one}");
        }
        assert!(one["modified"].is_f64());
        assert_eq!(
            (&one["kind"], &one["status"]),
            (&json!("sem"), &json!("ok"))
        );
    }
}

#[test]
fn json_of_nothing_has_the_same_keys() {
    let sb = Sandbox::new();
    let list = sb.ipc(["sem", "ls", "--json"]).run();
    list.ok().stdout("{\"objects\":[]}\n");
    let stat = sb.ipc(["sem", "stat", "s", "--json"]).run();
    stat.code(3).stdout("{\"objects\":[]}\n");
}

#[test]
fn a_waiter_is_counted_while_it_waits() {
    let sb = Sandbox::new();
    create(&sb, "s", 0);
    let mut waiter = sb.ipc(["sem", "acquire", "s", "-t", "30s"]).start();
    waiter.blocked();
    let stat = || sb.ipc(["sem", "stat", "s", "--json"]).run().ok().json();
    assert_eq!(stat()["objects"][0]["waiters"], 1);
    sb.ipc(["sem", "release", "s"]).run().ok();
    assert!(waiter.wait().success());
    assert_eq!(stat()["objects"][0]["waiters"], 0);
}

#[test]
fn ls_takes_patterns_columns_and_no_headings() {
    let sb = Sandbox::new();
    for (name, value) in [("job-1", 1), ("job-2", 2), ("other", 3)] {
        create(&sb, name, value);
    }
    let words = [
        "sem",
        "ls",
        "job-*",
        "--columns",
        "name,value",
        "--no-headings",
    ];
    let outcome = sb.ipc(words).run();
    let text = String::from_utf8(outcome.ok().stdout.clone()).unwrap();
    let rows: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(rows, [["/job-1", "1"], ["/job-2", "2"]]);
}

#[test]
fn stat_of_several_with_one_missing_exits_8_and_shows_the_others() {
    let sb = Sandbox::new();
    create(&sb, "a", 1);
    let outcome = sb.ipc(["sem", "stat", "nope", "a", "--json"]).run();
    outcome
        .code(8)
        .stderr("ipc: sem stat: /nope: no such semaphore (ENOENT)\n");
    assert_eq!(outcome.json()["objects"][0]["name"], "/a");
    sb.ipc(["sem", "stat", "nope", "nada"]).run().code(3);
}

#[test]
fn rm_of_several_with_one_missing_exits_8_and_removes_the_others() {
    let sb = Sandbox::new();
    create(&sb, "a", 1);
    create(&sb, "b", 1);
    sb.ipc(["sem", "rm", "a", "nope", "/b", "--json"])
        .run()
        .code(8)
        .stdout("{\"name\":\"/a\",\"removed\":true}\n{\"name\":\"/b\",\"removed\":true}\n")
        .stderr("ipc: sem rm: /nope: no such semaphore (ENOENT)\n");
    assert!(sb.left_in_shm().is_empty());
    sb.ipc(["sem", "rm", "a", "b"]).run().code(3);
}

#[test]
fn rm_by_pattern_is_a_dry_run_until_yes() {
    let sb = Sandbox::new();
    for name in ["job-1", "job-2", "other"] {
        create(&sb, name, 1);
    }
    let by_pattern = ["sem", "rm", "--match", "job-*"];
    sb.ipc(by_pattern)
        .run()
        .code(0)
        .stdout("would remove /job-1\nwould remove /job-2\n")
        .stderr("nothing is removed yet: add --yes\n");
    sb.ipc(by_pattern)
        .with(|command| {
            command.arg("--json");
        })
        .run()
        .code(0)
        .stdout(
            "{\"name\":\"/job-1\",\"removed\":false}\n{\"name\":\"/job-2\",\"removed\":false}\n",
        );
    assert_eq!(sb.left_in_shm().len(), 3);
    sb.ipc(by_pattern)
        .with(|command| {
            command.arg("--yes");
        })
        .run()
        .ok();
    assert_eq!(sb.left_in_shm(), [format!("sem.{}", sb.full("other"))]);
}

#[test]
fn rm_all_stays_within_the_scope_and_the_kind() {
    let sb = Sandbox::new();
    let other = format!("{}-other", sb.scope());
    for scope in [sb.scope(), &other] {
        sb.ipc(["-q", "sem", "create", "s", "--scope", scope])
            .run()
            .ok();
    }
    std::fs::write(sb.shm_file("memory"), "bytes").unwrap();
    sb.ipc(["-q", "sem", "rm", "--all"])
        .run()
        .ok()
        .stdout("would remove /s\n");
    sb.ipc(["sem", "rm", "--all", "--yes"]).run().ok();
    let mut left = sb.left_in_shm();
    left.sort();
    assert_eq!(left, [sb.full("memory"), format!("sem.{other}.s")]);
    sb.ipc(["sem", "rm", "--all", "--yes"])
        .run()
        .code(1)
        .stderr("ipc: sem rm: nothing of yours matches\n");
}

#[test]
fn a_name_that_is_not_text_is_shown_and_removed() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let sb = Sandbox::new();
    create(&sb, "s", 1);
    let odd = OsStr::from_bytes(b"odd\xff\x1b");
    let mut file = sb.sem_file("").into_os_string();
    file.push(odd);
    std::fs::copy(sb.sem_file("s"), file).unwrap();
    let list = sb.ipc(["sem", "ls", "odd*", "--json"]).run().ok().json();
    assert_eq!(list["objects"][0]["name_bytes"], json!(b"odd\xff\x1b"));
    let table = sb.ipc(["sem", "ls"]).run();
    let text = String::from_utf8(table.ok().stdout.clone()).unwrap();
    let is_shown = text.lines().any(|line| line.starts_with("/odd\\xff\\x1b "));
    assert!(is_shown, "{text}");
    let verb = ["sem", "rm"].map(OsStr::new);
    sb.ipc([&verb[..], &[odd]].concat()).run().ok();
    assert_eq!(sb.left_in_shm().len(), 1);
    assert_eq!(word(&sb, "s"), (1, 0));
}
