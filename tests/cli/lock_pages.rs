//! `ipc lock` and what may lie under its name: cut, foreign, planted files.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::sandbox::{Sandbox, is_root, skip};
use crate::shell::someone;

/// Verbs that open a lock.
const VERBS: [&[&str]; 8] = [
    &["acquire", "L", "--try"],
    &["acquire", "L", "--try", "--shared"],
    &["release", "L"],
    &["status", "L"],
    &["status", "L", "--mine"],
    &["verify", "L", "1"],
    &["break", "L"],
    &["create", "L", "--if-exists", "open"],
];

fn path(sb: &Sandbox) -> PathBuf {
    Path::new("/dev/shm").join(format!("ipc.lock.{}", sb.full("L")))
}

/// Every verb refuses with 7, `stat` and `ls` show what it is, `rm` removes it.
#[track_caller]
fn is_refused(sb: &Sandbox, words: &str, status: &str) {
    for verb in VERBS {
        sb.ipc([&["lock"], verb].concat())
            .run()
            .code(7)
            .stderr_has(words);
    }
    sb.ipc(["lock", "run", "L", "--", "true"])
        .run()
        .code(125)
        .stderr_has(words);
    for verb in ["stat", "ls"] {
        let shown = sb.ipc(["lock", verb, "L", "--json"]).run();
        assert_eq!(shown.ok().json()["objects"][0]["status"], status);
    }
    sb.ipc(["lock", "rm", "L"]).run().ok();
    assert!(fs::symlink_metadata(path(sb)).is_err());
}

#[test]
fn a_file_of_another_size_is_7() {
    let sb = Sandbox::new();
    for size in [0, 1, 16, 31, 33, 4095, 4097] {
        fs::write(path(&sb), vec![0xa5; size]).unwrap();
        let status = if size == 0 { "empty" } else { "corrupt" };
        is_refused(&sb, &format!("{size} bytes instead of 4096"), status);
    }
    fs::File::create(path(&sb))
        .unwrap()
        .set_len(1 << 40)
        .unwrap();
    is_refused(&sb, "bytes instead of 4096", "corrupt");
}

#[test]
fn a_page_of_zeros_or_noise_is_7() {
    let sb = Sandbox::new();
    for byte in [0, 0xff, b'i'] {
        fs::write(path(&sb), vec![byte; 4096]).unwrap();
        is_refused(&sb, "its first bytes are others", "corrupt");
    }
}

#[test]
fn the_page_of_another_kind_is_7() {
    let sb = Sandbox::new();
    sb.ipc(["event", "set", "e"]).run().ok();
    fs::copy(format!("/dev/shm/ipc.event.{}", sb.full("e")), path(&sb)).unwrap();
    is_refused(&sb, "is no lock", "corrupt");
}

/// F39.
#[test]
fn another_version_of_the_layout_is_7_and_both_are_named() {
    let sb = Sandbox::new();
    for version in [0_u32, 2, u32::MAX] {
        sb.ipc(["-q", "lock", "create", "L"]).run().ok();
        let mut bytes = fs::read(path(&sb)).unwrap();
        bytes[16..20].copy_from_slice(&version.to_ne_bytes());
        fs::write(path(&sb), bytes).unwrap();
        is_refused(
            &sb,
            &format!("has layout version {version}, this ipc knows 1"),
            "corrupt",
        );
    }
}

#[test]
fn more_slots_than_there_can_be_is_7() {
    let sb = Sandbox::new();
    for slots in [241_u32, u32::MAX] {
        sb.ipc(["-q", "lock", "create", "L"]).run().ok();
        let mut bytes = fs::read(path(&sb)).unwrap();
        bytes[20..24].copy_from_slice(&slots.to_ne_bytes());
        fs::write(path(&sb), bytes).unwrap();
        is_refused(&sb, &format!("{slots} slots"), "corrupt");
    }
}

/// F18.
#[test]
fn planted_links_fifos_and_folders_are_7_and_their_victims_unchanged() {
    let sb = Sandbox::new();
    let victim = sb.folder().join("victim");
    fs::write(&victim, b"precious").unwrap();
    symlink(&victim, path(&sb)).unwrap();
    is_refused(&sb, "is a symlink, not an object", "symlink");
    symlink(sb.folder().join("nowhere"), path(&sb)).unwrap();
    is_refused(&sb, "is a symlink, not an object", "symlink");
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
    sb.program("mkfifo", [path(&sb)]).run().ok();
    is_refused(&sb, "is a fifo, not an object", "fifo");
    fs::create_dir(path(&sb)).unwrap();
    sb.ipc(["lock", "acquire", "L"])
        .run()
        .code(7)
        .stderr_has("is a directory");
    sb.ipc(["lock", "rm", "L"]).run().code(7);
    fs::remove_dir(path(&sb)).unwrap();
}

#[test]
fn a_lock_with_two_names_is_7() {
    let sb = Sandbox::new();
    sb.ipc(["-q", "lock", "create", "other"]).run().ok();
    let other = format!("/dev/shm/ipc.lock.{}", sb.full("other"));
    let before = fs::read(&other).unwrap();
    fs::hard_link(&other, path(&sb)).unwrap();
    is_refused(&sb, "hard links", "hard-linked");
    assert_eq!(fs::read(&other).unwrap(), before);
    sb.ipc(["lock", "acquire", "other"]).run().ok();
}

/// F11.
#[test]
fn a_lock_cut_under_a_waiter_ends_it_with_7_and_no_signal() {
    let sb = Sandbox::new();
    for size in [0, 100] {
        let owner = someone(&sb);
        sb.ipc(["lock", "acquire", "L"]).run().ok();
        let waiter = sb
            .ipc([
                "lock",
                "acquire",
                "L",
                "--owner",
                &owner.pid_text(),
                "-t",
                "30s",
            ])
            .start();
        waiter.blocked();
        let file = fs::OpenOptions::new().write(true).open(path(&sb)).unwrap();
        file.set_len(size).unwrap();
        // Its re-check finds what nobody tells it.
        let (status, _, said) = waiter.finish();
        assert_eq!(status.code(), Some(7), "{said}");
        sb.ipc(["lock", "rm", "L"]).run().ok();
    }
}

/// Whether there can be another user; says so when not.
fn has_nobody() -> bool {
    if !is_root() {
        skip("takes root, to be another user");
    }
    is_root()
}

#[test]
fn the_lock_of_another_user_is_5_and_can_be_looked_at() {
    let sb = Sandbox::new();
    if !has_nobody() {
        return;
    }
    sb.ipc(["lock", "acquire", "L"]).run().ok();
    for verb in &VERBS {
        sb.ipc_as_nobody([&["lock"], *verb].concat()).run().code(5);
    }
    sb.ipc_as_nobody(["lock", "rm", "-f", "L"]).run().code(5);
    sb.ipc_as_nobody(["lock", "run", "L", "--", "true"])
        .run()
        .code(125);
    let shown = sb.ipc_as_nobody(["lock", "stat", "L", "--json"]).run();
    assert_eq!(shown.ok().json()["objects"][0]["status"], "unreadable");
    sb.ipc(["lock", "status", "L", "--mine"]).run().code(0);
}

#[test]
fn a_lock_with_a_mode_for_all_is_shared_between_users() {
    let sb = Sandbox::new();
    if !has_nobody() {
        return;
    }
    let holder = someone(&sb);
    sb.ipc(["-q", "lock", "create", "L", "--mode", "0666"])
        .run()
        .ok();
    sb.ipc(["lock", "acquire", "L", "--owner", &holder.pid_text()])
        .run()
        .ok();
    sb.ipc_as_nobody(["lock", "acquire", "L", "--try"])
        .run()
        .code(1);
    let waiter = sb
        .ipc_as_nobody(["lock", "acquire", "L", "-t", "30s"])
        .start();
    waiter.blocked();
    let dead = format!("recovered from dead owner {}", holder.pid());
    holder.die();
    let (status, _, said) = waiter.finish();
    assert!(status.success() && said.contains(&dead), "{said}");
}

#[test]
fn a_setuid_command_can_hold_a_lock() {
    let sb = Sandbox::new();
    if !has_nobody() {
        return;
    }
    let program = sb.folder().join("id");
    // By another program: a file that this one has open for writing while it
    // forks elsewhere cannot be executed.
    let copied = program.to_str().unwrap();
    sb.program("cp", ["/usr/bin/id", copied]).run().ok();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o4755)).unwrap();
    fs::set_permissions(sb.folder(), fs::Permissions::from_mode(0o755)).unwrap();
    sb.ipc(["-q", "lock", "create", "L", "--mode", "0666"])
        .run()
        .ok();
    let words = [program.to_str().unwrap(), "-u"];
    let plain = sb.program(words[0], [words[1]]).by_nobody().run();
    let held = sb
        .ipc_as_nobody(["lock", "run", "L", "--", words[0], words[1]])
        .run();
    held.ok().stdout_bytes(&plain.stdout);
    if plain.stdout != b"0\n" {
        skip("the temporary folder has no setuid programs");
    }
    sb.ipc(["lock", "status", "L"]).run().ok().stdout("free\n");
}
