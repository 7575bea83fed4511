//! Creating, opening, reading and removing: glibc on the one side, `ipc` on the other.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use crate::glibc::{Child, Peer, unlink};
use crate::sandbox::{Invocation, Sandbox};

const MAX: u32 = 0x7fff_ffff;

fn create(sb: &Sandbox, value: u32) {
    let value = value.to_string();
    sb.ipc(["-q", "sem", "create", "s", &value]).run().ok();
}

#[track_caller]
fn says(sb: &Sandbox, value: u32) {
    let line = format!("{value}\n");
    sb.ipc(["sem", "value", "s"]).run().ok().stdout(&line);
}

/// Takes away what lets root pass by every permission.
fn without_rights(invocation: Invocation<'_>) -> Invocation<'_> {
    invocation.with(|command| {
        let drop = || {
            for capability in [
                1, /* CAP_DAC_OVERRIDE */
                2, /* CAP_DAC_READ_SEARCH */
            ] {
                // SAFETY: two integers; who is not root is refused and has no need.
                unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
            }
            Ok(())
        };
        // SAFETY: the closure makes only async-signal-safe calls.
        unsafe { std::os::unix::process::CommandExt::pre_exec(command, drop) };
    })
}

#[test]
fn sem_open_1_glibc_uses_what_ipc_created() {
    let sb = Sandbox::new();
    create(&sb, 2);
    let peer = Peer::open(&sb, "s").unwrap();
    assert_eq!(peer.value(), 2);
    peer.wait().unwrap();
    says(&sb, 1);
    peer.post().unwrap();
    peer.post().unwrap();
    says(&sb, 3);
}

#[test]
fn sem_open_1_ipc_uses_what_glibc_created() {
    let sb = Sandbox::new();
    let peer = Peer::create(&sb, "s", true, 2).unwrap();
    says(&sb, 2);
    sb.ipc(["sem", "acquire", "s", "-t", "30s"]).run().ok();
    assert_eq!(peer.value(), 1);
    sb.ipc(["sem", "release", "s", "-n", "4"]).run().ok();
    assert_eq!(peer.value(), 5);
    let list = sb.ipc(["sem", "ls", "--json"]).run().ok().json();
    assert_eq!(list["objects"][0]["status"], "ok");
}

#[test]
fn the_files_of_both_are_the_same_bytes() {
    let sb = Sandbox::new();
    sb.ipc(["-q", "sem", "create", "a", "77"]).run().ok();
    drop(Peer::create(&sb, "b", true, 77).unwrap());
    let bytes = |name| std::fs::read(sb.sem_file(name)).unwrap();
    // The rest is padding, which glibc leaves as it finds it on its stack.
    assert_eq!(bytes("a")[..12], bytes("b")[..12]);
    assert_eq!(bytes("a").len(), bytes("b").len());
}

#[test]
fn sem_open_2_exclusive_creation_fails_on_what_the_other_made() {
    let sb = Sandbox::new();
    create(&sb, 1);
    assert_eq!(Peer::create(&sb, "s", true, 5).err(), Some(libc::EEXIST));
    unlink(&sb, "s").unwrap();
    let _peer = Peer::create(&sb, "s", true, 5).unwrap();
    sb.ipc(["sem", "create", "s"]).run().code(4);
    says(&sb, 5);
}

#[test]
fn sem_open_3_an_existing_semaphore_without_permission_exits_5() {
    let sb = Sandbox::new();
    drop(Peer::create(&sb, "s", true, 5).unwrap());
    std::fs::set_permissions(sb.sem_file("s"), PermissionsExt::from_mode(0o000)).unwrap();
    for verb in ["value", "acquire", "release"] {
        let outcome = without_rights(sb.ipc(["sem", verb, "s"])).run();
        outcome.code(5).stderr_has("(EACCES)");
    }
}

#[test]
fn sem_open_5_and_12_both_take_the_maximum_and_refuse_more() {
    let sb = Sandbox::new();
    assert_eq!(
        Peer::create(&sb, "s", true, MAX + 1).err(),
        Some(libc::EINVAL)
    );
    let more = (MAX + 1).to_string();
    sb.ipc(["sem", "create", "s", &more]).run().code(2);
    create(&sb, MAX);
    assert_eq!(Peer::open(&sb, "s").unwrap().value(), MAX as i32);
    unlink(&sb, "s").unwrap();
    drop(Peer::create(&sb, "s", true, MAX).unwrap());
    says(&sb, MAX);
}

#[test]
fn sem_open_6_what_is_missing_is_missing_for_both() {
    let sb = Sandbox::new();
    assert_eq!(Peer::open(&sb, "s").err(), Some(libc::ENOENT));
    sb.ipc(["sem", "value", "s"]).run().code(3);
    sb.ipc(["sem", "acquire", "s", "--try"]).run().code(3);
}

#[test]
fn sem_open_7_a_name_too_long_is_refused_by_both() {
    let sb = Sandbox::new();
    // Which errno glibc gives depends on its version and on the length.
    let long = "n".repeat(252);
    assert!(Peer::create(&sb, &long, true, 1).is_err());
    sb.ipc(["sem", "create", &long]).run().code(2);
    assert!(sb.left_in_shm().is_empty());
}

#[test]
fn sem_open_8_every_operation_works_on_what_the_other_made() {
    let sb = Sandbox::new();
    create(&sb, 1);
    let peer = Peer::open(&sb, "s").unwrap();
    peer.wait().unwrap();
    assert_eq!(peer.try_wait(), Err(libc::EAGAIN));
    peer.post().unwrap();
    peer.try_wait().unwrap();
    drop(peer);
    says(&sb, 0);
}

#[test]
fn sem_open_10_creating_what_exists_has_no_effect() {
    let sb = Sandbox::new();
    create(&sb, 3);
    assert_eq!(Peer::create(&sb, "s", false, 9).unwrap().value(), 3);
    unlink(&sb, "s").unwrap();
    let _peer = Peer::create(&sb, "s", false, 4).unwrap();
    let before = std::fs::metadata(sb.sem_file("s")).unwrap();
    sb.ipc([
        "sem",
        "create",
        "s",
        "9",
        "--if-exists",
        "open",
        "--mode",
        "0666",
    ])
    .run()
    .code(0)
    .stderr("opened /s\n");
    sb.ipc(["sem", "acquire", "s", "--create=9"]).run().ok();
    says(&sb, 3);
    let after = std::fs::metadata(sb.sem_file("s")).unwrap();
    assert_eq!((before.ino(), before.mode()), (after.ino(), after.mode()));
}

#[test]
fn sem_open_11_mode_and_value_are_those_given() {
    let sb = Sandbox::new();
    sb.ipc(["-q", "sem", "create", "s", "6", "--mode", "0640"])
        .run()
        .ok();
    let found = std::fs::metadata(sb.sem_file("s")).unwrap();
    assert_eq!(found.mode() & 0o7777, 0o640);
    assert_eq!(Peer::open(&sb, "s").unwrap().value(), 6);
}

#[test]
fn sem_open_13_the_creator_owns_it() {
    let sb = Sandbox::new();
    create(&sb, 1);
    let found = std::fs::metadata(sb.sem_file("s")).unwrap();
    // SAFETY: neither has a precondition.
    let own = unsafe { (libc::geteuid(), libc::getegid()) };
    assert_eq!((found.uid(), found.gid()), own);
    let stat = sb.ipc(["sem", "stat", "s", "--json"]).run().ok().json();
    assert_eq!(stat["objects"][0]["uid"], own.0);
}

#[test]
fn sem_open_14_several_processes_connect_by_the_name() {
    let sb = Sandbox::new();
    create(&sb, 4);
    let peer = Peer::open(&sb, "s").unwrap();
    let children: Vec<Child> = (0..2)
        .map(|_| Child::fork(|| i32::from(peer.wait().is_err())))
        .collect();
    for child in children {
        assert_eq!(child.wait(), 0);
    }
    sb.ipc(["sem", "acquire", "s", "-n", "2", "--try"])
        .run()
        .ok();
    assert_eq!(peer.value(), 0);
}

#[test]
fn sem_getvalue_1_4_and_5_reading_the_value_changes_nothing() {
    let sb = Sandbox::new();
    let peer = Peer::create(&sb, "s", true, 3).unwrap();
    for _ in 0..3 {
        says(&sb, 3);
        assert_eq!(peer.value(), 3);
    }
}

#[test]
fn sem_getvalue_2_a_taken_semaphore_says_zero_to_both() {
    let sb = Sandbox::new();
    create(&sb, 1);
    let peer = Peer::open(&sb, "s").unwrap().lasting();
    sb.ipc(["sem", "acquire", "s"]).run().ok();
    let waiter = peer.waiter();
    waiter.blocked();
    says(&sb, 0);
    assert_eq!(peer.value(), 0);
    sb.ipc(["sem", "release", "s"]).run().ok();
    waiter.join().unwrap();
}

#[test]
fn sem_post_1_2_and_4_a_unit_given_by_one_is_there_for_the_other() {
    let sb = Sandbox::new();
    create(&sb, 0);
    let peer = Peer::open(&sb, "s").unwrap();
    peer.post().unwrap();
    says(&sb, 1);
    sb.ipc(["sem", "release", "s"]).run().ok();
    assert_eq!(peer.value(), 2);
}

#[test]
fn posting_beyond_the_maximum_is_refused_by_both() {
    let sb = Sandbox::new();
    create(&sb, MAX - 1);
    let peer = Peer::open(&sb, "s").unwrap();
    sb.ipc(["sem", "release", "s"]).run().ok();
    assert_eq!(peer.post(), Err(libc::EOVERFLOW));
    sb.ipc(["sem", "release", "s"])
        .run()
        .code(6)
        .stderr_has("(EOVERFLOW)");
    assert_eq!(peer.value(), MAX as i32);
}

#[test]
fn sem_close_1_and_3_the_end_of_a_user_has_no_effect() {
    let sb = Sandbox::new();
    create(&sb, 3);
    sb.ipc(["sem", "acquire", "s"]).run().ok();
    let peer = Peer::open(&sb, "s").unwrap();
    peer.wait().unwrap();
    drop(peer);
    says(&sb, 1);
}

#[test]
fn sem_unlink_1_4_and_8_what_one_removes_is_missing_for_the_other() {
    let sb = Sandbox::new();
    create(&sb, 1);
    unlink(&sb, "s").unwrap();
    assert_eq!(unlink(&sb, "s"), Err(libc::ENOENT));
    for verb in ["value", "acquire", "release", "stat", "rm"] {
        sb.ipc(["sem", verb, "s"]).run().code(3);
    }
    drop(Peer::create(&sb, "s", true, 1).unwrap());
    sb.ipc(["sem", "rm", "s"]).run().ok();
    assert_eq!(Peer::open(&sb, "s").err(), Some(libc::ENOENT));
    assert_eq!(unlink(&sb, "s"), Err(libc::ENOENT));
}

#[test]
fn sem_unlink_5_a_name_too_long_cannot_be_removed() {
    let sb = Sandbox::new();
    let long = "n".repeat(252);
    unlink(&sb, &long).unwrap_err();
    sb.ipc(["sem", "rm", &long])
        .run()
        .code(2)
        .stderr_has("(ENAMETOOLONG)");
}

#[test]
fn sem_unlink_6_creating_again_makes_another_semaphore() {
    let sb = Sandbox::new();
    create(&sb, 1);
    let old = Peer::open(&sb, "s").unwrap();
    sb.ipc(["sem", "rm", "s"]).run().ok();
    create(&sb, 7);
    assert_eq!(old.value(), 1);
    sb.ipc(["sem", "release", "s"]).run().ok();
    assert_eq!((old.value(), Peer::open(&sb, "s").unwrap().value()), (1, 8));
}

#[test]
fn sem_unlink_2_7_and_9_users_of_a_removed_semaphore_keep_it() {
    let sb = Sandbox::new();
    create(&sb, 0);
    let peer = Peer::open(&sb, "s").unwrap().lasting();
    let waiter = peer.waiter();
    waiter.blocked();
    // Returns at once, though somebody waits; the waiter is not disturbed.
    sb.ipc(["sem", "rm", "s"]).run().ok();
    assert!(!waiter.is_done());
    peer.post().unwrap();
    waiter.join().unwrap();
}
