//! What an invocation costs in figures that do not drift: system calls, and how
//! the binary is linked. Times are for the benchmarks.
#![allow(
    missing_docs,
    dead_code,
    unreachable_pub,
    unsafe_code,
    clippy::multiple_unsafe_ops_per_block,
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::allow_attributes,
    reason = "a test may panic and say why"
)]

#[path = "cli/sandbox/mod.rs"]
mod sandbox;

use sandbox::{IPC, Sandbox, has, skip};

/// Calls of a whole process, the start and end of the runtime included. A glibc
/// build makes about 27, of which 18 are not ours.
const MOST: usize = 34;

/// A system call: its name and the rest of its line.
struct Call {
    name: String,
    rest: String,
}

impl Call {
    /// The name, but one for all ways to ask about a file.
    fn kind(&self) -> &str {
        match self.name.as_str() {
            "fstat" | "newfstatat" | "statx" => "stat",
            name => name,
        }
    }

    /// The standard library looks before it closes, where it has debug assertions.
    fn is_of_debug_build(&self) -> bool {
        self.name == "fcntl" && self.rest.contains("F_GETFD")
    }

    fn is_end_of_runtime(&self) -> bool {
        self.kind() == "exit_group"
    }
}

/// Every system call of an invocation, or nothing where none can be seen.
fn calls(sandbox: &Sandbox, arguments: &[&str]) -> Option<Vec<Call>> {
    if !has("strace") {
        return None;
    }
    let log = sandbox.folder().join("calls");
    let mut words = vec!["-f", "-o", log.to_str().unwrap(), IPC];
    words.extend(arguments);
    let outcome = sandbox.program("strace", words).run();
    if String::from_utf8_lossy(&outcome.stderr).contains("PTRACE_TRACEME") {
        skip("this process may not trace another");
        return None;
    }
    outcome.ok();
    let text = std::fs::read_to_string(log).unwrap();
    Some(text.lines().filter_map(call).collect())
}

/// Reads `PID name(arguments) = result`; other lines tell of signals and ends.
fn call(line: &str) -> Option<Call> {
    let (_, line) = line.split_once(' ')?;
    let (name, rest) = line.trim_start().split_once('(')?;
    Some(Call {
        name: name.to_owned(),
        rest: rest.to_owned(),
    })
}

/// The calls from the first on that names the object, until the runtime ends.
fn operation<'a>(calls: &'a [Call], object: &str) -> Vec<&'a str> {
    calls
        .iter()
        .skip_while(|call| !call.rest.contains(object))
        .take_while(|call| !call.is_end_of_runtime())
        .filter(|call| !call.is_of_debug_build())
        .map(Call::kind)
        .collect()
}

#[track_caller]
fn is_lean(calls: &[Call], object: &str) {
    let names: Vec<&str> = calls.iter().map(Call::kind).collect();
    assert!(calls.len() <= MOST, "{} calls: {names:?}", calls.len());
    let opened = calls.iter().filter(|call| call.name.starts_with("open"));
    for call in opened {
        assert!(
            call.rest.contains(object),
            "a file is opened: {}",
            call.rest
        );
    }
    for name in names {
        let is_process = name.starts_with("clone") || name.ends_with("fork");
        assert!(!is_process, "a thread or process is started");
    }
}

#[test]
fn sem_release_opens_checks_and_maps_one_file() {
    let sandbox = Sandbox::new();
    sandbox.ipc(["-q", "sem", "create", "S", "0"]).run().ok();
    let Some(calls) = calls(&sandbox, &["sem", "release", "S"]) else {
        return;
    };
    let object = sandbox.full("S");
    is_lean(&calls, &object);
    let operation = operation(&calls, &object);
    // Once each but for the looks at the file, and no futex: nobody waits.
    let allowed = [
        ("openat", 1),
        ("stat", 1),
        ("pread64", 1),
        ("rt_sigaction", 1),
        ("mmap", 1),
        ("munmap", 1),
        ("close", 1),
    ];
    for name in &operation {
        let most = allowed.iter().find(|(allowed, _)| allowed == name);
        let count = operation.iter().filter(|other| *other == name).count();
        assert!(
            most.is_some_and(|(_, most)| count <= *most),
            "{name} {count} times: {operation:?}"
        );
    }
    sandbox.ipc(["sem", "value", "S"]).run().ok().stdout("1\n");
}

#[test]
fn value_add_opens_reads_the_header_and_maps_one_file() {
    let sandbox = Sandbox::new();
    let words = ["-q", "value", "create", "S", "i64", "1"];
    sandbox.ipc(words).run().ok();
    let Some(calls) = calls(&sandbox, &["value", "add", "S", "1"]) else {
        return;
    };
    let operation = operation(&calls, &sandbox.full("S"));
    assert_eq!(
        operation,
        [
            "openat",
            // A regular file, its links, its length.
            "stat",
            // The header, and behind so little data the start of the trailer.
            "pread64",
            // A truncated mapping ends in a message.
            "rt_sigaction",
            "mmap",
            // Standard output takes bytes: the sum could not be added twice.
            "poll",
            "write",
            "futex",
            "write",
            "close",
            "munmap",
        ]
    );
    is_lean(&calls, &sandbox.full("S"));
    sandbox.ipc(["value", "get", "S"]).run().ok().stdout("2\n");
}

#[test]
fn mq_send_opens_asks_and_sends() {
    let sandbox = Sandbox::new();
    sandbox.queue("Q");
    let Some(calls) = calls(&sandbox, &["mq", "send", "Q", "hello"]) else {
        return;
    };
    let object = sandbox.full("Q");
    is_lean(&calls, &object);
    // The geometry decides what is too long; ioctl asks for a terminal to talk to.
    assert_eq!(
        operation(&calls, &object),
        ["mq_open", "mq_getsetattr", "ioctl", "mq_timedsend", "close"]
    );
}

#[test]
fn mq_recv_looks_at_its_folder_and_output_and_takes() {
    let sandbox = Sandbox::new();
    sandbox.queue("Q");
    sandbox.ipc(["mq", "send", "Q", "hello"]).run().ok();
    let folder = sandbox.folder().join("run");
    let private = std::os::unix::fs::DirBuilderExt::mode(&mut std::fs::DirBuilder::new(), 0o700)
        .create(&folder);
    private.unwrap();
    let Some(calls) = calls(&sandbox, &["mq", "recv", "Q"]) else {
        return;
    };
    let operation = operation(&calls, &folder.display().to_string());
    assert_eq!(
        operation,
        [
            // What cannot be delivered can be saved.
            "stat",
            "geteuid",
            "access",
            "mq_open",
            "mq_getsetattr",
            // Signals wait while a message is in hand.
            "rt_sigprocmask",
            // Terminals to talk to.
            "ioctl",
            "ioctl",
            // Output has somewhere to go.
            "poll",
            "write",
            "mq_timedreceive",
            "stat",
            "pwritev2",
            "rt_sigprocmask",
            "close",
        ]
    );
}

#[test]
fn shm_read_of_a_page_copies_it_once() {
    let sandbox = Sandbox::new();
    sandbox
        .ipc(["-q", "shm", "create", "M", "--size", "4096"])
        .run()
        .ok();
    let Some(calls) = calls(&sandbox, &["shm", "read", "M"]) else {
        return;
    };
    let object = sandbox.full("M");
    is_lean(&calls, &object);
    let mut operation = operation(&calls, &object);
    let looks = operation.iter().filter(|name| **name == "stat").count();
    assert!(looks <= 3, "{operation:?}");
    operation.dedup();
    assert_eq!(
        operation,
        ["openat", "stat", "ioctl", "pread64", "write", "close"]
    );
}

/// A program that the kernel starts by itself has no INTERP segment.
#[test]
fn the_binary_is_linked_statically() {
    const INTERP: u32 = 3;
    let elf = std::fs::read(IPC).unwrap();
    let number = |at: usize, bytes: usize| {
        let little = elf[at..at + bytes].iter().rev();
        little.fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte)) as usize
    };
    assert_eq!(elf[..6], *b"\x7fELF\x02\x01", "64 bits, little-endian");
    let (table, entry, count) = (number(0x20, 8), number(0x36, 2), number(0x38, 2));
    assert!(count > 0);
    for index in 0..count {
        let kind = number(table + index * entry, 4) as u32;
        assert_ne!(kind, INTERP, "{IPC} needs a dynamic loader");
    }
}
