//! A place of its own for each test: names, folder, environment, processes.
//!
//! Every object that a test makes lies in a scope that no other test has, and
//! is gone when the sandbox is dropped, with every process that it started.
//! Only `clock` waits by the clock, and only to give up.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

mod clock;
mod nobody;
mod outcome;
mod process;

#[allow(unused_imports, reason = "no suite but the largest takes all of them")]
pub use self::{
    clock::{patience, until},
    outcome::Outcome,
    process::{Invocation, Running},
};

/// The binary under test.
pub const IPC: &str = env!("CARGO_BIN_EXE_ipc");

static COUNTER: AtomicU32 = AtomicU32::new(0);

/// A test's own world.
pub struct Sandbox {
    folder: tempfile::TempDir,
    scope: String,
    queues: RefCell<BTreeSet<OsString>>,
}

impl Sandbox {
    #[must_use]
    pub fn new() -> Sandbox {
        static ONCE: Once = Once::new();
        ONCE.call_once(attend_to_signals);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        Sandbox {
            folder: tempfile::tempdir().unwrap(),
            // The last letter keeps the first sandbox from being part of the tenth.
            scope: format!("ipct-{}-{number}e", std::process::id()),
            queues: RefCell::default(),
        }
    }

    /// A folder that goes away with the sandbox.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The scope that `ipc` runs in.
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// The name of an object as other programs see it, without a slash.
    pub fn full(&self, name: &str) -> String {
        format!("{}.{name}", self.scope)
    }

    /// The file of a segment.
    pub fn shm_file(&self, name: &str) -> PathBuf {
        Path::new("/dev/shm").join(self.full(name))
    }

    /// The file of a semaphore.
    pub fn sem_file(&self, name: &str) -> PathBuf {
        Path::new("/dev/shm").join(format!("sem.{}", self.full(name)))
    }

    /// An invocation of `ipc` with these arguments, not yet started.
    pub fn ipc<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Invocation<'_> {
        let arguments: Vec<OsString> = arguments
            .into_iter()
            .map(|word| word.as_ref().to_owned())
            .collect();
        if arguments.iter().any(|word| word == "mq") {
            // Queues are not in a folder that everybody can list, so each word
            // that may name one is remembered.
            self.queues.borrow_mut().extend(arguments.iter().cloned());
        }
        let mut command = self.command(IPC);
        command.args(arguments);
        Invocation {
            sandbox: self,
            command,
            stdin: None,
        }
    }

    /// Any other program, with the environment of the sandbox.
    pub fn program<S: AsRef<OsStr>>(
        &self,
        program: impl AsRef<OsStr>,
        arguments: impl IntoIterator<Item = S>,
    ) -> Invocation<'_> {
        let mut command = self.command(program);
        command.args(arguments);
        Invocation {
            sandbox: self,
            command,
            stdin: None,
        }
    }

    /// A script in sh, with `ipc` on its path.
    pub fn sh(&self, script: &str) -> Invocation<'_> {
        self.program("sh", ["-c", script])
    }

    /// Remembers a queue that a script or another program will make.
    pub fn will_make_queue(&self, name: &str) {
        self.queues.borrow_mut().insert(name.into());
    }

    /// A small queue, so that the budget of the user lasts for all tests.
    pub fn queue(&self, name: &str) {
        self.ipc([
            "-q",
            "mq",
            "create",
            name,
            "--max-messages",
            "4",
            "--max-size",
            "64",
        ])
        .run()
        .ok();
    }

    fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut path = OsString::from(Path::new(IPC).parent().unwrap());
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", path)
            .env("LC_ALL", "C")
            .env("COLUMNS", "100")
            .env("HOME", self.folder())
            .env("IPC_SCOPE", &self.scope)
            .env("IPC_RUNTIME_DIR", self.folder().join("run"))
            .current_dir(self.folder());
        command
    }

    /// Output with the scope taken out, so that it reads as the user wrote it.
    fn normal(&self, bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).replace(&format!("{}.", self.scope), "")
    }

    /// Names of this sandbox that are still in /dev/shm.
    pub fn left_in_shm(&self) -> Vec<String> {
        let entries = std::fs::read_dir("/dev/shm").unwrap();
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        names.filter(|name| name.contains(&self.scope)).collect()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // A test that failed leaves its named processes behind.
        let records = std::fs::read_dir(self.folder().join("run")).into_iter();
        let is_record = |name: OsString| name.as_bytes().starts_with(b"proc.");
        if records
            .flatten()
            .flatten()
            .any(|entry| is_record(entry.file_name()))
        {
            let mut stop = self.command(IPC);
            stop.args(["-q", "proc", "rm", "--all", "--yes", "--force"]);
            let _ = stop.stdout(Stdio::null()).stderr(Stdio::null()).status();
        }
        for entry in std::fs::read_dir("/dev/shm")
            .into_iter()
            .flatten()
            .flatten()
        {
            let name = entry.file_name();
            if name
                .as_bytes()
                .windows(self.scope.len())
                .any(|part| part == self.scope.as_bytes())
            {
                let path = entry.path();
                let _ = std::fs::remove_file(&path).or_else(|_| std::fs::remove_dir_all(&path));
            }
        }
        for name in self.queues.borrow().iter() {
            let bare = name
                .as_bytes()
                .strip_prefix(b"/")
                .unwrap_or(name.as_bytes());
            let full = [b"/", self.scope.as_bytes(), b".", bare].concat();
            if let Ok(full) = CString::new(full) {
                // SAFETY: a C string that outlives the call.
                unsafe { libc::mq_unlink(full.as_ptr()) };
            }
        }
    }
}

/// Whoever starts the tests in the background of a script, or under nohup(1),
/// has them ignore signals, and every child would keep ignoring them.
fn attend_to_signals() {
    for signal in [libc::SIGINT, libc::SIGQUIT, libc::SIGHUP] {
        // SAFETY: this disposition refers to no function.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    // Those that the C library keeps to itself, by the kernel's own struct.
    let default = [0_u64; 4];
    for signal in 32..libc::SIGRTMIN() {
        let none = std::ptr::null_mut::<u64>();
        // SAFETY: an action of the kernel's size without a handler.
        unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, default.as_ptr(), none, 8) };
    }
}

/// The state of a process as proc(5) has it; none when it is gone.
pub fn state_of(pid: i32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(") ").next()?.chars().next()
}

/// Whether the tests run as root.
pub fn is_root() -> bool {
    // SAFETY: has no precondition.
    unsafe { libc::geteuid() == 0 }
}

/// Says why a test does nothing; where nothing may be skipped it fails instead.
#[track_caller]
pub fn skip(reason: &str) {
    assert!(
        std::env::var_os("IPC_TEST_REQUIRE_ALL").is_none(),
        "must not be skipped here: {reason}"
    );
    eprintln!("SKIPPED: {reason}");
}

/// Whether a program is installed; says so when not.
#[track_caller]
pub fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    if !found {
        skip(&format!("{program} is not installed"));
    }
    found
}

/// A file with these bytes in the sandbox.
pub fn file(sandbox: &Sandbox, name: &str, bytes: &[u8]) -> PathBuf {
    let path = sandbox.folder().join(name);
    File::create(&path).unwrap().write_all(bytes).unwrap();
    path
}

/// A C program built from its text, in the folder of the sandbox.
#[track_caller]
pub fn compiled_text(sandbox: &Sandbox, name: &str, text: &str) -> PathBuf {
    let source = file(sandbox, &format!("{name}.c"), text.as_bytes());
    let program = sandbox.folder().join(name);
    sandbox
        .program("cc", ["-Wall", "-Wextra", "-Werror", "-pthread", "-o"])
        .with(|command| {
            command.arg(&program).arg(source);
        })
        .run()
        .ok();
    program
}
