//! A place of its own for each test: names, folder, environment, processes.
//!
//! Every object that a test makes lies in a scope that no other test has, and
//! is gone when the sandbox is dropped, with every process that it started.
//! Only this file waits by the clock, and only to give up.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The binary under test.
pub const IPC: &str = env!("CARGO_BIN_EXE_ipc");

/// How long anything may take before the test is given up.
pub fn patience() -> Duration {
    let slow = std::env::var("IPC_TEST_SLOW")
        .ok()
        .and_then(|factor| factor.parse().ok())
        .unwrap_or(1);
    Duration::from_secs(30 * slow)
}

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

/// A program about to be started.
#[must_use]
pub struct Invocation<'a> {
    sandbox: &'a Sandbox,
    command: Command,
    stdin: Option<Vec<u8>>,
}

impl<'a> Invocation<'a> {
    /// Gives it these bytes as standard input; without, it has none.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Invocation<'a> {
        self.stdin = Some(bytes.into());
        self
    }

    pub fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Invocation<'a> {
        self.command.env(key, value);
        self
    }

    /// The command itself, for what this builder does not cover.
    pub fn with(mut self, change: impl FnOnce(&mut Command)) -> Invocation<'a> {
        change(&mut self.command);
        self
    }

    /// The command itself, for a test that connects it otherwise.
    pub fn into_command(self) -> Command {
        self.command
    }

    /// Runs it to its end.
    #[track_caller]
    pub fn run(self) -> Outcome<'a> {
        let (sandbox, shown) = (self.sandbox, format!("{:?}", self.command));
        let mut running = self.start();
        drop(running.child.stdin.take());
        let (stdout, stderr) = (running.stdout.take(), running.child.stderr.take());
        let stdout = std::thread::spawn(move || all(stdout));
        let stderr = std::thread::spawn(move || all(stderr));
        let status = running.wait();
        Outcome {
            sandbox,
            shown,
            status,
            stdout: stdout.join().unwrap(),
            stderr: stderr.join().unwrap(),
        }
    }

    /// Starts it, for a test that talks to it or to others meanwhile.
    #[track_caller]
    pub fn start(self) -> Running {
        let mut command = self.command;
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.stdin(if self.stdin.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        });
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        if let Some(bytes) = self.stdin {
            let mut input = child.stdin.take().unwrap();
            // Whoever ends early has read enough; the outcome tells.
            std::thread::spawn(move || {
                let _ = input.write_all(&bytes);
            });
        }
        let stdout = child.stdout.take().map(BufReader::new);
        Running {
            shown: format!("{command:?}"),
            child,
            stdout,
        }
    }

    /// The command alone, for a test that plugs its own descriptors in.
    pub fn command(self) -> Command {
        self.command
    }

    /// Starts it with a standard input to talk to.
    #[track_caller]
    pub fn start_with_input(mut self) -> (Running, ChildStdin) {
        self.command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let shown = format!("{:?}", self.command);
        let mut child = self.command.spawn().unwrap();
        let stdin = child.stdin.take().unwrap();
        let stdout = child.stdout.take().map(BufReader::new);
        (
            Running {
                shown,
                child,
                stdout,
            },
            stdin,
        )
    }
}

fn all(source: Option<impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut source) = source {
        source.read_to_end(&mut bytes).unwrap();
    }
    bytes
}

/// What a pipe holds now: a process left behind may keep it open for ever.
fn what_is_there(mut pipe: impl Read + AsRawFd) -> String {
    // SAFETY: a plain system call on a descriptor that is open.
    unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) };
    let mut bytes = Vec::new();
    let _ = pipe.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A program that runs; killed when dropped.
#[must_use]
pub struct Running {
    shown: String,
    child: Child,
    stdout: Option<BufReader<ChildStdout>>,
}

impl Running {
    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    /// The next line that it prints, without its end.
    #[track_caller]
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.as_mut().unwrap().read_line(&mut line).unwrap();
        line.trim_end_matches('\n').to_owned()
    }

    /// The next bytes that it prints.
    pub fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.stdout.as_mut().unwrap().read(buffer)
    }

    /// Waits until it sleeps in the kernel, in one of these system calls.
    #[track_caller]
    pub fn blocked_in(&self, calls: &[libc::c_long]) {
        let pid = self.pid();
        until(&format!("{} to block", self.shown), || {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let asleep = stat
                .rsplit(')')
                .next()
                .is_some_and(|rest| rest.trim_start().starts_with('S'));
            let call = std::fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap_or_default();
            let call = call
                .split(' ')
                .next()
                .and_then(|number| number.parse().ok());
            asleep && call.is_some_and(|call| calls.contains(&call))
        });
    }

    /// Waits until it waits for a message, a unit, or a command.
    #[track_caller]
    pub fn blocked(&self) {
        self.blocked_in(&[
            libc::SYS_futex,
            libc::SYS_ppoll,
            libc::SYS_read,
            libc::SYS_poll,
        ]);
    }

    pub fn signal(&self, signal: i32) {
        // SAFETY: the child is not reaped yet, so the pid is its own.
        assert_eq!(unsafe { libc::kill(self.pid(), signal) }, 0);
    }

    /// Reads no more of what it prints.
    pub fn close_stdout(&mut self) {
        self.stdout = None;
    }

    /// Waits for its end.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + patience();
        let mut pause = Duration::from_micros(200);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            if Instant::now() > deadline {
                let _ = self.child.kill();
                let stderr = self.child.stderr.take().map(what_is_there);
                let stderr = stderr.unwrap_or_default();
                panic!("{} does not end; stderr: {stderr}", self.shown);
            }
            nap(&mut pause);
        }
    }

    /// Waits for its end; what it still printed comes with it.
    #[track_caller]
    pub fn finish(mut self) -> (ExitStatus, String, String) {
        drop(self.child.stdin.take());
        let (stdout, stderr) = (self.stdout.take(), self.child.stderr.take());
        let stdout = std::thread::spawn(move || all(stdout));
        let stderr = std::thread::spawn(move || all(stderr));
        let status = self.wait();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (
            status,
            text(stdout.join().unwrap()),
            text(stderr.join().unwrap()),
        )
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a program ended and what it said. Standard error is expected to be
/// empty unless a test says otherwise.
#[must_use]
pub struct Outcome<'a> {
    sandbox: &'a Sandbox,
    shown: String,
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl Outcome<'_> {
    /// It ended with 0 and said nothing on standard error.
    #[track_caller]
    pub fn ok(&self) -> &Self {
        self.code(0).stderr("")
    }

    #[track_caller]
    pub fn code(&self, code: i32) -> &Self {
        assert!(
            self.status.code() == Some(code),
            "expected exit code {code}\n{self}"
        );
        self
    }

    #[track_caller]
    pub fn killed_by(&self, signal: i32) -> &Self {
        assert!(
            self.status.signal() == Some(signal),
            "expected death by signal {signal}\n{self}"
        );
        self
    }

    /// Standard output is exactly this, with the scope taken out.
    #[track_caller]
    pub fn stdout(&self, expected: &str) -> &Self {
        assert!(
            self.sandbox.normal(&self.stdout) == expected,
            "expected stdout {expected:?}\n{self}"
        );
        self
    }

    #[track_caller]
    pub fn stdout_bytes(&self, expected: &[u8]) -> &Self {
        assert!(
            self.stdout == expected,
            "expected other bytes on stdout\n{self}"
        );
        self
    }

    /// Standard error is exactly this, with the scope taken out.
    #[track_caller]
    pub fn stderr(&self, expected: &str) -> &Self {
        assert!(
            self.sandbox.normal(&self.stderr) == expected,
            "expected stderr {expected:?}\n{self}"
        );
        self
    }

    #[track_caller]
    pub fn stderr_has(&self, part: &str) -> &Self {
        assert!(
            self.sandbox.normal(&self.stderr).contains(part),
            "expected {part:?} on stderr\n{self}"
        );
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|error| panic!("{error}\n{self}"))
    }
}

impl std::fmt::Display for Outcome<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "command: {}\nstatus: {}", self.shown, self.status)?;
        writeln!(f, "stdout: {}", self.stdout.escape_ascii())?;
        writeln!(f, "stderr: {}", String::from_utf8_lossy(&self.stderr))?;
        write!(f, "left in /dev/shm: {:?}", self.sandbox.left_in_shm())
    }
}

/// Waits until something is so that no event tells of.
#[track_caller]
pub fn until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + patience();
    let mut pause = Duration::from_micros(200);
    while !so() {
        assert!(Instant::now() < deadline, "gave up waiting for {what}");
        nap(&mut pause);
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "the one place that waits by the clock"
)]
fn nap(pause: &mut Duration) {
    std::thread::sleep(*pause);
    *pause = (*pause * 2).min(Duration::from_millis(20));
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
