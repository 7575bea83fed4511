//! Other users at the other end.

use std::os::unix::fs::PermissionsExt;

use super::noise;
use crate::sandbox::{Sandbox, file, has, is_root, skip, until};

const NOBODY: [&str; 4] = ["--reuid=65534", "--regid=65534", "--clear-groups", "--"];

/// Whether another user can be played; the folder is then open to it.
fn has_stranger(sb: &Sandbox) -> bool {
    if !is_root() {
        skip("only root can start a process of another user");
        return false;
    }
    let open = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(sb.folder(), open).unwrap();
    true
}

#[test]
fn a_stranger_is_turned_away_and_told_of_and_the_next_one_is_served() {
    let sb = Sandbox::new();
    if !has_stranger(&sb) {
        return;
    }
    for name in ["@door", "./door"] {
        let serve = [
            "sock", "serve", name, "--mode", "0777", "-n", "1", "-t", "30s", "--", "cat",
        ];
        let server = sb.ipc(serve).start();
        let call = [
            "ipc",
            "sock",
            "call",
            name,
            "--wait",
            "-t",
            "30s",
            "--allow-uid",
            "any",
            "let me in",
        ];
        let refused = sb.program("setpriv", NOBODY.iter().chain(&call)).run();
        assert_eq!(String::from_utf8_lossy(&refused.stdout), "", "{refused}");
        sb.ipc(["sock", "call", name, "-t", "30s", "me"])
            .run()
            .ok()
            .stdout("me");
        let (status, _, stderr) = server.finish();
        assert_eq!(status.code(), Some(0));
        assert!(stderr.contains("of user 65534 is refused"), "{stderr}");
        assert!(stderr.contains("hint: --allow-uid 65534"), "{stderr}");
    }
}

#[test]
fn who_is_turned_away_ends_with_5() {
    let sb = Sandbox::new();
    if !has_stranger(&sb) {
        return;
    }
    let big = file(&sb, "big", &noise(3_000_000));
    let big = big.to_str().unwrap();
    for kind in ["stream", "seqpacket"] {
        let form = ["--type", kind, "-t", "30s"];
        let guarded = [
            &["serve", "@door", "-n", "1"][..],
            &["listen", "@door", "-q"],
            &["recv", "@door"],
        ];
        let refused = [
            &["call", "@door", "x"][..],
            &["call", "@door", "--lines", "x"],
            &["connect", "@door"],
            &["send", "@door", "--confirm", "x"],
            &["send", "@door", "--confirm", "-f", big],
            &["send", "@door", "--lines", "-f", big],
        ];
        for server in guarded {
            let command = ["--", "cat"].iter().filter(|_| server[0] == "serve");
            let server = ["sock"].iter().chain(server).chain(&form).chain(command);
            let server = sb.ipc(server).start();
            for verb in refused {
                let more = form.iter().chain(&["--wait", "--allow-uid", "0"]);
                let words = ["ipc", "sock"].iter().chain(verb).chain(more);
                sb.program("setpriv", NOBODY.iter().chain(words))
                    .run()
                    .code(5)
                    .stderr_has("the other side turned user 65534 away");
            }
            let _ = sb
                .ipc(["sock", "send", "@door"].iter().chain(&form).chain(&["me"]))
                .run();
            server.finish();
        }
    }
    let receiver = sb.ipc(["sock", "recv-fd", "@door", "-t", "30s"]).start();
    let send = [
        "ipc", "sock", "send-fd", "@door", "0", "--wait", "-t", "30s",
    ];
    let refused = sb.program("setpriv", NOBODY.iter().chain(&send)).run();
    refused.code(5).stderr_has("turned user 65534 away");
    sb.sh("ipc sock send-fd @door 0 -t 30s").run().ok();
    assert_eq!(receiver.finish().0.code(), Some(0));
}

#[test]
fn another_program_that_is_turned_away_sees_the_end_and_nothing_else() {
    let sb = Sandbox::new();
    if !has_stranger(&sb) || !has("python3") {
        return;
    }
    for (kind, name) in [("stream", "SOCK_STREAM"), ("seqpacket", "SOCK_SEQPACKET")] {
        let serve = [
            "sock", "serve", "@door", "--type", kind, "-n", "1", "-t", "30s", "--", "cat",
        ];
        let server = sb.ipc(serve).start();
        until("the server", || {
            let seen = sb.ipc(["sock", "stat", "@door"]).run();
            seen.status.success()
        });
        let address = sb.full("door");
        let client = format!(
            "import os, socket
os.setgroups([]); os.setgid(65534); os.setuid(65534)
s = socket.socket(socket.AF_UNIX, socket.{name}); s.settimeout(30); s.connect(chr(0) + '{address}')
print(s.recv(100))"
        );
        sb.program("python3", ["-c", &client])
            .run()
            .ok()
            .stdout("b''\n");
        sb.ipc(["sock", "call", "@door", "--type", kind, "-t", "30s", "me"])
            .run()
            .ok()
            .stdout("me");
        assert_eq!(server.finish().0.code(), Some(0));
    }
}

#[test]
fn a_stranger_who_is_allowed_comes_in() {
    let sb = Sandbox::new();
    if !has_stranger(&sb) {
        return;
    }
    for user in ["65534", "nobody", "any"] {
        let serve = [
            "sock",
            "serve",
            "@door",
            "--allow-uid",
            user,
            "-n",
            "1",
            "-t",
            "30s",
            "--",
        ];
        let script = ["sh", "-c", "echo user $IPC_PEER_UID"];
        let _server = sb.ipc(serve.iter().chain(&script)).start();
        let call = [
            "ipc",
            "sock",
            "call",
            "@door",
            "--wait",
            "-t",
            "30s",
            "--allow-uid",
            "0",
            "x",
        ];
        sb.program("setpriv", NOBODY.iter().chain(&call))
            .run()
            .ok()
            .stdout("user 65534\n");
    }
    sb.ipc([
        "sock",
        "serve",
        "@door",
        "--allow-uid",
        "no such user",
        "--",
        "cat",
    ])
    .run()
    .code(2);
}

#[test]
fn datagrams_of_strangers_are_dropped() {
    let sb = Sandbox::new();
    if !has_stranger(&sb) {
        return;
    }
    for more in [&["-n", "1"][..], &[]] {
        let recv = ["sock", "recv", "@box", "--type", "dgram", "-t", "30s"];
        let receiver = sb.ipc(recv.iter().chain(more)).start();
        let send = [
            "ipc",
            "sock",
            "send",
            "@box",
            "--wait",
            "-t",
            "30s",
            "--type",
            "dgram",
            "--allow-uid",
            "any",
            "evil",
        ];
        sb.program("setpriv", NOBODY.iter().chain(&send)).run().ok();
        sb.ipc([
            "sock", "send", "@box", "-t", "30s", "--type", "dgram", "good",
        ])
        .run()
        .ok();
        assert_eq!(receiver.finish().1, "good");
    }
}

#[test]
fn a_server_of_a_stranger_under_an_abstract_name_is_not_trusted() {
    let sb = Sandbox::new();
    if !has_stranger(&sb) {
        return;
    }
    let serve = [
        "ipc",
        "sock",
        "serve",
        "@trap",
        "--allow-uid",
        "any",
        "-t",
        "30s",
        "--",
        "cat",
    ];
    let _trap = sb.program("setpriv", NOBODY.iter().chain(&serve)).start();
    for verb in [
        &["call", "@trap", "x"][..],
        &["connect", "@trap"],
        &["send", "@trap", "x"],
        &["send-fd", "@trap", "0"],
    ] {
        let words = ["sock"].iter().chain(verb).chain(&["--wait", "-t", "30s"]);
        sb.ipc(words)
            .run()
            .code(5)
            .stderr_has("of user 65534 is refused");
    }
    sb.ipc([
        "sock",
        "call",
        "@trap",
        "--allow-uid",
        "65534",
        "-t",
        "30s",
        "x",
    ])
    .run()
    .ok()
    .stdout("x");
}
