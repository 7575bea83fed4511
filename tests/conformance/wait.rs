//! Taking and waiting: `ipc` waits and glibc posts, glibc waits and `ipc` posts.

use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use crate::glibc::{Answer, Child, Peer, unlink};
use crate::sandbox::{Running, Sandbox, patience};

/// A semaphore that glibc made.
fn made(sb: &Sandbox, value: u32) -> &'static Peer {
    Peer::create(sb, "s", true, value).unwrap().lasting()
}

/// Starts an `ipc` that waits for a unit and sees it asleep.
fn waiting(sb: &Sandbox) -> Running {
    let waiter = sb.ipc(["sem", "acquire", "s", "-t", "30s"]).start();
    waiter.blocked();
    waiter
}

const WAYS: [fn(&Peer) -> Answer; 3] = [
    Peer::wait,
    |peer| peer.timed_wait(patience()),
    |peer| peer.clock_wait(patience()),
];

#[test]
fn sem_wait_1_and_9_taking_is_one_unit_less() {
    let sb = Sandbox::new();
    let peer = made(&sb, 2);
    sb.ipc(["sem", "acquire", "s", "-t", "30s"]).run().ok();
    assert_eq!(peer.value(), 1);
    peer.wait().unwrap();
    sb.ipc(["sem", "value", "s"]).run().ok().stdout("0\n");
}

#[test]
fn sem_wait_3_and_13_ipc_waits_until_glibc_posts() {
    let sb = Sandbox::new();
    let peer = made(&sb, 0);
    let mut waiter = waiting(&sb);
    peer.post().unwrap();
    assert!(waiter.wait().success());
    assert_eq!(peer.value(), 0);
}

#[test]
fn sem_wait_3_and_13_glibc_waits_until_ipc_releases() {
    let sb = Sandbox::new();
    let peer = made(&sb, 0);
    for way in WAYS {
        let waiter = peer.waiter_by(way);
        waiter.blocked();
        sb.ipc(["sem", "release", "s"]).run().ok();
        waiter.join().unwrap();
        assert_eq!(peer.value(), 0);
    }
}

#[test]
fn sem_wait_3_glibc_waits_on_what_ipc_created() {
    let sb = Sandbox::new();
    sb.ipc(["-q", "sem", "create", "s", "0"]).run().ok();
    let peer = Peer::open(&sb, "s").unwrap().lasting();
    for way in WAYS {
        let waiter = peer.waiter_by(way);
        waiter.blocked();
        sb.ipc(["sem", "release", "s"]).run().ok();
        waiter.join().unwrap();
    }
    let mut waiter = waiting(&sb);
    peer.post().unwrap();
    assert!(waiter.wait().success());
}

#[test]
fn sem_wait_3_another_process_waits_in_glibc_until_ipc_releases() {
    let sb = Sandbox::new();
    let peer = made(&sb, 0);
    let span = patience();
    let children: Vec<Child> = (0..3)
        .map(|_| Child::fork(|| i32::from(peer.timed_wait(span).is_err())))
        .collect();
    sb.ipc(["sem", "release", "s", "-n", "3"]).run().ok();
    for child in children {
        assert_eq!(child.wait(), 0);
    }
    assert_eq!(peer.value(), 0);
}

#[test]
fn sem_wait_4_a_waiter_can_be_killed_and_harms_nobody() {
    let sb = Sandbox::new();
    let peer = made(&sb, 0);
    let mut victim = waiting(&sb);
    let waiter = peer.waiter();
    waiter.blocked();
    victim.signal(libc::SIGKILL);
    assert_eq!(victim.wait().signal(), Some(libc::SIGKILL));
    peer.post().unwrap();
    waiter.join().unwrap();
    assert_eq!(peer.value(), 0);
}

#[test]
fn sem_wait_5_and_12_trying_a_taken_semaphore_fails_at_once() {
    let sb = Sandbox::new();
    let peer = made(&sb, 1);
    peer.wait().unwrap();
    sb.ipc(["sem", "acquire", "s", "--try"]).run().code(1);
    assert_eq!(peer.try_wait(), Err(libc::EAGAIN));
    assert_eq!(peer.value(), 0);
}

#[test]
fn sem_wait_7_and_sem_timedwait_9_a_signal_interrupts_the_wait() {
    let sb = Sandbox::new();
    let peer = made(&sb, 0);
    for words in [
        &["sem", "acquire", "s"][..],
        &["sem", "acquire", "s", "-t", "30s"],
    ] {
        let mut waiter = sb.ipc(words).start();
        waiter.blocked();
        waiter.signal(libc::SIGINT);
        assert_eq!(waiter.wait().signal(), Some(libc::SIGINT));
        assert_eq!(peer.value(), 0);
    }
    peer.post().unwrap();
    sb.ipc(["sem", "acquire", "s", "--try"]).run().ok();
}

#[test]
fn sem_wait_11_trying_a_free_semaphore_takes_a_unit() {
    let sb = Sandbox::new();
    let peer = made(&sb, 2);
    sb.ipc(["sem", "acquire", "s", "--try"]).run().ok();
    peer.try_wait().unwrap();
    assert_eq!(peer.value(), 0);
}

#[test]
fn sem_timedwait_1_and_11_a_free_unit_is_taken_whatever_the_time() {
    let sb = Sandbox::new();
    let peer = made(&sb, 3);
    // Over before the program has even opened the semaphore.
    for span in ["1ns", "0", "30s"] {
        sb.ipc(["sem", "acquire", "s", "-t", span]).run().ok();
    }
    assert_eq!(peer.value(), 0);
}

#[test]
fn sem_timedwait_2_and_7_the_wait_ends_when_the_time_is_over() {
    let sb = Sandbox::new();
    let peer = made(&sb, 0);
    let began = Instant::now();
    sb.ipc(["sem", "acquire", "s", "-t", "60ms"])
        .run()
        .code(124);
    assert!(began.elapsed() >= Duration::from_millis(60));
    let span = Duration::from_millis(60);
    assert_eq!(peer.timed_wait(span), Err(libc::ETIMEDOUT));
    assert_eq!(peer.clock_wait(span), Err(libc::ETIMEDOUT));
}

#[test]
fn sem_timedwait_3_a_time_already_over_ends_the_wait_at_once() {
    let sb = Sandbox::new();
    let peer = made(&sb, 0);
    sb.ipc(["sem", "acquire", "s", "-t", "1ns"]).run().code(124);
    assert_eq!(peer.timed_wait(Duration::ZERO), Err(libc::ETIMEDOUT));
}

#[test]
fn sem_timedwait_4_a_wait_that_fails_changes_nothing() {
    let sb = Sandbox::new();
    let peer = made(&sb, 1);
    let before = std::fs::read(sb.sem_file("s")).unwrap();
    for words in [
        &["sem", "acquire", "s", "-n", "2", "-t", "20ms"][..],
        &["sem", "acquire", "s", "-n", "2", "--try"],
    ] {
        let outcome = sb.ipc(words).run();
        assert!(!outcome.status.success());
    }
    assert_eq!(std::fs::read(sb.sem_file("s")).unwrap(), before);
    assert_eq!(peer.value(), 1);
}

#[test]
fn a_waiter_of_ipc_sees_the_removal_by_glibc() {
    let sb = Sandbox::new();
    let peer = made(&sb, 0);
    let waiter = waiting(&sb);
    unlink(&sb, "s").unwrap();
    let (status, _, stderr) = waiter.finish();
    assert_eq!(status.code(), Some(7), "{stderr}");
    peer.post().unwrap();
    assert_eq!(peer.value(), 1);
}
