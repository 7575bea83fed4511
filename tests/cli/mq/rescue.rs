//! What can neither be delivered nor go back is saved, and where it could not be
//! nothing is taken.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{drain, saved, send};
use crate::sandbox::{Sandbox, file, has, is_root};

#[test]
fn a_failed_command_whose_place_was_taken_has_its_message_saved() {
    let sb = Sandbox::new();
    super::full_queue(&sb, "q");
    let script = "ipc mq send q new; exit 3";
    let failed = sb
        .ipc(["mq", "recv", "q", "--exec", "sh", "-c", script])
        .env("IPC_RUNTIME_DIR", sb.folder().join("run"))
        .run();
    let text = String::from_utf8(failed.code(3).stderr.clone()).unwrap();
    let (said, path) = text.trim_end().split_once(" is saved in ").unwrap();
    assert!(said.starts_with("ipc: mq recv: /"), "{said}");
    assert!(
        said.ends_with("a message of priority 0 could not go back and"),
        "{said}"
    );
    assert_eq!(std::fs::read(path).unwrap(), b"f1");
    assert_eq!(saved(&sb), [b"f1"]);
    assert_eq!(drain(&sb, "q"), ["f2", "f3", "f4", "new"]);
}

#[test]
fn a_message_whose_queue_was_removed_meanwhile_is_saved() {
    let sb = Sandbox::new();
    sb.queue("q");
    send(&sb, "q", &["in hand", "gone with the queue"]);
    sb.ipc([
        "mq",
        "recv",
        "q",
        "--exec",
        "sh",
        "-c",
        "ipc mq rm q; exit 3",
    ])
    .run()
    .code(3)
    .stderr_has("could not go back and is saved in ");
    assert_eq!(saved(&sb), [b"in hand"]);
}

/// Takes the place of the message in hand, makes the folder unusable, and fails.
const SPOILT: &str = "ipc mq send q new; ln -s nowhere \"$IPC_RUNTIME_DIR\"; exit 3";

#[test]
fn where_the_folder_went_bad_meanwhile_it_is_saved_among_temporary_files() {
    let sb = Sandbox::new();
    super::full_queue(&sb, "q");
    let temporary = sb.folder().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let failed = sb
        .ipc(["mq", "recv", "q", "--exec", "sh", "-c", SPOILT])
        .env("TMPDIR", &temporary)
        .run();
    let text = String::from_utf8(failed.code(3).stderr.clone()).unwrap();
    let (_, path) = text.trim_end().split_once(" is saved in ").unwrap();
    assert!(Path::new(path).starts_with(&temporary), "{text}");
    assert_eq!(std::fs::read(path).unwrap(), b"f1");
}

#[test]
fn a_message_that_cannot_even_be_saved_is_shown_escaped() {
    let sb = Sandbox::new();
    sb.queue("q");
    send(&sb, "q", &["two\nlines\x1b", "f2", "f3", "f4"]);
    sb.ipc(["mq", "recv", "q", "--exec", "sh", "-c", SPOILT])
        .env("TMPDIR", "/proc/no/such/folder")
        .run()
        .code(3)
        .stderr_has("it was: two\\nlines\\x1b");
}

/// The verbs that take messages, as they are called.
const TAKERS: [&[&str]; 3] = [
    &["mq", "recv", "q", "-t", "30s"],
    &["mq", "recv", "q", "--exec", "true"],
    &["mq", "move", "q", "other"],
];

#[test]
fn a_relative_runtime_folder_is_refused_before_a_message_is_taken() {
    let sb = Sandbox::new();
    sb.queue("q");
    sb.queue("other");
    send(&sb, "q", &["kept"]);
    for taker in TAKERS {
        let verb = taker[1];
        sb.ipc(taker)
            .env("IPC_RUNTIME_DIR", "run")
            .run()
            .code(2)
            .stdout("")
            .stderr(&format!(
                "ipc: mq {verb}: IPC_RUNTIME_DIR 'run': is a relative path, another folder in \
                 each directory\nhint: IPC_RUNTIME_DIR=/FOLDER, or unset IPC_RUNTIME_DIR\n"
            ));
    }
    assert!(!sb.folder().join("run").exists());
    assert_eq!(drain(&sb, "q"), ["kept"]);
}

#[test]
fn an_unusable_runtime_folder_is_refused_before_a_message_is_taken() {
    let sb = Sandbox::new();
    sb.queue("q");
    sb.queue("other");
    send(&sb, "q", &["kept"]);
    let open_to_all = sb.folder().join("open");
    std::fs::create_dir(&open_to_all).unwrap();
    std::fs::set_permissions(&open_to_all, Permissions::from_mode(0o755)).unwrap();
    let link = sb.folder().join("link");
    std::os::unix::fs::symlink(sb.folder(), &link).unwrap();
    let below_a_file = file(&sb, "file", b"").join("run");
    let nowhere = sb.folder().join("no/such");
    for (folder, code, why) in [
        (&open_to_all, 5, "is not a folder that belongs to you alone"),
        (&link, 5, "is not a folder that belongs to you alone"),
        (&below_a_file, 6, "(ENOTDIR)"),
        (
            &nowhere,
            6,
            "cannot be made, there is no such directory (ENOENT)",
        ),
    ] {
        for taker in TAKERS {
            let run = sb.ipc(taker).env("IPC_RUNTIME_DIR", folder).run();
            run.code(code).stdout("").stderr_has(why);
            run.stderr_has(&format!("runtime folder {}: ", folder.display()));
            run.stderr_has("\nhint: IPC_RUNTIME_DIR=/FOLDER names another one");
        }
    }
    assert_eq!(drain(&sb, "q"), ["kept"]);
}

#[test]
fn a_folder_that_may_not_be_written_is_refused_before_a_message_is_taken() {
    let sb = Sandbox::new();
    let script = "ipc -q mq create q --max-messages 2 --max-size 16 && ipc mq send q kept && \
        mkdir closed && chmod 500 closed && \
        for folder in closed closed/run; do \
            IPC_RUNTIME_DIR=$PWD/$folder ipc mq recv q -t 30s || echo $?; \
        done; \
        ipc mq recv q -t 30s; ipc mq rm q";
    // Root may write everywhere.
    let outcome = if is_root() {
        if !has("setpriv") {
            return;
        }
        let user = "chmod 777 . && exec setpriv --reuid 54321 --regid 54321 --clear-groups \
            sh -c \"$1\"";
        sb.program("sh", ["-c", user, "sh", script]).run()
    } else {
        sb.sh(script).run()
    };
    outcome.code(0).stdout("5\n5\nkept").stderr_has("(EACCES)");
}

#[test]
fn what_is_not_needed_is_not_made() {
    let sb = Sandbox::new();
    sb.queue("q");
    send(&sb, "q", &["one"]);
    sb.ipc(["mq", "recv", "q"]).run().ok().stdout("one");
    assert!(!sb.folder().join("run").exists());
}
