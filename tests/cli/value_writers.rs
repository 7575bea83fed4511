//! `ipc value`: writers of wide values that are killed, stopped or cut off.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;

use crate::sandbox::{Sandbox, has, skip};
use crate::value_races::{GENERATION, WRITER, create, pwrite, waiter};

/// Runs `ipc` under strace, which kills it when it is about to write the bytes.
fn killed_while_writing(sb: &Sandbox, words: &[&str]) -> bool {
    let inject = [
        "-f",
        "-o",
        "/dev/null",
        "-e",
        "inject=pwrite64:signal=SIGKILL:when=1",
    ];
    let program = [crate::sandbox::IPC];
    let line = inject.iter().chain(&program).chain(words);
    let outcome = sb.program("strace", line).run();
    outcome.status.signal() == Some(libc::SIGKILL) || outcome.status.code() == Some(137)
}

#[test]
fn a_writer_that_is_killed_leaves_a_wide_value_torn_until_the_next_set() {
    let sb = Sandbox::new();
    if !has("strace") {
        return;
    }
    create(&sb, "n", "bytes16", "before");
    if !killed_while_writing(&sb, &["value", "set", "n", "never"]) {
        skip("strace cannot trace here");
        return;
    }
    for words in [
        &["get", "n"][..],
        &["swap", "n", "x"],
        &["cas", "n", "before", "x"],
        &["wait", "n", "--change", "-t", "30s"],
    ] {
        sb.ipc(["value"].iter().chain(words))
            .run()
            .code(7)
            .stdout("")
            .stderr_has("is torn: its writer was killed in the middle of a change");
    }
    let json = sb.ipc(["value", "ls", "--json"]).run().json();
    assert_eq!(json["objects"][0]["status"], "torn");
    assert!(json["objects"][0]["value"].is_null());
    sb.ipc(["value", "set", "n", "after", "-t", "30s"])
        .run()
        .ok();
    sb.ipc(["value", "get", "n", "-t", "30s"])
        .run()
        .ok()
        .stdout("after\n");
    let json = sb.ipc(["value", "stat", "n", "--json"]).run().json();
    assert_eq!(json["objects"][0]["status"], "ok");
}

#[test]
fn a_writer_at_work_is_waited_for_and_its_death_is_noticed() {
    let sb = Sandbox::new();
    create(&sb, "n", "bytes16", "before");
    let (writer, _input) = sb.program("cat", [] as [&str; 0]).start_with_input();
    // The word says that this process writes since later than it started.
    let word = (1_u64 << 63) | writer.pid() as u64;
    pwrite(&sb, "n", &word.to_ne_bytes(), WRITER);
    pwrite(&sb, "n", &1_u64.to_ne_bytes(), GENERATION);
    sb.ipc(["value", "get", "n", "--try"]).run().code(1);
    sb.ipc(["value", "set", "n", "x", "--try"]).run().code(1);
    sb.ipc(["value", "get", "n", "-t", "20ms"]).run().code(124);
    let reader = sb.ipc(["value", "get", "n", "-t", "30s"]).start();
    let setter = sb.ipc(["value", "set", "n", "after", "-t", "30s"]).start();
    for one in [&reader, &setter] {
        one.blocked_in(&[libc::SYS_futex]);
    }
    // A process that is not ours to read sees neither: it must be told.
    drop(writer);
    assert!(setter.finish().0.success());
    let (status, stdout, _) = reader.finish();
    // It looked before the setter took over, or after.
    assert!(
        matches!(
            (status.code(), stdout.as_str()),
            (Some(7), "") | (Some(0), "after\n")
        ),
        "{status} {stdout}"
    );
    sb.ipc(["value", "get", "n"]).run().ok().stdout("after\n");
}

#[test]
fn an_interrupted_writer_finishes_its_change() {
    let sb = Sandbox::new();
    if !has("strace") {
        return;
    }
    create(&sb, "n", "bytes16", "before");
    let inject = [
        "-f",
        "-o",
        "/dev/null",
        "-e",
        "inject=pwrite64:signal=SIGTERM:when=1",
    ];
    let words = [crate::sandbox::IPC, "value", "set", "n", "after"];
    let outcome = sb.program("strace", inject.iter().chain(&words)).run();
    if String::from_utf8_lossy(&outcome.stderr).contains("ptrace") {
        skip("strace cannot trace here");
        return;
    }
    assert!(!outcome.status.success(), "{outcome}");
    sb.ipc(["value", "get", "n"]).run().ok().stdout("after\n");
}

#[test]
fn a_file_cut_by_another_is_a_message_and_7() {
    let sb = Sandbox::new();
    for kind in ["i64", "bytes16"] {
        for length in [0, 5, 100, 130] {
            create(&sb, "n", kind, "5");
            let waiting = waiter(&sb, &["==", "6", "--recheck", "1ms"]);
            let file = OpenOptions::new().write(true).open(sb.shm_file("n"));
            file.unwrap().set_len(length).unwrap();
            let (status, _, stderr) = waiting.finish();
            assert_eq!(status.code(), Some(7), "{kind} {length}: {stderr}");
            assert!(stderr.contains("was cut"), "{stderr}");
            sb.ipc(["value", "get", "n"]).run().code(7);
            std::fs::remove_file(sb.shm_file("n")).unwrap();
        }
    }
}

#[test]
fn a_writer_whose_file_is_cut_ends_with_a_message_and_no_core_dump() {
    let sb = Sandbox::new();
    create(&sb, "n", "i64", "5");
    let (mut adder, mut input) = sb.ipc(["value", "add", "n", "--lines"]).start_with_input();
    input.write_all(b"1\n").unwrap();
    assert_eq!(adder.line(), "6");
    let file = OpenOptions::new().write(true).open(sb.shm_file("n"));
    file.unwrap().set_len(0).unwrap();
    input.write_all(b"1\n").unwrap();
    let (status, stdout, stderr) = adder.finish();
    assert_eq!((status.code(), stdout.as_str()), (Some(7), ""));
    let line = format!(
        "ipc: value add: /{}: the file was cut while in use (SIGBUS)\n",
        sb.full("n")
    );
    assert_eq!(stderr, line);
}
