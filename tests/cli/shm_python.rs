//! Python on the other side of a segment.

use std::io::Write;

use crate::sandbox::{Sandbox, has};
use crate::shm::create;

/// Obeys lines: `get` prints the first bytes in hexadecimal, `set WORD` puts
/// bytes at 8, anything else ends it.
const OBEY: &str = r"
import sys
print('ready', len(memory), flush=True)
for line in sys.stdin:
    words = line.split()
    if words[0] == 'get':
        print(bytes(memory[:16]).hex(), flush=True)
    elif words[0] == 'set':
        word = words[1].encode()
        memory[8:8 + len(word)] = word
        print('done', flush=True)
";

const MAPPED: &str = r"
import mmap, sys
file = open('/dev/shm/' + sys.argv[1], 'r+b')
memory = mmap.mmap(file.fileno(), 0)
";

const SHARED: &str = r"
import sys
from multiprocessing import resource_tracker, shared_memory
segment = shared_memory.SharedMemory(name=sys.argv[1])
# Without this the object is unlinked when this process ends.
resource_tracker.unregister(segment._name, 'shared_memory')
memory = segment.buf
";

fn both_see_the_same(sb: &Sandbox, opening: &str, name: &str) {
    let script = format!("{opening}{OBEY}");
    let full = sb.full(name);
    let words = ["-c", &script, &full];
    let (mut python, mut orders) = sb.program("python3", words).start_with_input();
    assert_eq!(python.line(), "ready 16");
    sb.ipc(["shm", "write", name, "from ipc"]).run().ok();
    orders.write_all(b"get\n").unwrap();
    assert_eq!(python.line(), "66726f6d206970630000000000000000");
    orders.write_all(b"set python!\n").unwrap();
    assert_eq!(python.line(), "done");
    sb.ipc(["shm", "read", name])
        .run()
        .ok()
        .stdout_bytes(b"from ipcpython!\0");
    // The name may go while the memory is in use.
    sb.ipc(["shm", "rm", name]).run().ok();
    orders.write_all(b"get\n").unwrap();
    assert!(python.line().starts_with("66726f6d"));
    drop(orders);
    let (status, _, stderr) = python.finish();
    assert!(status.success(), "{stderr}");
}

#[test]
fn mmap_of_python_sees_the_same_bytes() {
    let sb = Sandbox::new();
    if has("python3") {
        create(&sb, "a", "16");
        both_see_the_same(&sb, MAPPED, "a");
    }
}

#[test]
fn shared_memory_of_python_sees_the_same_bytes() {
    let sb = Sandbox::new();
    if has("python3") {
        create(&sb, "a", "16");
        both_see_the_same(&sb, SHARED, "a");
    }
}

#[test]
fn a_segment_made_by_python_is_an_ordinary_one() {
    let sb = Sandbox::new();
    if !has("python3") {
        return;
    }
    let script = r"
import sys
from multiprocessing import resource_tracker, shared_memory
segment = shared_memory.SharedMemory(name=sys.argv[1], create=True, size=16)
resource_tracker.unregister(segment._name, 'shared_memory')
segment.buf[:5] = b'hello'
";
    sb.program("python3", ["-c", script, &sb.full("a")])
        .run()
        .ok();
    sb.ipc(["shm", "read", "a", "--length", "5"])
        .run()
        .ok()
        .stdout("hello");
    let document = sb.ipc(["--json", "shm", "stat", "a"]).run().json();
    assert_eq!(document["objects"][0]["status"], "ok");
}
