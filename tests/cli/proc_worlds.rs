//! `ipc proc`: the signals of the caller, and other users.

use crate::proc::{join, left};
use crate::sandbox::{Sandbox, is_root, patience, skip};

#[test]
fn the_mask_and_what_is_ignored_reach_the_command() {
    let sb = Sandbox::new();
    // Blocked and ignored in the caller, and neither.
    let cases: [(&[i32], &[i32]); 4] = [
        (&[], &[]),
        (&[libc::SIGTERM, libc::SIGUSR1], &[]),
        (&[], &[libc::SIGHUP, libc::SIGPIPE, libc::SIGCHLD]),
        (
            &[libc::SIGCHLD, libc::SIGINT],
            &[libc::SIGQUIT, libc::SIGUSR2, libc::SIGXFSZ],
        ),
    ];
    for (blocked, ignored) in cases {
        let (blocked, ignored) = (blocked.to_vec(), ignored.to_vec());
        let show = ["grep", "^Sig[BIC]", "/proc/self/status"];
        let direct = sb
            .program(show[0], &show[1..])
            .with(|command| set(command, &blocked, &ignored));
        let direct = direct.run();
        let words = ["-q", "proc", "start", "m", "--"].iter().chain(&show);
        sb.ipc(words)
            .with(|command| set(command, &blocked, &ignored))
            .run()
            .code(0);
        assert_eq!(join(&sb, "m"), 0);
        sb.ipc(["proc", "logs", "m"])
            .run()
            .ok()
            .stdout_bytes(&direct.stdout);
        sb.ipc(["proc", "rm", "m"]).run().ok();
    }
}

/// Starts the command with these signals blocked and ignored.
fn set(command: &mut std::process::Command, blocked: &[i32], ignored: &[i32]) {
    use std::os::unix::process::CommandExt;
    let (blocked, ignored) = (blocked.to_vec(), ignored.to_vec());
    let change = move || {
        for signal in &ignored {
            // SAFETY: sets a disposition that is no handler.
            unsafe { libc::signal(*signal, libc::SIG_IGN) };
        }
        // SAFETY: all zeros is a valid value of this plain C struct.
        let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
        for signal in &blocked {
            // SAFETY: the set is valid and the number is that of a signal.
            unsafe { libc::sigaddset(&raw mut set, *signal) };
        }
        // SAFETY: the set outlives the call.
        unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) };
        Ok(())
    };
    // SAFETY: the closure makes async-signal-safe calls alone.
    unsafe { command.pre_exec(change) };
}

#[test]
fn it_works_for_a_user_without_privileges() {
    let sb = Sandbox::new();
    if !is_root() {
        // All other tests are the proof.
        return;
    }
    use std::os::unix::fs::{PermissionsExt, chown};
    let run = sb.folder().join("run-of-nobody");
    std::fs::create_dir(&run).unwrap();
    std::fs::set_permissions(&run, std::fs::Permissions::from_mode(0o700)).unwrap();
    chown(&run, Some(65_534), Some(65_534)).unwrap();
    let binary = sb.ipc_for_all();
    let script = format!(
        "cd /; ipc() {{ {} \"$@\"; }}; ipc -q proc start u -- sh -c 'exit 5' >/dev/null && \
         ipc proc join u --timeout {}s; echo $?; ipc proc rm u; echo $?",
        binary.display(),
        patience().as_secs()
    );
    sb.program("sh", ["-c", &script])
        .env("IPC_RUNTIME_DIR", &run)
        .by_nobody()
        .run()
        .ok()
        .stdout("5\n0\n");
}

#[test]
fn a_set_user_id_binary_refuses_to_run() {
    use std::os::unix::fs::PermissionsExt;
    let sb = Sandbox::new();
    if !is_root() {
        return skip("only root can give a file to root");
    }
    let of_root = std::fs::Permissions::from_mode(0o4755);
    std::fs::set_permissions(sb.ipc_for_all(), of_root).unwrap();
    let refused = sb.ipc_as_nobody(["proc", "start", "x", "--", "true"]).run();
    if refused.status.code() != Some(5) && is_nosuid(sb.folder()) {
        return skip("the temporary folder is mounted nosuid");
    }
    refused.code(5).stderr_has("refuses to be set-user-ID");
    sb.ipc_as_nobody(["lock", "run", "x", "--", "true"])
        .run()
        .code(125);
    assert_eq!(left(&sb), Vec::<String>::new());
}

fn is_nosuid(folder: &std::path::Path) -> bool {
    use std::os::unix::ffi::OsStrExt;
    let path = std::ffi::CString::new(folder.as_os_str().as_bytes()).unwrap();
    // SAFETY: all zeros is a valid value of this plain C struct.
    let mut found: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: the path and the struct outlive the call.
    unsafe { libc::statvfs(path.as_ptr(), &raw mut found) };
    found.f_flag & libc::ST_NOSUID != 0
}
