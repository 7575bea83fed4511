//! SIGKILL of either side, again and again, and nothing left behind.

use std::io::Write;

use super::{file_of, left};
use crate::sandbox::{Sandbox, until};

const ROUNDS: usize = 200;

#[test]
fn the_next_server_binds_at_once_after_each_of_two_hundred_kills() {
    let sb = Sandbox::new();
    let serve = ["sock", "serve", "s", "-t", "30s", "--", "cat"];
    for round in 0..ROUNDS {
        let mut server = sb.ipc(serve).start();
        // Half of them are killed at any moment of their start.
        if round % 2 == 0 {
            sb.ipc(["sock", "call", "s", "--wait", "-t", "30s", "ping"])
                .run()
                .ok()
                .stdout("ping");
        }
        server.signal(libc::SIGKILL);
        server.wait();
    }
    let mut last = sb.ipc(serve).start();
    sb.ipc(["sock", "call", "s", "--wait", "-t", "30s", "last"])
        .run()
        .ok()
        .stdout("last");
    last.signal(libc::SIGTERM);
    last.wait();
    assert!(left(&sb).is_empty(), "{:?}", left(&sb));
}

#[test]
fn a_server_goes_on_when_two_hundred_clients_are_killed() {
    let sb = Sandbox::new();
    let serve = ["sock", "serve", "s", "--json", "-t", "30s", "--", "cat"];
    let mut server = sb.ipc(serve).start();
    let connect = ["sock", "connect", "s", "--wait", "-t", "30s"];
    for round in 0..ROUNDS {
        let (mut client, mut input) = sb.ipc(connect).start_with_input();
        if round % 2 == 0 {
            input.write_all(b"x\n").unwrap();
            assert_eq!(client.line(), "x");
        }
        client.signal(libc::SIGKILL);
        client.wait();
        if round % 2 == 0 {
            assert!(server.line().contains("\"exit_code\":0"), "round {round}");
        }
    }
    sb.ipc(["sock", "call", "s", "-t", "30s", "last"])
        .run()
        .ok()
        .stdout("last");
    let open = std::fs::read_dir(format!("/proc/{}/fd", server.pid()))
        .unwrap()
        .count();
    assert!(open < 10, "{open} descriptors are open");
    server.signal(libc::SIGTERM);
    server.wait();
    assert!(left(&sb).is_empty(), "{:?}", left(&sb));
}

#[test]
fn of_many_starters_over_a_dead_socket_exactly_one_wins() {
    let sb = Sandbox::new();
    for _ in 0..20 {
        let mut dead = sb.ipc(["sock", "serve", "s", "--", "cat"]).start();
        until("the socket", || file_of(&sb, "s").exists());
        dead.signal(libc::SIGKILL);
        dead.wait();
        let serve = ["sock", "serve", "s", "-n", "1", "-t", "30s", "--", "cat"];
        let mut starters: Vec<_> = (0..6).map(|_| sb.ipc(serve).start()).collect();
        let mut lost = 0;
        until("five to lose", || {
            starters.retain_mut(|starter| {
                let path = format!("/proc/{}/stat", starter.pid());
                let is_over = std::fs::read_to_string(path).unwrap().contains(") Z ");
                if is_over {
                    assert_eq!(starter.wait().code(), Some(4));
                    lost += 1;
                }
                !is_over
            });
            lost == 5
        });
        sb.ipc(["sock", "call", "s", "--wait", "-t", "30s", "x"])
            .run()
            .ok()
            .stdout("x");
        assert_eq!(starters.pop().unwrap().finish().0.code(), Some(0));
    }
}

#[test]
fn a_killed_peer_is_an_end_whatever_the_type() {
    let sb = Sandbox::new();
    for kind in ["stream", "seqpacket", "dgram"] {
        let listen = [
            "sock", "listen", "x", "--lines", "-t", "30s", "--type", kind,
        ];
        let (mut one, _one_in) = sb.ipc(listen).start_with_input();
        let connect = [
            "sock", "connect", "x", "--lines", "--wait", "-t", "30s", "--type", kind,
        ];
        let (mut two, mut two_in) = sb.ipc(connect).start_with_input();
        two_in.write_all(b"hello\n").unwrap();
        assert_eq!(one.line(), "hello");
        two.signal(libc::SIGKILL);
        two.wait();
        assert_eq!(one.wait().code(), Some(0), "{kind}");
    }
}

#[test]
fn a_sender_learns_that_its_receiver_was_killed() {
    let sb = Sandbox::new();
    for kind in ["stream", "seqpacket"] {
        let mut receiver = sb
            .ipc(["sock", "recv", "x", "-t", "30s", "--type", kind])
            .start();
        let send = [
            "sock", "send", "x", "--wait", "-t", "30s", "--lines", "--type", kind,
        ];
        let (sender, mut input) = sb.ipc(send).start_with_input();
        input.write_all(b"first\n").unwrap();
        let mut byte = [0; 5];
        std::io::Read::read_exact(&mut Reader(&mut receiver), &mut byte).unwrap();
        receiver.signal(libc::SIGKILL);
        receiver.wait();
        let (status, _, stderr) = sender.finish();
        assert_eq!(status.code(), Some(7), "{kind}: {stderr}");
        assert!(stderr.contains("the other side is gone"), "{stderr}");
        drop(input);
    }
}

/// Bytes that a program prints without a line end.
struct Reader<'a>(&'a mut crate::sandbox::Running);

impl std::io::Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buffer)
    }
}
