//! `ipc man`.

use crate::sandbox::{Sandbox, file};
use crate::terminal::on_terminal;

#[test]
fn a_page_has_many_names() {
    let sb = Sandbox::new();
    let page = |words: &[&str]| {
        let run = sb.ipc([&["man", "--roff"], words].concat()).run();
        let text = String::from_utf8(run.ok().stdout.clone()).unwrap();
        let heading = text.lines().find(|line| line.starts_with(".TH "));
        heading.unwrap_or_else(|| panic!("{words:?}: {text}"))[4..]
            .split(" 20")
            .next()
            .unwrap()
            .to_owned()
    };
    for words in [&[][..], &["ipc"], &["ipc.1"], &["1", "ipc"], &["1"]] {
        assert_eq!(page(words), "IPC 1", "{words:?}");
    }
    for words in [&["7"][..], &["ipc.7"], &["7", "ipc"]] {
        assert_eq!(page(words), "IPC 7", "{words:?}");
    }
    for words in [
        &["mq", "recv"][..],
        &["ipc", "mq", "recv"],
        &["mq-recv"],
        &["ipc-mq-recv"],
        &["ipc-mq-recv.1"],
        &["1", "ipc-mq-recv"],
        &["mq", "receive"],
    ] {
        assert_eq!(page(words), "IPC\\-MQ\\-RECV 1", "{words:?}");
    }
}

#[test]
fn a_page_that_is_not_there_exits_3() {
    let sb = Sandbox::new();
    for words in [
        &["nope"][..],
        &["mq", "nope"],
        &["mq.7"],
        &["../ipc"],
        &["mq\x1b"],
    ] {
        let run = sb.ipc([&["man"], words].concat()).run();
        let shown = words.join(" ").replace('\x1b', "\\x1b");
        run.code(3).stdout("").stderr(&format!(
            "ipc: man: {shown}: there is no such page\nhint: ipc man --list\n"
        ));
    }
}

#[test]
fn the_list_has_all_pages() {
    let sb = Sandbox::new();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/man");
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let lines: String = names.iter().map(|name| format!("{name}\n")).collect();
    sb.ipc(["man", "--list"]).run().ok().stdout(&lines);
}

#[test]
fn every_page_that_is_listed_can_be_read_by_its_name_and_by_its_words() {
    let sb = Sandbox::new();
    let listed = sb.ipc(["man", "--list"]).run();
    let listed = String::from_utf8(listed.ok().stdout.clone()).unwrap();
    let page = |words: &[&str]| sb.ipc([&["man", "--roff"], words].concat()).run();
    for file in listed.lines() {
        let source = page(&[file]);
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/man");
        let committed = std::fs::read(format!("{folder}/{file}")).unwrap();
        source.ok().stdout_bytes(&committed);
    }
    for words in [
        &["sock", "send-fd"][..],
        &["sock-recv-fd"],
        &["reap-zombies", "run"],
        &["fork-tree"],
        &["ipc", "reap-zombies"],
    ] {
        page(words).ok();
    }
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let sb = Sandbox::new();
    let run = sb.sh("ipc man mq recv | head -n 1").run();
    run.ok().stdout("IPC-MQ-RECV(1)\n");
}

#[test]
fn a_page_that_does_not_arrive_exits_6() {
    let sb = Sandbox::new();
    for form in ["", "--roff", "--list"] {
        let page = if form == "--list" { "" } else { "mq recv" };
        sb.sh(&format!("exec ipc man {page} {form} > /dev/full"))
            .run()
            .code(6)
            .stderr("ipc: man: standard output: no space left (ENOSPC)\n");
    }
}

#[test]
fn on_a_terminal_a_page_is_shown_by_man() {
    let sb = Sandbox::new();
    let man = file(
        &sb,
        "man",
        b"#!/bin/sh\necho \"shown by man $*\"; exec cat\n",
    );
    sb.program("chmod", ["+x".as_ref(), man.as_os_str()])
        .run()
        .ok();
    let path = format!(
        "{}:{}",
        sb.folder().display(),
        std::env::var("PATH").unwrap()
    );
    let command = sb.ipc(["man", "shm", "create"]).env("PATH", &path);
    let (status, shown) = on_terminal(command.command());
    let shown = String::from_utf8_lossy(&shown).into_owned();
    assert!(status.success(), "{shown}");
    assert!(shown.starts_with("shown by man -l -"), "{shown}");
    assert!(shown.contains(".TH IPC"), "{shown}");
    // The same program is not asked where nobody looks.
    let run = sb.ipc(["man", "shm", "create"]).env("PATH", &path).run();
    let text = String::from_utf8(run.ok().stdout.clone()).unwrap();
    assert!(text.starts_with("IPC-SHM-CREATE(1)\n\nNAME\n"), "{text}");
}

#[test]
fn a_page_can_be_read_without_man() {
    let sb = Sandbox::new();
    let run = sb.ipc(["man", "mq", "recv"]).env("PATH", sb.folder()).run();
    let text = String::from_utf8(run.ok().stdout.clone()).unwrap();
    assert!(text.starts_with("IPC-MQ-RECV(1)\n\nNAME\n"), "{text}");
    assert!(
        text.contains("\n       --drain\n              Take what is there and end;"),
        "{text}"
    );
}
