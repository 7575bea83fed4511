//! `ipc value ls` and `stat`, and what another user may.

use std::os::unix::fs::PermissionsExt;

use crate::sandbox::Sandbox;
use crate::shm_owners::as_nobody;
use crate::value::create;

#[test]
fn a_listing_hides_nothing() {
    let sb = Sandbox::new();
    create(&sb, "n", "i64", "-5");
    create(&sb, "word", "bytes4", "abc");
    sb.ipc(["-q", "array", "create", "list", "i64", "3"])
        .run()
        .ok();
    std::fs::write(sb.shm_file("bad"), b"\x93NUMPY\x01\0\xff\0 and more").unwrap();
    std::fs::write(sb.shm_file("plain"), b"no header").unwrap();
    let columns = ["--columns", "name,type,value,status", "--no-headings"];
    let words = ["value", "ls"].into_iter().chain(columns);
    sb.ipc(words)
        .run()
        .ok()
        .stdout("/n     int64    -5  ok\n/word  bytes4  abc  ok\n");
    let arrays = sb.ipc(["array", "ls", "--json"]).run().json();
    let rows = arrays["objects"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["name"], "/bad");
    assert_eq!(
        rows[0]["status"],
        "is a .npy file that cannot be used: its header is cut"
    );
    assert_eq!(rows[1]["shape"], serde_json::json!([3]));
    let segments = sb.ipc(["shm", "ls", "--json"]).run().json();
    assert_eq!(segments["objects"].as_array().unwrap().len(), 5);
    let values = sb.ipc(["value", "stat", "n", "list", "bad", "plain", "--json"]);
    let values = values.run().json();
    let status = |index: usize| values["objects"][index]["status"].clone();
    assert_eq!(status(0), "ok");
    assert_eq!(status(1), "is an array");
    assert_eq!(status(3), "is not a value");
    sb.ipc(["array", "rm", "bad"]).run().ok();
    sb.ipc(["value", "rm", "--all"])
        .run()
        .code(0)
        .stdout("would remove /n\nwould remove /word\n");
    sb.ipc(["value", "rm", "--all", "--yes"]).run().ok();
    assert_eq!(sb.left_in_shm().len(), 2);
}

#[test]
fn stat_has_the_keys_of_the_contract() {
    let sb = Sandbox::new();
    create(&sb, "n", "i64", "7");
    let json = sb.ipc(["value", "stat", "n", "--json"]).run().json();
    let object = json["objects"][0].as_object().unwrap();
    let keys: Vec<&str> = object.keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "kind",
            "name",
            "status",
            "type",
            "shape",
            "value",
            "bytes",
            "generation",
            "mode",
            "uid",
            "gid",
            "device",
            "inode",
            "modified"
        ]
    );
    assert_eq!(
        (&object["value"], &object["generation"]),
        (&7.into(), &0.into())
    );
    sb.ipc(["value", "set", "n", "7"]).run().ok();
    let json = sb.ipc(["value", "stat", "n", "--json"]).run().json();
    assert_eq!(json["objects"][0]["generation"], 2);
}

#[test]
fn another_user_reads_and_waits_where_the_mode_allows_and_changes_nothing() {
    let sb = Sandbox::new();
    let start = ["-q", "value", "create", "n", "i64", "7", "--mode", "0644"];
    sb.ipc(start).run().ok();
    let Some(get) = as_nobody(&sb, &["value", "get", "n"]) else {
        return;
    };
    get.run().ok().stdout("7\n");
    for verb in ["set", "add", "swap", "max"] {
        let denied = as_nobody(&sb, &["value", verb, "n", "1"]);
        denied.unwrap().run().code(5).stdout("");
    }
    let words = [
        "value",
        "wait",
        "n",
        "==",
        "8",
        "-t",
        "30s",
        "--recheck",
        "1h",
    ];
    let waiter = as_nobody(&sb, &words).unwrap().start();
    waiter.blocked_in(&[libc::SYS_futex]);
    sb.ipc(["value", "add", "n", "1"]).run().ok().stdout("8\n");
    assert_eq!(waiter.finish().1, "8\n");
    let words = ["value", "wait", "n", "==", "9", "-t", "30s"];
    let waiter = as_nobody(&sb, &words).unwrap().start();
    waiter.blocked_in(&[libc::SYS_futex]);
    sb.ipc(["value", "rm", "n"]).run().ok();
    assert_eq!(waiter.finish().0.code(), Some(7));
}

#[test]
fn what_another_user_hides_is_listed_as_unreadable_and_stays() {
    let sb = Sandbox::new();
    create(&sb, "n", "i64", "7");
    let Some(get) = as_nobody(&sb, &["value", "get", "n"]) else {
        return;
    };
    get.run().code(5).stdout("");
    let values = as_nobody(&sb, &["value", "ls", "--json"]).unwrap().run();
    assert_eq!(values.json()["objects"], serde_json::json!([]));
    let arrays = as_nobody(&sb, &["array", "ls", "--json"]).unwrap().run();
    assert_eq!(arrays.json()["objects"][0]["status"], "unreadable");
    let stat = as_nobody(&sb, &["value", "stat", "n", "--json"])
        .unwrap()
        .run();
    assert_eq!(stat.json()["objects"][0]["status"], "unreadable");
    for words in [
        &["rm", "n"][..],
        &["create", "n", "i8", "1", "--if-exists", "replace"],
    ] {
        let words = [&["value"], words].concat();
        as_nobody(&sb, &words).unwrap().run().code(5);
    }
    sb.ipc(["value", "get", "n"]).run().ok().stdout("7\n");
}

#[test]
fn a_pattern_removes_no_file_of_which_nobody_knows_what_it_is() {
    let sb = Sandbox::new();
    let Some(made) = as_nobody(&sb, &["-q", "value", "create", "n", "i64", "7"]) else {
        return;
    };
    made.run().ok();
    std::fs::set_permissions(sb.shm_file("n"), std::fs::Permissions::from_mode(0o200)).unwrap();
    let all = ["array", "rm", "--all", "--yes"];
    as_nobody(&sb, &all).unwrap().run().code(1);
    assert!(sb.shm_file("n").exists());
}

#[test]
fn the_mode_is_exact_whatever_the_umask() {
    let sb = Sandbox::new();
    for (umask, mode) in [("000", "0600"), ("077", "0664"), ("777", "0640")] {
        sb.sh(&format!(
            "umask {umask}; ipc -q value create m{mode} i64 1 --mode {mode}"
        ))
        .run()
        .ok();
        let made = sb.shm_file(&format!("m{mode}")).metadata().unwrap();
        assert_eq!(format!("{:04o}", made.permissions().mode() & 0o7777), mode);
    }
}
