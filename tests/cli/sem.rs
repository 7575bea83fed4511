//! `ipc sem`: creating, taking and giving, and the exit codes of it.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;

use crate::sandbox::Sandbox;

/// Makes a semaphore with this value.
pub fn create(sb: &Sandbox, name: &str, value: u32) {
    sb.ipc(["-q", "sem", "create", name, &value.to_string()])
        .run()
        .ok();
}

/// The value and the waiters that the file says.
pub fn word(sb: &Sandbox, name: &str) -> (u32, u32) {
    let bytes = std::fs::read(sb.sem_file(name)).unwrap();
    let half = |at: usize| u32::from_ne_bytes(std::array::from_fn(|i| bytes[at + i]));
    let (low, high) = if cfg!(target_endian = "big") {
        (4, 0)
    } else {
        (0, 4)
    };
    (half(low), half(high))
}

#[test]
fn create_says_what_it_did() {
    let sb = Sandbox::new();
    sb.ipc(["sem", "create", "s", "3"])
        .run()
        .code(0)
        .stdout("")
        .stderr("created /s\n");
    sb.ipc(["sem", "value", "s"]).run().ok().stdout("3\n");
}

#[test]
fn create_under_quiet_says_nothing() {
    let sb = Sandbox::new();
    sb.ipc(["sem", "create", "s", "--quiet"])
        .run()
        .ok()
        .stdout("");
}

#[test]
fn create_without_a_value_makes_one_unit() {
    let sb = Sandbox::new();
    sb.ipc(["-q", "sem", "create", "s"]).run().ok();
    assert_eq!(word(&sb, "s"), (1, 0));
}

#[test]
fn create_takes_values_up_to_the_maximum() {
    let sb = Sandbox::new();
    create(&sb, "s", 2_147_483_647);
    sb.ipc(["sem", "value", "s"])
        .run()
        .ok()
        .stdout("2147483647\n");
    sb.ipc(["sem", "create", "t", "2147483648"])
        .run()
        .code(2)
        .stderr_has("is not in 0..=2147483647");
    assert_eq!(sb.left_in_shm().len(), 1);
}

#[test]
fn create_of_an_existing_semaphore_exits_4_and_changes_nothing() {
    let sb = Sandbox::new();
    create(&sb, "s", 3);
    sb.ipc(["sem", "create", "s", "9"])
        .run()
        .code(4)
        .stderr("ipc: sem create: /s: the semaphore exists already (EEXIST)\nhint: --if-exists open takes it as it is, --if-exists replace makes a new one\n");
    sb.ipc(["sem", "create", "s", "9", "--if-exists", "fail"])
        .run()
        .code(4);
    assert_eq!(word(&sb, "s"), (3, 0));
}

#[test]
fn create_if_exists_open_keeps_value_and_mode() {
    let sb = Sandbox::new();
    let open = ["sem", "create", "s", "9", "--mode", "0666", "--if-exists"];
    let open = [&open[..], &["open"]].concat();
    create(&sb, "s", 3);
    sb.ipc(&open).run().code(0).stderr("opened /s\n");
    let found = std::fs::metadata(sb.sem_file("s")).unwrap();
    assert_eq!(
        (word(&sb, "s").0, found.permissions().mode()),
        (3, 0o100600)
    );
    std::fs::remove_file(sb.sem_file("s")).unwrap();
    sb.ipc(&open).run().code(0).stderr("created /s\n");
    assert_eq!(word(&sb, "s").0, 9);
}

#[test]
fn create_if_exists_replace_makes_another_object() {
    use std::os::unix::fs::MetadataExt;
    let sb = Sandbox::new();
    let replace = ["sem", "create", "s", "9", "--if-exists", "replace"];
    sb.ipc(replace).run().code(0).stderr("created /s\n");
    // Kept open, so that the inode is not used again.
    let old = std::fs::File::open(sb.sem_file("s")).unwrap();
    sb.ipc(replace).run().code(0).stderr("replaced /s\n");
    let new = std::fs::metadata(sb.sem_file("s")).unwrap();
    assert_ne!(old.metadata().unwrap().ino(), new.ino());
    assert_eq!(old.metadata().unwrap().nlink(), 0);
}

#[test]
fn mode_is_exact_under_every_umask() {
    let sb = Sandbox::new();
    let new = |umask: libc::mode_t, words: &[&str]| {
        sb.ipc(words)
            .with(|command| {
                // SAFETY: umask(2) is async-signal-safe and cannot fail.
                let set = move || unsafe {
                    libc::umask(umask);
                    Ok(())
                };
                // SAFETY: the closure makes that one call.
                unsafe { command.pre_exec(set) };
            })
            .run()
            .ok();
        let found = std::fs::metadata(sb.sem_file("s")).unwrap();
        std::fs::remove_file(sb.sem_file("s")).unwrap();
        found.permissions().mode() & 0o7777
    };
    for umask in [0o000, 0o022, 0o027, 0o077, 0o777] {
        for mode in ["0600", "0660", "0644", "0666", "0400", "0777", "0000"] {
            let exact = u32::from_str_radix(mode, 8).unwrap();
            let create = ["-q", "sem", "create", "s", "--mode", mode];
            assert_eq!(new(umask, &create), exact, "create, umask {umask:o}");
        }
        let release = ["sem", "release", "s", "--create", "--mode", "0660"];
        assert_eq!(new(umask, &release), 0o660, "release, umask {umask:o}");
        let acquire = ["sem", "acquire", "s", "--create", "--mode", "0606"];
        assert_eq!(new(umask, &acquire), 0o606, "acquire, umask {umask:o}");
        assert_eq!(new(umask, &["-q", "sem", "create", "s"]), 0o600);
    }
}

#[test]
fn what_one_process_takes_and_gives_another_sees() {
    let sb = Sandbox::new();
    create(&sb, "s", 5);
    sb.ipc(["sem", "acquire", "s"]).run().ok().stdout("");
    assert_eq!(word(&sb, "s"), (4, 0));
    sb.ipc(["sem", "acquire", "/s", "-n", "3"]).run().ok();
    assert_eq!(word(&sb, "s"), (1, 0));
    sb.ipc(["sem", "release", "s", "-n", "7"])
        .run()
        .ok()
        .stdout("");
    sb.ipc(["sem", "value", "/s"]).run().ok().stdout("8\n");
}

#[test]
fn the_classic_names_do_the_same() {
    let sb = Sandbox::new();
    create(&sb, "s", 1);
    sb.ipc(["sem", "wait", "s", "-t", "30s"]).run().ok();
    sb.ipc(["sem", "getvalue", "s"]).run().ok().stdout("0\n");
    sb.ipc(["sem", "post", "s", "-n", "2"]).run().ok();
    let list = sb.ipc(["sem", "list", "--json"]).run();
    assert_eq!(list.ok().json()["objects"][0]["value"], 2);
    sb.ipc(["sem", "unlink", "s"]).run().ok();
    assert!(sb.left_in_shm().is_empty());
}

#[test]
fn acquire_of_a_missing_semaphore_exits_3() {
    let sb = Sandbox::new();
    sb.ipc(["sem", "acquire", "s", "-t", "30s"])
        .run()
        .code(3)
        .stdout("")
        .stderr("ipc: sem acquire: /s: no such semaphore (ENOENT)\nhint: ipc sem create NAME VALUE, or --create\n");
}

#[test]
fn every_verb_on_a_missing_semaphore_exits_3() {
    let sb = Sandbox::new();
    for verb in ["release", "value", "stat", "rm"] {
        let outcome = sb.ipc(["sem", verb, "s"]).run();
        outcome.code(3).stdout("").stderr_has("no such semaphore");
    }
    assert!(sb.left_in_shm().is_empty());
}

#[test]
fn acquire_with_create_starts_at_one_or_the_value_given() {
    let sb = Sandbox::new();
    sb.ipc(["sem", "acquire", "a", "--create"]).run().ok();
    assert_eq!(word(&sb, "a").0, 0);
    sb.ipc(["sem", "acquire", "b", "--create=4", "-n", "3"])
        .run()
        .ok();
    assert_eq!(word(&sb, "b").0, 1);
    // What is there already is taken as it is.
    sb.ipc(["sem", "acquire", "b", "--create=9"]).run().ok();
    assert_eq!(word(&sb, "b").0, 0);
}

#[test]
fn release_with_create_starts_at_zero_or_the_value_given() {
    let sb = Sandbox::new();
    sb.ipc(["sem", "release", "a", "--create"]).run().ok();
    assert_eq!(word(&sb, "a").0, 1);
    sb.ipc(["sem", "release", "b", "--create=4", "-n", "3"])
        .run()
        .ok();
    assert_eq!(word(&sb, "b").0, 7);
}

#[test]
fn many_creators_at_once_make_one_semaphore() {
    let sb = Sandbox::new();
    for _ in 0..5 {
        let takers: Vec<_> = (0..8)
            .map(|_| sb.ipc(["sem", "acquire", "s", "--create=8", "-t", "30s"]))
            .map(crate::sandbox::Invocation::start)
            .collect();
        for taker in takers {
            let (status, _, stderr) = taker.finish();
            assert!(status.success(), "{status}: {stderr}");
        }
        assert_eq!(word(&sb, "s"), (0, 0));
        sb.ipc(["sem", "rm", "s"]).run().ok();
    }
}

#[test]
fn try_without_a_unit_exits_1_and_says_nothing() {
    let sb = Sandbox::new();
    create(&sb, "s", 0);
    for wait in [&["--try"][..], &["-t", "0"], &["--timeout", "0s"]] {
        let words = [&["sem", "acquire", "s"], wait].concat();
        sb.ipc(words).run().code(1).stdout("").stderr("");
    }
    assert_eq!(word(&sb, "s"), (0, 0));
}

#[test]
fn try_for_more_units_than_there_are_takes_none() {
    let sb = Sandbox::new();
    create(&sb, "s", 3);
    let take = ["sem", "acquire", "s", "--try", "--json", "-n"];
    let outcome = sb
        .ipc(take)
        .with(|c| {
            c.arg("4");
        })
        .run();
    outcome.code(1).stdout("").stderr("");
    assert_eq!(word(&sb, "s"), (3, 0));
    sb.ipc(take)
        .with(|c| {
            c.arg("3");
        })
        .run()
        .ok();
}

#[test]
fn a_wait_that_is_over_exits_124() {
    let sb = Sandbox::new();
    create(&sb, "s", 0);
    let began = std::time::Instant::now();
    sb.ipc(["sem", "acquire", "s", "-t", "150ms"])
        .run()
        .code(124)
        .stdout("")
        .stderr("ipc: sem acquire: /s: timed out\n");
    assert!(began.elapsed() >= std::time::Duration::from_millis(150));
    assert_eq!(word(&sb, "s"), (0, 0));
}

#[test]
fn release_beyond_the_maximum_exits_6_and_gives_nothing() {
    let sb = Sandbox::new();
    create(&sb, "s", 2_147_483_645);
    sb.ipc(["sem", "release", "s", "-n", "3"])
        .run()
        .code(6)
        .stderr("ipc: sem release: /s: value 2147483645 and 3 more would pass the maximum of 2147483647 (EOVERFLOW)\n");
    sb.ipc(["sem", "release", "s", "-n", "2"]).run().ok();
    assert_eq!(word(&sb, "s").0, 2_147_483_647);
    sb.ipc(["sem", "release", "s"]).run().code(6);
    sb.ipc(["sem", "release", "s", "-n", "2147483647"])
        .run()
        .code(6);
    assert_eq!(word(&sb, "s"), (2_147_483_647, 0));
}
