//! `ipc sem`.

use crate::sandbox::Sandbox;

#[test]
fn a_waiter_goes_on_when_another_process_releases() {
    let sb = Sandbox::new();
    sb.ipc(["-q", "sem", "create", "s", "0"]).run().ok();
    let mut waiter = sb.ipc(["sem", "acquire", "s", "-t", "30s"]).start();
    waiter.blocked();
    sb.ipc(["sem", "release", "s"]).run().ok();
    assert!(waiter.wait().success());
    sb.ipc(["sem", "value", "s"]).run().ok().stdout("0\n");
}
