//! socat and Python on the other side, of every type, in both directions.

use std::path::Path;

use super::noise;
use crate::sandbox::{Sandbox, has};

/// Sends up, takes down, as client or server of a path.
const PYTHON: &str = "\
import os, socket, sys
role, kind, path = sys.argv[1:]
kind = {'stream': socket.SOCK_STREAM, 'seqpacket': socket.SOCK_SEQPACKET, 'dgram': socket.SOCK_DGRAM}[kind]
s = socket.socket(socket.AF_UNIX, kind)
s.settimeout(30)
if role == 'server':
    s.bind(path)
    if kind == socket.SOCK_DGRAM:
        first, peer = s.recvfrom(1 << 16)
        s.connect(peer)
        got = first
    else:
        s.listen(1)
        s = s.accept()[0]
        got = b''
else:
    if kind == socket.SOCK_DGRAM: s.bind(path + '.own')
    s.connect(path)
    got = b''
up = open('up', 'rb').read()
if role == 'client' and kind == socket.SOCK_DGRAM: s.send(b'')
for start in range(0, len(up), 10000): s.send(up[start:start + 10000])
if kind == socket.SOCK_DGRAM: s.send(b'')
else: s.shutdown(socket.SHUT_WR)
while True:
    data = s.recv(1 << 18)
    if not data: break
    got += data
open('got-by-peer', 'wb').write(got)
";

fn prepared(sb: &Sandbox) -> (Vec<u8>, Vec<u8>) {
    let bytes = noise(300_000);
    crate::sandbox::file(sb, "up", &bytes);
    crate::sandbox::file(sb, "down", &bytes[7..]);
    (bytes.clone(), bytes[7..].to_vec())
}

#[track_caller]
fn check(sb: &Sandbox, what: &str, up: &[u8], down: &[u8]) {
    let read = |name: &str| std::fs::read(sb.folder().join(name)).unwrap();
    assert!(read("got-by-ipc") == up, "{what}: what came to ipc");
    assert!(read("got-by-peer") == down, "{what}: what came to the peer");
}

#[test]
fn python_talks_both_ways_over_every_type_from_either_side() {
    if !has("python3") {
        return;
    }
    for kind in ["stream", "seqpacket", "dgram"] {
        for (ours, theirs) in [("listen", "client"), ("connect", "server")] {
            let sb = Sandbox::new();
            let (up, down) = prepared(&sb);
            crate::sandbox::file(&sb, "peer.py", PYTHON.as_bytes());
            // The first datagram of a client only says where it is.
            if kind == "dgram" && theirs == "client" {
                continue;
            }
            let script = match ours {
                "listen" => {
                    "ipc sock listen ./s --type $KIND -t 30s < down > got-by-ipc &
                     until [ -S s ]; do :; done
                     python3 peer.py client $KIND ./s || exit; wait $!"
                }
                _ => {
                    "python3 peer.py server $KIND ./s &
                     ipc sock connect ./s --wait --type $KIND -t 30s < down > got-by-ipc || exit
                     wait $!"
                }
            };
            sb.sh(script).env("KIND", kind).run().ok();
            check(&sb, &format!("{kind}, {ours}"), &up, &down);
        }
    }
}

#[test]
fn a_datagram_client_in_python_is_answered() {
    if !has("python3") {
        return;
    }
    let sb = Sandbox::new();
    let client = "import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.settimeout(30)
s.bind('./own')
s.connect('./s')
s.send(b'question')
print(s.recv(100).decode())
s.send(b'')";
    crate::sandbox::file(&sb, "client.py", client.as_bytes());
    sb.sh(
        "echo answer | ipc sock listen ./s --type dgram --lines -t 30s > got &
           until [ -S s ]; do :; done; python3 client.py || exit; wait $!",
    )
    .run()
    .ok()
    .stdout("answer\n");
    let got = std::fs::read_to_string(sb.folder().join("got")).unwrap();
    assert_eq!(got, "question\n");
}

#[test]
fn socat_talks_both_ways_from_either_side() {
    if !has("socat") {
        return;
    }
    for (kind, number) in [("stream", "1"), ("seqpacket", "5")] {
        for script in [
            "ipc sock listen ./s --type $KIND -t 30s < down > got-by-ipc &
             until [ -S s ]; do :; done
             socat -b 100000 -t 30 - UNIX-CONNECT:./s,type=$NUMBER < up > got-by-peer || exit; wait $!",
            "socat -b 100000 -t 30 - UNIX-LISTEN:./s,type=$NUMBER < up > got-by-peer &
             ipc sock connect ./s --wait --type $KIND -t 30s < down > got-by-ipc || exit
             wait $!",
        ] {
            let sb = Sandbox::new();
            let (up, down) = prepared(&sb);
            sb.sh(script)
                .env("KIND", kind)
                .env("NUMBER", number)
                .run()
                .ok();
            check(&sb, &format!("{kind}: {script}"), &up, &down);
        }
    }
}

#[test]
fn socat_sends_and_takes_datagrams() {
    if !has("socat") {
        return;
    }
    let sb = Sandbox::new();
    sb.sh(
        "ipc sock recv ./s --type dgram -n 1 -t 30s > got & until [ -S s ]; do :; done
           printf one | socat -u - UNIX-SENDTO:./s; wait $!",
    )
    .run()
    .ok();
    assert_eq!(std::fs::read(sb.folder().join("got")).unwrap(), b"one");
    sb.sh("timeout 30 socat -u UNIX-RECV:./r OPEN:got2,creat & P=$!
           ipc sock send ./r --type dgram --wait -t 30s two
           until [ -s got2 ]; do :; done; kill $P; wait $P 2>/dev/null; :")
        .run()
        .ok();
    assert_eq!(std::fs::read(sb.folder().join("got2")).unwrap(), b"two");
}

#[test]
fn foreign_clients_call_a_server_and_foreign_servers_are_called() {
    if !has("socat") {
        return;
    }
    let sb = Sandbox::new();
    let _server = sb
        .ipc([
            "sock", "serve", "./s", "-t", "30s", "--", "tr", "a-z", "A-Z",
        ])
        .start();
    crate::sandbox::until("the socket", || Path::exists(&sb.folder().join("s")));
    sb.sh("printf hello | socat -t 30 - UNIX-CONNECT:./s")
        .run()
        .ok()
        .stdout("HELLO");
    sb.sh("socat UNIX-LISTEN:./t EXEC:'tr a-z A-Z' &
           ipc sock call ./t --wait -t 30s hello; wait $!")
        .run()
        .ok()
        .stdout("HELLO");
}
