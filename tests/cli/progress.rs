//! Long copies tell a person how far they have come, and nobody else.

use std::io::{Read, Write};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use crate::sandbox::{Invocation, Sandbox, until};
use crate::terminal::terminal;

/// Feeds a command until something appears on its terminal, which is standard
/// error alone; says what did, and how much it was fed.
fn fed_until_it_shows(run: Invocation<'_>) -> (String, usize) {
    let (mut master, slave) = terminal();
    let mut command = run.env("TERM", "xterm").command();
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(slave);
    let mut child = command.spawn().unwrap();
    // The last descriptor of the slave is the child's.
    command.stderr(Stdio::null());
    let mut input = child.stdin.take().unwrap();
    let shown = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&shown);
    let reader = std::thread::spawn(move || {
        let mut part = [0; 4096];
        // A terminal whose other side is closed answers EIO.
        while let Ok(length @ 1..) = master.read(&mut part) {
            seen.lock().unwrap().extend_from_slice(&part[..length]);
        }
    });
    let mut fed = 0;
    until("progress", || {
        input.write_all(b"some bytes").unwrap();
        fed += 10;
        !shown.lock().unwrap().is_empty()
    });
    drop(input);
    assert!(child.wait().unwrap().success());
    reader.join().unwrap();
    let text = String::from_utf8_lossy(&shown.lock().unwrap()).into_owned();
    (text, fed)
}

#[test]
fn a_long_copy_shows_how_far_it_is_and_clears_the_line() {
    let sb = Sandbox::new();
    for words in [
        &["shm", "create", "a", "--from", "-"][..],
        &["shm", "write", "a", "--truncate"],
        &["shm", "write", "b", "--create"],
    ] {
        let (shown, fed) = fed_until_it_shows(sb.ipc(words));
        // The bar, its line cleared, and what is said in the end.
        assert!(shown.contains("B, ") && shown.contains("/s"), "{shown:?}");
        assert!(shown.contains("\x1b[2K"), "{shown:?}");
        let length = std::fs::metadata(sb.shm_file(words[2])).unwrap().len();
        assert_eq!(length, fed as u64, "{words:?}");
    }
}

#[test]
fn nobody_else_is_told() {
    let sb = Sandbox::new();
    let bytes = vec![7; 3 << 20];
    let made = sb.ipc(["-q", "shm", "create", "a", "--from", "-"]);
    made.stdin(bytes.clone()).run().ok();
    sb.ipc(["shm", "read", "a"]).run().ok().stdout_bytes(&bytes);
}
