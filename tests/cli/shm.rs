//! `ipc shm`.

use crate::sandbox::Sandbox;

#[test]
fn bytes_written_by_one_process_are_read_by_another() {
    let sb = Sandbox::new();
    sb.ipc(["shm", "create", "a", "--size", "8"])
        .run()
        .code(0)
        .stderr("created /a\n");
    sb.ipc(["shm", "write", "a", "hello"]).run().ok();
    sb.ipc(["shm", "read", "a"])
        .run()
        .ok()
        .stdout_bytes(b"hello\0\0\0");
}
