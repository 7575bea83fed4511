//! `ipc proc logs`: what a named process has printed, and prints.

use crate::proc::{join, left, start};
use crate::sandbox::Sandbox;

#[test]
fn the_logs_are_complete_and_followed_to_the_end() {
    let sb = Sandbox::new();
    let script = "seq 1 5000; echo last >&2";
    start(&sb, "l", &[], &["sh", "-c", script]);
    let expected: String = (1..=5000).map(|n| format!("{n}\n")).collect::<String>() + "last\n";
    sb.ipc(["proc", "logs", "-f", "l"])
        .run()
        .ok()
        .stdout(&expected);
    sb.ipc(["proc", "logs", "l", "-n", "2"])
        .run()
        .ok()
        .stdout("5000\nlast\n");
    sb.ipc(["proc", "logs", "l", "-n", "0"])
        .run()
        .ok()
        .stdout("");
    sb.ipc(["proc", "logs", "l"]).run().ok().stdout(&expected);
    // Whoever has seen enough ends the follower of a process that goes on.
    start(&sb, "on", &[], &["sh", "-c", "echo first; exec sleep 600"]);
    sb.sh("ipc proc logs -f on | head -n1")
        .run()
        .ok()
        .stdout("first\n");
    let file = sb.folder().join("own.log");
    std::fs::write(&file, "before\n").unwrap();
    start(&sb, "own", &["--log", "own.log"], &["echo", "after"]);
    join(&sb, "own");
    sb.ipc(["proc", "rm", "own"]).run().ok();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "before\nafter\n");
    sb.ipc(["proc", "rm", "--force", "l", "on"]).run().ok();
    assert_eq!(left(&sb), Vec::<String>::new());
}

#[test]
fn a_follower_ends_with_a_process_that_is_removed_and_one_that_is_killed() {
    let sb = Sandbox::new();
    start(&sb, "a", &[], &["sh", "-c", "echo up; exec sleep 600"]);
    let mut following = sb.ipc(["proc", "logs", "-f", "a"]).start();
    assert_eq!(following.line(), "up");
    sb.ipc(["proc", "rm", "-f", "a"]).run().ok();
    assert_eq!(following.finish().0.code(), Some(0));
}

#[test]
fn the_log_has_a_form_for_programs() {
    let sb = Sandbox::new();
    start(&sb, "l", &[], &["printf", "a\\nb\\377\\n\\nc"]);
    join(&sb, "l");
    let lines = [
        r#"{"encoding":"utf-8","data":"a","complete":true}"#,
        r#"{"encoding":"base64","data":"Yv8=","complete":true}"#,
        r#"{"encoding":"utf-8","data":"","complete":true}"#,
        r#"{"encoding":"utf-8","data":"c","complete":false}"#,
    ];
    let all = lines.map(|line| format!("{line}\n")).concat();
    for words in [
        &["proc", "logs", "l", "--json"][..],
        &["proc", "logs", "-f", "l", "--json"],
    ] {
        sb.ipc(words).run().ok().stdout(&all);
    }
    sb.ipc(["proc", "logs", "l", "-n", "1", "--json"])
        .run()
        .ok()
        .stdout(&format!("{}\n", lines[3]));
    sb.ipc(["proc", "rm", "l"]).run().ok();
}
