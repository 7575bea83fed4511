//! What `stat` and its like see, and where they look.

use super::echoing;
use crate::sandbox::{Sandbox, until};

#[test]
fn a_runtime_folder_that_cannot_be_used_is_named_and_not_the_socket() {
    let sb = Sandbox::new();
    let open = sb.folder().join("open");
    std::fs::create_dir(&open).unwrap();
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).unwrap();
    let within = |folder: &std::path::Path, words: &[&str]| {
        sb.ipc(["sock"].iter().chain(words))
            .env("IPC_RUNTIME_DIR", folder)
            .run()
    };
    let hint = "hint: IPC_RUNTIME_DIR=/FOLDER names another one";
    let refused = format!(
        "runtime folder {}: is not a folder that belongs to you alone (mode 0700)\n{hint}",
        open.display()
    );
    for words in [
        &["stat", "x"][..],
        &["rm", "x"],
        &["ls"],
        &["fetch", "x"],
        &["store", "x", "0"],
        &["recv", "x", "--try"],
    ] {
        within(&open, words).code(5).stderr_has(&refused);
    }
    let missing = sb.folder().join("missing");
    let none = format!(
        "/x: no such socket: there is no runtime folder {} (ENOENT)\n{hint}",
        missing.display()
    );
    for verb in ["stat", "rm"] {
        within(&missing, &[verb, "x"]).code(3).stderr_has(&none);
        // To look makes nothing.
        assert!(!missing.exists());
    }
    let deep = missing.join("deep");
    let unmade = format!(
        "runtime folder {}: cannot be made, there is no such directory (ENOENT)\n{hint}",
        deep.display()
    );
    for words in [&["send", "x", "y"][..], &["store", "x", "0"]] {
        within(&deep, words).code(6).stderr_has(&unmade);
    }
    within(&deep, &["stat", "@x"]).code(3);
}

#[test]
fn what_an_abstract_name_has_not_is_null() {
    let sb = Sandbox::new();
    let server = echoing(&sb, "@bus");
    until("the server", || {
        sb.ipc(["sock", "stat", "@bus"]).run().status.success()
    });
    let seen = sb.ipc(["sock", "stat", "@bus", "--json"]).run();
    let seen = &seen.ok().json()["objects"][0];
    for key in ["path", "mode", "gid", "modified"] {
        assert!(
            seen.get(key).is_some_and(serde_json::Value::is_null),
            "{key}"
        );
    }
    assert_eq!(seen["pids"][0], server.pid());
    // SAFETY: a plain system call without arguments.
    assert_eq!(seen["uid"], unsafe { libc::geteuid() });
    // The identity is that of the socket, as the descriptors of its server show it.
    let link = format!("socket:[{}]", seen["inode"]);
    let fds = std::fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap();
    let mut links = fds.map(|fd| std::fs::read_link(fd.unwrap().path()).unwrap());
    assert!(links.any(|found| found.as_os_str() == link.as_str()));
    let shown = sb.ipc(["sock", "stat", "@bus"]).run();
    let shown = String::from_utf8_lossy(&shown.ok().stdout).into_owned();
    for key in ["path:", "mode:", "gid:", "modified:"] {
        assert!(shown.contains(&format!("{key:<13} -\n")), "{shown}");
    }
}
