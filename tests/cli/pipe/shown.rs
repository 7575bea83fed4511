//! What listings and `stat` show.

use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use super::{keeper, made, waits_for_a_partner};
use crate::sandbox::{Sandbox, has, is_root, skip};
use crate::terminal::on_terminal;

#[test]
fn stat_says_who_has_it_open_at_which_end_and_what_is_in_it() {
    let sb = Sandbox::new();
    let path = made(&sb, "log");
    let object = || {
        let shown = sb.ipc(["--json", "pipe", "stat", "log"]).run();
        shown.ok();
        shown.json()["objects"][0].clone()
    };
    let keys = |object: &serde_json::Value| {
        let keys = object.as_object().unwrap().keys();
        keys.cloned().collect::<Vec<_>>().join(" ")
    };
    let idle = object();
    assert_eq!(
        keys(&idle),
        "kind name path status readers writers waiting capacity mode uid gid device inode modified"
    );
    assert_eq!(idle["readers"], json!([]));
    assert_eq!(
        (&idle["waiting"], &idle["capacity"]),
        (&json!(0), &json!(null))
    );
    assert_eq!(idle["path"], path.to_str().unwrap());

    let recv = sb.ipc(["pipe", "recv", "log", "-t", "30s"]).start();
    recv.blocked();
    let shown = object();
    assert_eq!(shown["readers"][0]["pid"], recv.pid());
    let command = shown["readers"][0]["command"].as_str().unwrap();
    assert!(command.ends_with("pipe recv log -t 30s"), "{command}");
    assert_eq!(shown["writers"], json!([]));

    let (send, input) = sb.ipc(["pipe", "send", "log"]).start_with_input();
    send.blocked();
    assert_eq!(object()["writers"][0]["pid"], send.pid());
    recv.stop();
    drop(input);
    let _ = send.finish();
    let (both, _input) = keeper(&sb, &path);
    sb.ipc(["pipe", "send", "log", "12345"]).run().ok();
    let shown = object();
    assert_eq!(shown["waiting"], 5);
    assert_eq!(shown["capacity"], 1 << 20);
    assert_eq!(shown["readers"].as_array().unwrap().len(), 2);
    assert_eq!(shown["writers"][0]["pid"], both.pid());
    assert_eq!(keys(&shown), keys(&idle));
    drop(both);
    recv.signal(libc::SIGCONT);
    let (_, printed, _) = recv.finish();
    assert_eq!(printed, "12345");
}

#[test]
fn a_path_of_odd_bytes_is_escaped_once_and_json_has_its_bytes() {
    use std::os::unix::ffi::OsStrExt;
    let sb = Sandbox::new();
    let raw = b"./a\xff\\b";
    let word = std::ffi::OsStr::from_bytes(raw);
    let words = |verb| [verb, word, "--json".as_ref()];
    for verb in ["create", "stat"] {
        let shown = sb
            .ipc(["pipe".as_ref()].into_iter().chain(words(verb.as_ref())))
            .run();
        let shown = shown.code(0).json();
        let object = shown.pointer("/objects/0").unwrap_or(&shown);
        for key in ["name", "path"] {
            assert_eq!(object[key], "./a\\xff\\\\b", "{verb} {key}");
            assert_eq!(object[format!("{key}_bytes")], json!(raw), "{verb} {key}");
        }
    }
    let shown = sb.ipc(["pipe".as_ref(), "stat".as_ref(), word]).run();
    let text = String::from_utf8_lossy(&shown.ok().stdout).into_owned();
    for key in ["name:", "path:"] {
        let line = format!("{key:<14}./a\\xff\\\\b\n");
        assert!(text.contains(&line), "{text}");
    }
    // What is text is itself in JSON, backslash and all.
    let shown = sb.ipc(["pipe", "create", "./c\\d", "--json"]).run();
    let shown = shown.code(0).json();
    assert_eq!(shown["path"], "./c\\d");
    assert_eq!(shown.get("path_bytes"), None);
}

#[test]
fn stat_shows_a_time_as_a_time() {
    let sb = Sandbox::new();
    made(&sb, "log");
    let shown = sb.ipc(["pipe", "stat", "log"]).run();
    let text = String::from_utf8_lossy(&shown.ok().stdout).into_owned();
    let line = text.lines().find(|line| line.starts_with("modified:"));
    let value = line.unwrap().trim_start_matches("modified:").trim();
    assert!(value.starts_with("20") && value.ends_with('Z'), "{value}");
}

#[test]
fn looking_wakes_nobody() {
    let sb = Sandbox::new();
    let path = made(&sb, "log");
    let quoted = format!("'{}'", path.display());
    let writer = sb.sh(&format!("echo hello > {quoted}")).start();
    waits_for_a_partner(&writer);
    for words in [&["pipe", "stat", "log"][..], &["pipe", "ls"]] {
        sb.ipc(words).run().ok();
        waits_for_a_partner(&writer);
    }
    sb.program("cat", [&path]).run().ok().stdout("hello\n");
    let (status, ..) = writer.finish();
    assert!(status.success());
    let reader = sb.program("cat", [&path]).start();
    waits_for_a_partner(&reader);
    sb.ipc(["pipe", "stat", "log"]).run().ok();
    waits_for_a_partner(&reader);
    sb.ipc(["pipe", "send", "log", "x"]).run().ok();
    let (_, printed, _) = reader.finish();
    assert_eq!(printed, "x");
}

#[test]
fn a_listing_shows_fifos_and_what_only_looks_like_one() {
    let sb = Sandbox::new();
    sb.ipc(["--json", "pipe", "ls"])
        .run()
        .ok()
        .stdout("{\"objects\":[]}\n");
    let a = made(&sb, "a");
    made(&sb, "b");
    std::fs::write(super::path(&sb, "c"), "").unwrap();
    let (_both, _input) = keeper(&sb, &a);
    let columns = [
        "pipe",
        "ls",
        "--columns",
        "name,readers,writers,waiting,status",
    ];
    sb.ipc(columns).run().ok().stdout(
        "NAME  READERS  WRITERS  WAITING  STATUS\n\
         /a          1        1        0  ok\n\
         /b          0        0        0  ok\n\
         /c          0        0        -  file\n",
    );
    sb.ipc(["pipe", "ls", "b", "--no-headings", "--columns", "name"])
        .run()
        .ok()
        .stdout("/b\n");
    // Only what is one is removed by a pattern.
    sb.ipc(["pipe", "rm", "--all", "--yes"]).run().ok();
    assert!(super::path(&sb, "c").exists());
    assert!(!a.exists());
}

#[test]
fn on_a_terminal_nothing_acts_on_it_and_no_character_is_torn() {
    let sb = Sandbox::new();
    let path = made(&sb, "log");
    let (_both, _input) = keeper(&sb, &path);
    for words in [&["-n", "16"][..], &["--line"]] {
        let text = "\u{1b}[31mgr\u{f6}\u{df}e\u{9b}m\n";
        sb.ipc(["pipe", "send", "log", text]).run().ok();
        let recv = [&["pipe", "recv", "log", "-t", "30s"], words].concat();
        let (status, shown) = on_terminal(sb.ipc(recv).command());
        assert!(status.success());
        let shown = String::from_utf8(shown).unwrap();
        assert_eq!(shown, "\\x1b[31mgr\u{f6}\u{df}e\\u{9b}m\r\n");
    }
}

#[test]
fn one_who_waits_on_a_terminal_is_told_for_what() {
    let sb = Sandbox::new();
    made(&sb, "log");
    for (words, what) in [
        (&["pipe", "recv", "log", "-t", "1200ms"][..], "a writer"),
        (&["pipe", "send", "log", "x", "-t", "1200ms"], "a reader"),
    ] {
        let (status, shown) = on_terminal(sb.ipc(words).command());
        assert_eq!(status.code(), Some(124));
        let shown = String::from_utf8(shown).unwrap();
        let notice = format!("ipc: waiting for {what} of pipe /{}\r\n", sb.full("log"));
        assert_eq!(shown.matches(&notice).count(), 1, "{shown}");
    }
}

#[test]
fn live_names_and_paths_are_completed() {
    let sb = Sandbox::new();
    made(&sb, "logbook");
    sb.ipc(["-q", "pipe", "create", "./local"]).run().ok();
    let complete = |word: &str| {
        let answer = sb
            .ipc(["--", "ipc", "pipe", "send", word])
            .env("_CLAP_IPC_COMPLETE", "fish")
            .env(ipc::cli::COMPLETION_VARIABLE, "fish")
            .run();
        String::from_utf8_lossy(&answer.stdout).into_owned()
    };
    assert!(complete("log").contains("logbook\t0 readers, 0 writers"));
    assert!(complete("./lo").contains("./local"));
}

#[test]
fn what_another_user_may_not_see_is_unknown_and_not_zero() {
    let sb = Sandbox::new();
    if !is_root() || !has("setpriv") {
        return skip("takes two users");
    }
    let folder = sb.folder().join("open");
    std::fs::create_dir(&folder).unwrap();
    for (path, mode) in [(sb.folder(), 0o755), (&folder, 0o755)] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let script = "mkfifo open/f; chmod 666 open/f; exec 6<>open/f; printf hello >&6; \
        ipc pipe stat open/f --json; \
        exec setpriv --reuid 65534 --regid 65534 --clear-groups ipc pipe stat open/f --json";
    let outcome = sb.sh(script).env("IPC_RUNTIME_DIR", "/nonexistent").run();
    let printed = String::from_utf8_lossy(&outcome.stdout).into_owned();
    let waiting: Vec<serde_json::Value> = printed
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["objects"][0]["waiting"]
                .clone()
        })
        .collect();
    assert_eq!(waiting, [json!(5), json!(null)], "{outcome}");
}
