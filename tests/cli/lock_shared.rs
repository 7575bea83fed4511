//! `ipc lock --shared`: readers together, a writer alone.

use crate::sandbox::{Running, Sandbox, until};
use crate::shell::{Shell, someone, until_waiters};

fn acquire(sb: &Sandbox, owner: &Shell, options: &[&str]) -> i32 {
    let number = owner.pid_text();
    let words = [&["-q", "lock", "acquire", "L", "--owner", &number], options].concat();
    sb.ipc(words).run().status.code().unwrap()
}

fn release(sb: &Sandbox, owner: &Shell) {
    sb.ipc(["lock", "release", "L", "--owner", &owner.pid_text()])
        .run()
        .ok();
}

fn waiting(sb: &Sandbox, owner: &Shell, options: &[&str]) -> Running {
    let number = owner.pid_text();
    let words = [
        &["lock", "acquire", "L", "--owner", &number, "-t", "30s"],
        options,
    ]
    .concat();
    let running = sb.ipc(words).start();
    running.blocked();
    running
}

fn modes(sb: &Sandbox) -> Vec<String> {
    let status = sb.ipc(["lock", "status", "L", "--json"]).run().json();
    let holders = status["holders"].as_array().unwrap().clone();
    let mode = |holder: &serde_json::Value| holder["mode"].as_str().unwrap().to_owned();
    holders.iter().map(mode).collect()
}

#[test]
fn readers_hold_it_together_and_a_writer_alone() {
    let sb = Sandbox::new();
    let all = [someone(&sb), someone(&sb), someone(&sb)];
    assert_eq!(acquire(&sb, &all[0], &["--shared"]), 0);
    assert_eq!(acquire(&sb, &all[1], &["--shared"]), 0);
    assert_eq!(modes(&sb), ["shared", "shared"]);
    assert_eq!(acquire(&sb, &all[2], &["--try"]), 1);
    release(&sb, &all[0]);
    assert_eq!(acquire(&sb, &all[2], &["--try"]), 1);
    release(&sb, &all[1]);
    assert_eq!(acquire(&sb, &all[2], &["--try"]), 0);
    assert_eq!(modes(&sb), ["exclusive"]);
    assert_eq!(acquire(&sb, &all[0], &["--shared", "--try"]), 1);
}

#[test]
fn a_writer_goes_on_when_the_last_reader_leaves() {
    let sb = Sandbox::new();
    let all = [someone(&sb), someone(&sb), someone(&sb)];
    acquire(&sb, &all[0], &["--shared"]);
    acquire(&sb, &all[1], &["--shared"]);
    let mut writer = waiting(&sb, &all[2], &[]);
    release(&sb, &all[0]);
    writer.blocked();
    assert_eq!(modes(&sb), ["shared"]);
    release(&sb, &all[1]);
    assert!(writer.wait().success());
}

#[test]
fn a_writer_that_waits_keeps_new_readers_out_and_holds_nothing() {
    let sb = Sandbox::new();
    let all = [someone(&sb), someone(&sb), someone(&sb)];
    acquire(&sb, &all[0], &["--shared"]);
    let mut writer = waiting(&sb, &all[1], &[]);
    let mut reader = waiting(&sb, &all[2], &["--shared"]);
    assert_eq!(acquire(&sb, &someone(&sb), &["--shared", "--try"]), 1);
    // Pending is not held, so it is not shown either.
    assert_eq!(modes(&sb), ["shared"]);
    until_waiters(&sb, "L", 2);
    let mine = [
        "lock",
        "status",
        "L",
        "--mine",
        "--owner",
        &all[1].pid_text(),
    ]
    .map(String::from);
    sb.ipc(&mine).run().code(1);
    release(&sb, &all[0]);
    // The writer is first, then the reader.
    assert!(writer.wait().success());
    assert_eq!(modes(&sb), ["exclusive"]);
    reader.blocked();
    release(&sb, &all[1]);
    assert!(reader.wait().success());
    assert_eq!(modes(&sb), ["shared"]);
}

#[test]
fn a_writer_killed_while_it_waits_lets_readers_in() {
    let sb = Sandbox::new();
    let all = [someone(&sb), someone(&sb), someone(&sb)];
    acquire(&sb, &all[0], &["--shared"]);
    for _ in 0..5 {
        let mut writer = waiting(&sb, &all[1], &[]);
        let mut reader = waiting(&sb, &all[2], &["--shared"]);
        writer.signal(libc::SIGKILL);
        writer.wait();
        assert!(reader.wait().success());
        // It was no hold, so nothing was recovered.
        let (_, _, said) = reader.finish();
        assert_eq!(said, "");
        release(&sb, &all[2]);
    }
}

#[test]
fn a_writer_whose_owner_is_killed_stops_waiting_and_lets_readers_in() {
    let sb = Sandbox::new();
    let all = [someone(&sb), someone(&sb), someone(&sb)];
    acquire(&sb, &all[0], &["--shared"]);
    let [first, owner, third] = all;
    let writer = waiting(&sb, &owner, &[]);
    let mut reader = waiting(&sb, &third, &["--shared"]);
    owner.die();
    let (status, _, said) = writer.finish();
    assert_eq!(status.code(), Some(3), "{said}");
    assert!(said.contains("has ended"), "{said}");
    assert!(reader.wait().success());
    release(&sb, &first);
}

#[test]
fn a_reader_that_dies_leaves_nothing_to_recover() {
    let sb = Sandbox::new();
    let (dies, stays) = (someone(&sb), someone(&sb));
    acquire(&sb, &dies, &["--shared"]);
    let writer = waiting(&sb, &stays, &["--no-recover"]);
    dies.die();
    let (status, _, said) = writer.finish();
    assert_eq!((status.code(), said.as_str()), (Some(0), ""));
}

#[test]
fn a_reader_is_told_of_a_writer_that_died_and_the_next_one_too() {
    let sb = Sandbox::new();
    let (dies, reads) = (someone(&sb), someone(&sb));
    acquire(&sb, &dies, &[]);
    let dead = format!("recovered from dead owner {}", dies.pid());
    dies.die();
    let number = reads.pid_text();
    let read = ["lock", "acquire", "L", "--shared", "--owner", &number];
    sb.ipc(read.iter().chain(&["--no-recover"])).run().code(7);
    // What the writer left is in disorder until a writer has been there.
    for _ in 0..2 {
        sb.ipc(read).run().code(0).stderr_has(&dead);
        release(&sb, &reads);
    }
    sb.ipc(["lock", "acquire", "L"])
        .run()
        .code(0)
        .stderr_has(&dead);
    sb.ipc(["lock", "release", "L"]).run().ok();
    sb.ipc(read).run().ok();
}

#[test]
fn a_shared_hold_does_not_become_an_exclusive_one() {
    let sb = Sandbox::new();
    let owner = someone(&sb);
    acquire(&sb, &owner, &["--shared"]);
    for options in [&[][..], &["--reentrant"]] {
        assert_eq!(acquire(&sb, &owner, options), 4);
    }
    assert_eq!(acquire(&sb, &owner, &["--shared", "--reentrant"]), 0);
    assert_eq!(modes(&sb), ["shared"]);
    release(&sb, &owner);
    release(&sb, &owner);
    // The other way round there is no need to wait for anybody.
    assert_eq!(acquire(&sb, &owner, &[]), 0);
    assert_eq!(acquire(&sb, &owner, &["--shared", "--reentrant"]), 0);
    assert_eq!(modes(&sb), ["exclusive"]);
}

#[test]
fn a_lock_has_room_for_120_readers_and_is_busy_for_more() {
    let sb = Sandbox::new();
    // All of them live until the test closes the one input that they read.
    let script = "exec 3<&0; for i in $(seq 120); do \
        ipc lock run L --shared -- sh -c 'echo in; cat <&3' & done; wait";
    let (mut readers, input) = sb.sh(script).start_with_input();
    for _ in 0..120 {
        assert_eq!(readers.line(), "in");
    }
    let owner = someone(&sb);
    assert_eq!(acquire(&sb, &owner, &["--shared", "--try"]), 1);
    let mut one_more = waiting(&sb, &owner, &["--shared"]);
    drop(input);
    assert!(one_more.wait().success());
    assert!(readers.wait().success());
}

#[test]
fn break_takes_it_from_readers_and_lets_the_writer_on() {
    let sb = Sandbox::new();
    let all = [someone(&sb), someone(&sb), someone(&sb)];
    acquire(&sb, &all[0], &["--shared"]);
    acquire(&sb, &all[1], &["--shared"]);
    let mut writer = waiting(&sb, &all[2], &[]);
    let broken = sb.ipc(["lock", "break", "L", "--json"]).run();
    broken.code(0);
    assert_eq!(broken.json()["broken"], 2);
    assert!(writer.wait().success());
    sb.ipc(["lock", "release", "L", "--owner", &all[0].pid_text()])
        .run()
        .code(1);
}

#[test]
fn readers_and_writers_in_turn_never_meet() {
    let sb = Sandbox::new();
    sb.ipc(["-q", "shm", "create", "cell", "--size", "8"])
        .run()
        .ok();
    // A writer leaves the cell torn for as long as it writes.
    let writer = "for i in 1 2 3 4 5; do ipc lock run L -t 30s -- sh -c \
        'ipc shm write cell torn....; ipc shm write cell complete' || exit 1; done";
    let reader = "for i in 1 2 3 4 5; do ipc lock run L --shared -t 30s -- sh -c \
        'test \"$(ipc shm read cell)\" = complete' || exit 1; done";
    sb.ipc(["shm", "write", "cell", "complete"]).run().ok();
    let mut all: Vec<Running> = [writer, reader, writer, reader, reader]
        .map(|script| sb.sh(script).start())
        .into();
    for one in &mut all {
        assert!(one.wait().success());
    }
    until("nobody to hold it", || modes(&sb).is_empty());
}
