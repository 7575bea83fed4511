//! `ipc proc ls`, `status` and `rm`: records as they are shown, damaged ones too.

use crate::proc::{join, record, start, state};
use crate::sandbox::{IPC, Sandbox};

#[test]
fn a_damaged_record_is_shown_and_can_be_removed() {
    let sb = Sandbox::new();
    start(&sb, "x", &[], &["true"]);
    join(&sb, "x");
    let whole = std::fs::read(record(&sb, "x")).unwrap();
    // A line that a full disk cut short is passed over.
    std::fs::write(record(&sb, "x"), [&whole[..], b"{\"event\":\"en"].concat()).unwrap();
    assert_eq!(join(&sb, "x"), 0);
    for damage in [
        &b""[..],
        b"\n",
        b"{}\n",
        b"\xff\x00\n",
        &whole[..40],
        &whole[whole.len() / 2..],
    ] {
        std::fs::write(record(&sb, "x"), damage).unwrap();
        sb.ipc(["proc", "join", "x"])
            .run()
            .code(125)
            .stderr_has("is no record of a process\nhint: ipc proc rm NAME removes it");
        sb.ipc(["proc", "status", "x"])
            .run()
            .code(7)
            .stdout("corrupt\n");
        sb.ipc(["proc", "start", "x", "--", "true"]).run().code(4);
    }
    let list = sb
        .ipc(["proc", "ls", "--columns", "name,status", "--no-headings"])
        .run();
    list.ok().stdout("/x  corrupt\n");
    sb.ipc(["proc", "rm", "x"]).run().ok();
}

#[test]
fn a_scope_keeps_names_apart_and_listings_short() {
    let sb = Sandbox::new();
    start(&sb, "web", &[], &["sleep", "600"]);
    let other = format!("{}x", sb.scope());
    sb.ipc(["--scope", &other, "proc", "status", "web"])
        .run()
        .code(3);
    let list = sb.ipc(["proc", "ls", "--json"]).run();
    let objects = &list.ok().json()["objects"];
    assert_eq!(objects.as_array().unwrap().len(), 1);
    assert_eq!(
        (&objects[0]["name"], &objects[0]["state"]),
        (&"/web".into(), &"running".into())
    );
    sb.ipc(["proc", "ls", "none*", "--json"])
        .run()
        .ok()
        .stdout("{\"objects\":[]}\n");
    let lines: [(&[&str], &str); 3] = [
        (&["proc", "join", "w"], "web"),
        (&["wait", "proc:w"], "proc:web"),
        (&["kill", "proc:"], "proc:web"),
    ];
    for (line, expected) in lines {
        let completed = sb
            .ipc([&["--", "ipc"], line].concat())
            .env("IPC_COMPLETE", "bash")
            .env("_CLAP_COMPLETE_INDEX", line.len().to_string())
            .env("_CLAP_IFS", "\n")
            .run();
        let found = String::from_utf8_lossy(&completed.stdout).into_owned();
        assert!(found.contains(expected), "{completed}");
    }
    sb.ipc(["proc", "rm", "--all"])
        .run()
        .code(0)
        .stdout("would remove /web\n");
    sb.ipc(["proc", "rm", "--all", "--yes"]).run().code(1);
    sb.ipc(["proc", "rm", "--all", "--yes", "--force"])
        .run()
        .ok();
    sb.ipc(["proc", "rm", "--all"]).run().code(1);
}

#[test]
fn another_user_is_refused_the_folder() {
    let sb = Sandbox::new();
    let folder = sb.folder().join("open");
    std::fs::create_dir(&folder).unwrap();
    sb.program(IPC, ["proc", "ls"])
        .env("IPC_RUNTIME_DIR", &folder)
        .run()
        .code(5)
        .stderr_has("is not a folder that belongs to you alone (mode 0700)");
}

#[test]
fn a_pattern_names_what_is_damaged_and_leaves_it() {
    let sb = Sandbox::new();
    for name in ["good", "bad"] {
        start(&sb, name, &[], &["true"]);
        join(&sb, name);
    }
    std::fs::write(record(&sb, "bad"), "x\n").unwrap();
    let told = "ipc: proc rm: /bad: its record is corrupt, and is left alone\n\
                hint: its name, without a pattern, removes it\n";
    sb.ipc(["-q", "proc", "rm", "--all"])
        .run()
        .code(8)
        .stdout("would remove /good\n")
        .stderr(told);
    sb.ipc(["proc", "rm", "--match", "g*", "--yes"]).run().ok();
    sb.ipc(["proc", "rm", "--all", "--yes", "--force"])
        .run()
        .code(7)
        .stderr(told);
    sb.ipc(["proc", "rm", "bad"]).run().ok();
    sb.ipc(["proc", "rm", "--all", "--yes"]).run().code(1);
}

#[test]
fn a_command_that_is_no_text_has_its_bytes_beside_it() {
    use std::os::unix::ffi::OsStrExt;
    let sb = Sandbox::new();
    let odd = std::ffi::OsStr::from_bytes(b"a\xff");
    let words = ["proc", "start", "b", "--log"].map(std::ffi::OsStr::new);
    let command = ["--", "echo"].map(std::ffi::OsStr::new);
    let words = [&words[..], &[odd], &command, &[odd, "x\\".as_ref()]].concat();
    sb.ipc(words).run().code(0);
    join(&sb, "b");
    let shown = state(&sb, "b");
    let json = |value: &[&[u8]]| serde_json::json!(value);
    assert_eq!(
        shown["command"],
        serde_json::json!(["echo", "a\\xff", "x\\"])
    );
    assert_eq!(shown["command_bytes"], json(&[b"echo", b"a\xff", b"x\\"]));
    let log = [sb.folder().as_os_str().as_bytes(), b"/a\xff"].concat();
    assert_eq!(shown["log_bytes"], serde_json::json!(log));
    assert!(shown.get("folder_bytes").is_none(), "{shown}");
    sb.ipc(["proc", "ls", "--no-headings", "--columns", "command"])
        .run()
        .ok()
        .stdout("echo a\\xff x\\\\\n");
    sb.ipc(["proc", "rm", "b"]).run().ok();
}

#[test]
fn what_is_no_record_is_shown_and_hides_no_process() {
    let sb = Sandbox::new();
    start(&sb, "good", &[], &["sleep", "600"]);
    let run = sb.folder().join("run");
    let place = |name: &str| run.join(format!("proc.{}", sb.full(name)));
    std::fs::create_dir(place("folder")).unwrap();
    std::os::unix::fs::symlink("nowhere", place("link")).unwrap();
    let listed = sb.ipc(["--json", "proc", "ls"]).run().ok().json();
    let seen: Vec<(&str, &str)> = listed["objects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (
                row["name"].as_str().unwrap(),
                row["status"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("/folder", "corrupt"),
            ("/good", "ok"),
            ("/link", "corrupt")
        ]
    );
    sb.ipc(["-q", "proc", "rm", "--force", "--yes", "--match", "g*"])
        .run()
        .ok();
    std::fs::remove_dir(place("folder")).unwrap();
    std::fs::remove_file(place("link")).unwrap();
}
