//! Holders of descriptors that nothing leads to any more.

use super::file_of;
use super::store::{holder, is_gone};
use crate::sandbox::{Sandbox, has};

#[test]
fn a_holder_whose_file_is_removed_ends() {
    let sb = Sandbox::new();
    let plain = format!("rm '{}'", file_of(&sb, "keep").display());
    for removal in [plain.as_str(), "ipc sock rm --force keep", "rm -r run"] {
        let script = "mkfifo end; exec 4<> end; ipc sock store keep 4=end; rm end";
        sb.sh(script).run().ok();
        let pid = holder(&sb, "keep");
        sb.sh(removal).run().ok();
        is_gone(&sb, pid);
        sb.ipc(["sock", "fetch", "keep"]).run().code(3);
    }
}

#[test]
fn a_holder_whose_file_is_replaced_ends_and_leaves_the_other_alone() {
    let sb = Sandbox::new();
    sb.sh("ipc sock store ./keep 0=old").run().ok();
    let old = holder(&sb, "./keep");
    sb.sh("ipc sock store ./other 0=new; mv other keep")
        .run()
        .ok();
    let new = holder(&sb, "./keep");
    assert_ne!(old, new);
    is_gone(&sb, old);
    sb.ipc(["sock", "fetch", "./keep", "--exec", "--", "true"])
        .run()
        .ok();
    is_gone(&sb, new);
}

#[test]
fn a_holder_whose_file_has_another_name_is_found_by_that() {
    let sb = Sandbox::new();
    sb.sh("ipc sock store ./keep 0=in; ln keep second; mv keep third; rm second; chmod 600 third")
        .run()
        .ok();
    let pid = holder(&sb, "./third");
    sb.ipc(["sock", "fetch", "./third", "--list", "-t", "30s"])
        .run()
        .ok()
        .stdout("in\n");
    sb.sh("rm third").run().ok();
    is_gone(&sb, pid);
}

#[test]
fn a_holder_whose_file_is_removed_serves_whom_it_has_let_in() {
    if !has("python3") {
        return;
    }
    let sb = Sandbox::new();
    sb.sh("ipc sock store ./keep 0=a").run().ok();
    let pid = holder(&sb, "./keep");
    let guest = "import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); s.settimeout(30); s.connect('./keep')
s.send(b'Ta\\n')
while s.recv(1 << 16) != b'.': pass
print('has it', flush=True); input()
s.send(b'!'); s.shutdown(socket.SHUT_WR)
print(s.recv(1 << 16), flush=True)
";
    let (mut guest, mut input) = sb.program("python3", ["-c", guest]).start_with_input();
    assert_eq!(guest.line(), "has it");
    sb.sh("rm keep").run().ok();
    std::io::Write::write_all(&mut input, b"go on\n").unwrap();
    assert_eq!(guest.line(), "b'.'");
    is_gone(&sb, pid);
}
