//! Nonsense from the other end, and things planted where a socket is to be.

use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};

use super::{file_of, left};
use crate::sandbox::{Sandbox, file, has, until};

#[test]
fn what_is_not_a_socket_is_never_replaced_nor_removed_nor_used() {
    let sb = Sandbox::new();
    let precious = file(&sb, "precious", b"precious");
    let target = UnixListener::bind(sb.folder().join("target")).unwrap();
    file(&sb, "regular", b"precious");
    symlink(&precious, sb.folder().join("symlink")).unwrap();
    symlink("target", sb.folder().join("to-a-socket")).unwrap();
    symlink("nowhere", sb.folder().join("dangling")).unwrap();
    sb.program("mkfifo", ["fifo"]).run().ok();
    std::fs::create_dir(sb.folder().join("folder")).unwrap();
    for plant in [
        "regular",
        "symlink",
        "to-a-socket",
        "dangling",
        "fifo",
        "folder",
    ] {
        let path = format!("./{plant}");
        let before = std::fs::symlink_metadata(sb.folder().join(plant)).unwrap();
        for verb in [
            &["listen"][..],
            &["recv"],
            &["serve", "-t", "1s", "--", "cat"],
            &["recv-fd"],
            &["connect"],
            &["send", "x"],
            &["call", "x"],
            &["send-fd", "0"],
            &["rm"],
            &["rm", "--force"],
            &["stat"],
            &["store", "0=x"],
            &["fetch"],
        ] {
            let (name, rest) = verb.split_first().unwrap();
            let words = ["sock", name, &path]
                .into_iter()
                .chain(rest.iter().copied());
            let refused = sb.ipc(words).run();
            refused.code(7).stderr_has("not a socket");
        }
        let after = std::fs::symlink_metadata(sb.folder().join(plant)).unwrap();
        use std::os::unix::fs::MetadataExt;
        assert_eq!(before.ino(), after.ino(), "{plant}");
    }
    assert_eq!(std::fs::read(precious).unwrap(), b"precious");
    drop(target);
}

#[test]
fn a_live_socket_of_another_program_is_never_replaced() {
    let sb = Sandbox::new();
    let path = sb.folder().join("theirs");
    let listener = UnixListener::bind(&path).unwrap();
    for kind in ["stream", "seqpacket", "dgram"] {
        sb.ipc(["sock", "recv", "./theirs", "--type", kind, "-t", "1s"])
            .run()
            .code(4)
            .stderr_has("a server is there already");
    }
    // The question did not disturb it: nobody has connected.
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err());
    drop(listener);
    // A child that another test starts has every descriptor until its exec.
    until("the listener to be closed everywhere", || {
        UnixStream::connect(&path).is_err()
    });
    // Dead, it is taken over.
    let receiver = sb.ipc(["sock", "recv", "./theirs", "-t", "30s"]).start();
    sb.ipc(["sock", "send", "./theirs", "--wait", "-t", "30s", "x"])
        .run()
        .ok();
    assert_eq!(receiver.finish().1, "x");
    assert!(!path.exists());
}

#[test]
fn a_runtime_folder_that_others_can_enter_is_not_used() {
    let sb = Sandbox::new();
    let run = sb.folder().join("run");
    std::fs::create_dir(&run).unwrap();
    std::fs::set_permissions(&run, std::fs::Permissions::from_mode(0o755)).unwrap();
    for verb in ["listen", "recv", "connect", "recv-fd"] {
        sb.ipc(["sock", verb, "x", "-t", "1s"])
            .run()
            .code(5)
            .stderr_has("is not a folder that belongs to you alone");
    }
    std::fs::set_permissions(&run, std::fs::Permissions::from_mode(0o700)).unwrap();
    let receiver = sb.ipc(["sock", "recv", "x", "-t", "30s"]).start();
    sb.ipc(["sock", "send", "x", "--wait", "-t", "30s", "y"])
        .run()
        .ok();
    assert_eq!(receiver.finish().1, "y");
}

#[test]
fn a_leftover_of_a_starter_that_was_killed_is_cleared() {
    let sb = Sandbox::new();
    std::fs::create_dir(sb.folder().join("run")).unwrap();
    let run = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(sb.folder().join("run"), run).unwrap();
    // SAFETY: has no precondition.
    let user = unsafe { libc::geteuid() };
    let draft = format!("run/.sock.{}.ipc.{user}", sb.full("s"));
    drop(UnixListener::bind(sb.folder().join(&draft)).unwrap());
    let mut server = sb.ipc(["sock", "serve", "s", "--", "cat"]).start();
    until("the socket", || file_of(&sb, "s").exists());
    // Whoever asks the kernel finds the name.
    let bound = sb.folder().join(draft).to_string_lossy().into_owned();
    // The kernel keeps no more than that.
    if bound.len() < 108 {
        let listed = std::fs::read_to_string("/proc/net/unix").unwrap();
        assert!(listed.contains(&bound), "{listed}");
    }
    assert!(
        file_of(&sb, "s")
            .metadata()
            .unwrap()
            .file_type()
            .is_socket()
    );
    server.signal(libc::SIGTERM);
    server.wait();
    assert!(left(&sb).is_empty(), "{:?}", left(&sb));
}

#[test]
fn nonsense_from_a_peer_does_not_disturb_a_holder() {
    if !has("python3") {
        return;
    }
    let sb = Sandbox::new();
    sb.sh("ipc sock store ./keep 0=in").run().ok();
    let nonsense = "import os, socket
for text in [b'', b'Z', b'S', b'Sa\\nb\\n', b'T\\xff\\n', b'!', b'3']:
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); s.settimeout(30); s.connect('./keep')
    if text: socket.send_fds(s, [text], [0] if text == b'Z' else [])
    s.close()";
    sb.program("python3", ["-c", nonsense]).run().ok();
    sb.ipc(["sock", "fetch", "./keep", "--list", "-t", "30s"])
        .run()
        .ok()
        .stdout("in\n");
    sb.ipc(["sock", "fetch", "./keep", "--exec", "--", "true"])
        .run()
        .ok();
}
