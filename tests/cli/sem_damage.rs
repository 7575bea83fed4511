//! `ipc sem` on files that are no semaphores, or stop being one.

use std::ffi::CString;
use std::fs::File;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use ipc::deadline::Deadline;
use ipc::error::ErrorKind;
use ipc::name::Name;
use ipc::object::sem::{Semaphore, SemaphoreInfo, peek};
use ipc::wait::Wait;

use crate::sandbox::{Running, Sandbox, until};
use crate::sem::{create, word};

/// Every verb that uses a semaphore, as it is and without an end.
const USES: [&[&str]; 6] = [
    &["sem", "value", "s"],
    &["sem", "release", "s"],
    &["sem", "acquire", "s", "-t", "30s"],
    &["sem", "acquire", "s", "-n", "2", "-t", "30s"],
    &["sem", "acquire", "s", "--create", "-t", "30s"],
    &["sem", "create", "s", "--if-exists", "open"],
];

/// Each use ends with 7 and a message.
#[track_caller]
fn is_refused(sb: &Sandbox, what: &str) {
    for words in USES {
        let outcome = sb.ipc(words).run();
        outcome.code(7).stdout("").stderr_has("ipc: sem ");
        assert!(sb.sem_file("s").symlink_metadata().is_ok(), "{what}");
    }
    sb.ipc(["sem", "create", "s"]).run().code(4);
}

/// What `stat` says of it, and `ls` too.
#[track_caller]
fn is_shown_as(sb: &Sandbox, status: &str) {
    for words in [
        &["sem", "stat", "s", "--json"][..],
        &["sem", "ls", "--json"],
    ] {
        let document = sb.ipc(words).run().ok().json();
        let object = &document["objects"][0];
        assert_eq!(
            (&object["name"], &object["status"]),
            (&"/s".into(), &status.into())
        );
        assert!(object["value"].is_null());
    }
}

fn header(value: u64, private: u32) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&value.to_ne_bytes());
    bytes[8..12].copy_from_slice(&private.to_ne_bytes());
    bytes
}

#[test]
fn a_file_of_another_size_exits_7() {
    let sb = Sandbox::new();
    for size in [0, 1, 16, 31, 33, 4095, 4097, 1 << 40] {
        File::create(sb.sem_file("s"))
            .unwrap()
            .set_len(size)
            .unwrap();
        is_refused(&sb, &format!("{size} bytes"));
        is_shown_as(&sb, if size == 0 { "empty" } else { "corrupt" });
        assert_eq!(std::fs::metadata(sb.sem_file("s")).unwrap().len(), size);
        sb.ipc(["sem", "rm", "s"]).run().ok();
        assert!(sb.left_in_shm().is_empty());
    }
}

#[test]
fn a_file_with_other_contents_exits_7_and_stays_as_it_is() {
    let sb = Sandbox::new();
    let contents = [
        ("all ones", [0xff; 32]),
        ("all zeros", [0; 32]),
        ("private to a process", header(1, 0)),
        ("an odd flag", header(1, 129)),
        ("a value beyond the maximum", header(0x8000_0000, 128)),
    ];
    for (what, bytes) in contents {
        std::fs::write(sb.sem_file("s"), bytes).unwrap();
        is_refused(&sb, what);
        is_shown_as(&sb, "corrupt");
        assert_eq!(std::fs::read(sb.sem_file("s")).unwrap(), bytes, "{what}");
        let create = ["-q", "sem", "create", "s", "--if-exists", "replace"];
        // What is no semaphore is nobody's to replace.
        sb.ipc(create).run().code(7);
        sb.ipc(["sem", "rm", "s"]).run().ok();
        sb.ipc(create).run().ok();
        assert_eq!(word(&sb, "s"), (1, 0));
    }
}

/// A semaphore outside of the scope that nobody may touch.
fn victim(sb: &Sandbox) -> (PathBuf, [u8; 32]) {
    let path = Path::new("/dev/shm").join(format!("{}-victim", sb.scope()));
    let bytes = header(5, 128);
    std::fs::write(&path, bytes).unwrap();
    (path, bytes)
}

#[test]
fn what_is_no_file_exits_7_and_no_victim_is_touched() {
    let sb = Sandbox::new();
    let (target, bytes) = victim(&sb);
    let missing = sb.folder().join("missing");
    let place = sb.sem_file("s");
    let fifo = CString::new(place.as_os_str().as_bytes()).unwrap();
    let make_fifo = || {
        // SAFETY: the path outlives the call.
        assert_eq!(unsafe { libc::mkfifo(fifo.as_ptr(), 0o600) }, 0);
    };
    let plants: [(&str, &dyn Fn()); 5] = [
        ("symlink", &|| symlink(&target, &place).unwrap()),
        ("symlink", &|| symlink(&missing, &place).unwrap()),
        ("fifo", &make_fifo),
        ("socket", &|| drop(UnixListener::bind(&place).unwrap())),
        ("directory", &|| std::fs::create_dir(&place).unwrap()),
    ];
    for (kind, plant) in plants {
        plant();
        is_refused(&sb, kind);
        is_shown_as(&sb, kind);
        assert!(!missing.exists());
        assert_eq!(std::fs::read(&target).unwrap(), bytes);
        if kind == "directory" {
            sb.ipc(["sem", "rm", "s"]).run().code(7);
            assert!(place.is_dir());
        } else {
            // The plant goes, and not what it points to.
            sb.ipc(["sem", "rm", "s"]).run().ok();
            assert!(place.symlink_metadata().is_err());
        }
    }
    assert_eq!(std::fs::read(&target).unwrap(), bytes);
}

#[test]
fn a_second_hard_link_exits_7_and_the_other_name_is_safe() {
    let sb = Sandbox::new();
    let (target, bytes) = victim(&sb);
    std::fs::hard_link(&target, sb.sem_file("s")).unwrap();
    // All refuse alike, those that only look at the value too.
    for words in [
        USES[1],
        USES[2],
        &["sem", "value", "s"],
        &["sem", "create", "s", "--if-exists", "open"],
    ] {
        sb.ipc(words).run().code(7).stderr_has("has 2 hard links");
        assert_eq!(std::fs::read(&target).unwrap(), bytes);
    }
    let stat = sb.ipc(["sem", "stat", "s", "--json"]).run().ok().json();
    assert_eq!(stat["objects"][0]["status"], "hard-linked");
    sb.ipc(["sem", "rm", "s"]).run().ok();
    assert_eq!(std::fs::read(&target).unwrap(), bytes);
}

/// Numbers that look random and are the same in each run (xorshift).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// Random bytes, of which some get past the first checks.
fn random_header(numbers: &mut Numbers) -> [u8; 32] {
    let mut bytes = [0; 32];
    for eight in bytes.chunks_exact_mut(8) {
        eight.copy_from_slice(&numbers.next().to_ne_bytes());
    }
    let choice = numbers.next();
    if choice & 1 == 1 {
        bytes[8..12].copy_from_slice(&128_u32.to_ne_bytes());
    }
    if choice & 6 == 6 {
        // A small value, and any number of waiters.
        let value = (numbers.next() & !0xffff_ffff) | (choice >> 8) & 3;
        bytes[..8].copy_from_slice(&value.to_ne_bytes());
    }
    bytes
}

#[test]
fn ten_thousand_random_headers_end_in_an_answer() {
    let sb = Sandbox::new();
    let name = Name::parse(sb.full("s").as_bytes()).unwrap();
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let (mut opened, mut refused) = (0, 0);
    for round in 0..10_000 {
        let bytes = random_header(&mut numbers);
        std::fs::write(sb.sem_file("s"), bytes).unwrap();
        let status = SemaphoreInfo::look(&name).unwrap().status;
        match Semaphore::open(&name) {
            Ok(semaphore) => {
                opened += 1;
                assert_eq!(status, "ok", "round {round}: {bytes:?}");
                let value = peek(&name).unwrap();
                assert_eq!(value, semaphore.value());
                assert_eq!(semaphore.try_acquire(1), value > 0);
                assert!(semaphore.release(1).is_ok());
                let mut wait = Wait::until(Deadline::Now);
                let all = semaphore.value();
                semaphore.acquire(all.max(1), &mut wait).unwrap();
                let kind = semaphore.acquire(1, &mut wait).unwrap_err().kind();
                assert_eq!(kind, ErrorKind::WouldBlock);
            }
            Err(error) => {
                refused += 1;
                assert_eq!(error.kind(), ErrorKind::Broken, "{error}: {bytes:?}");
                assert_eq!(status, "corrupt", "round {round}: {bytes:?}");
                assert_eq!(peek(&name).unwrap_err().kind(), ErrorKind::Broken);
            }
        }
    }
    assert!(opened > 1000 && refused > 1000, "{opened}, {refused}");
}

#[test]
fn a_file_cut_while_waiting_exits_7_with_a_message() {
    let sb = Sandbox::new();
    for round in 0..2 {
        let names: Vec<String> = (0..25).map(|i| format!("s{round}-{i}")).collect();
        let waiters: Vec<Running> = names
            .iter()
            .enumerate()
            .map(|(i, name)| {
                create(&sb, name, 1);
                // Waiters for one, and collectors that have one already.
                let units = if i % 2 == 0 { "2" } else { "1" };
                if units == "1" {
                    sb.ipc(["sem", "acquire", name, "--try"]).run().ok();
                }
                sb.ipc(["sem", "acquire", name, "-t", "30s", "-n", units])
                    .start()
            })
            .collect();
        for (name, waiter) in names.iter().zip(&waiters) {
            until("a waiter", || word(&sb, name) == (0, 1));
            waiter.blocked();
        }
        for (i, name) in names.iter().enumerate() {
            let file = File::options().write(true).open(sb.sem_file(name));
            file.unwrap().set_len([0, 1, 31][i % 3]).unwrap();
        }
        for waiter in waiters {
            let (status, stdout, stderr) = waiter.finish();
            assert_eq!(status.code(), Some(7), "{status}: {stderr}");
            assert!(stdout.is_empty() && stderr.contains("the file was cut"));
        }
    }
}

#[test]
fn a_file_cut_while_mapped_exits_7_with_a_message() {
    let sb = Sandbox::new();
    let uses: [fn(&Semaphore); 3] = [
        |semaphore| drop(semaphore.release(1)),
        |semaphore| {
            semaphore.try_acquire(1);
        },
        |semaphore| {
            semaphore.value();
        },
    ];
    for round in 0..51 {
        std::fs::write(sb.sem_file("s"), header(3, 128)).unwrap();
        let name = Name::parse(sb.full("s").as_bytes()).unwrap();
        let semaphore = Semaphore::open(&name).unwrap();
        let file = File::options().write(true).open(sb.sem_file("s")).unwrap();
        let (code, said) = in_a_child(|| {
            file.set_len(0).unwrap();
            uses[round % 3](&semaphore);
        });
        assert_eq!(code, 7, "round {round}: {said}");
        // The name is that of the semaphore opened last, which in this program
        // of many tests may be another's.
        assert!(said.starts_with("ipc: /"), "{said}");
        assert!(said.ends_with(": the file was cut while in use (SIGBUS)\n"));
    }
}

/// Runs `body` in a fork, and says its exit code (128 and more for a signal)
/// and what it wrote to standard error.
fn in_a_child(body: impl FnOnce()) -> (i32, String) {
    let (mut reader, writer) = std::io::pipe().unwrap();
    // SAFETY: the child makes system calls and atomic operations only, and
    // leaves by _exit(2), so that no lock of another thread matters.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        // SAFETY: both descriptors are open.
        unsafe { libc::dup2(writer.as_raw_fd(), 2) };
        body();
        // SAFETY: does not return.
        unsafe { libc::_exit(0) };
    }
    assert!(pid > 0);
    drop(writer);
    let mut said = String::new();
    reader.read_to_string(&mut said).unwrap();
    let mut status = 0;
    // SAFETY: a child of this process that is not reaped yet.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    let code = if libc::WIFEXITED(status) {
        libc::WEXITSTATUS(status)
    } else {
        128 + libc::WTERMSIG(status)
    };
    (code, said)
}
