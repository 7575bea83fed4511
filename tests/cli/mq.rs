//! `ipc mq`.

use crate::sandbox::Sandbox;

#[test]
fn messages_come_in_order_and_whole() {
    let sb = Sandbox::new();
    sb.queue("q");
    sb.ipc(["mq", "send", "q", "one", "two"]).run().ok();
    sb.ipc(["mq", "recv", "q", "-n", "2", "--newline"])
        .run()
        .ok()
        .stdout("one\ntwo\n");
}
