//! Starting programs, talking to them, and waiting for what they do.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::clock::nap;
use super::{Outcome, Sandbox, patience, state_of, until};

/// A program about to be started.
#[must_use]
pub struct Invocation<'a> {
    pub(super) sandbox: &'a Sandbox,
    pub(super) command: Command,
    pub(super) stdin: Option<Vec<u8>>,
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

/// Waits until there is something to read, or the end.
fn is_readable(pipe: &impl AsRawFd) -> bool {
    let mut one = libc::pollfd {
        fd: pipe.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    let most = patience().as_millis() as i32;
    // SAFETY: one pollfd that outlives the call.
    unsafe { libc::poll(&raw mut one, 1, most) == 1 }
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
        let stdout = self.stdout.as_mut().unwrap();
        let mut line = Vec::new();
        while line.last() != Some(&b'\n') {
            if stdout.buffer().is_empty() && !is_readable(stdout.get_ref()) {
                panic!("no line of {}, only {:?}", self.shown, line.escape_ascii());
            }
            let there = stdout.fill_buf().unwrap();
            if there.is_empty() {
                break;
            }
            let end = there.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(there.len(), |at| at + 1);
            line.extend(&there[..taken]);
            stdout.consume(taken);
        }
        let line = String::from_utf8(line).unwrap();
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
            let asleep = state_of(pid) == Some('S');
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

    /// Its state as proc(5) has it: `S` asleep, `T` stopped, `Z` a zombie.
    pub fn state(&self) -> char {
        state_of(self.pid()).unwrap()
    }

    /// Stops it, and is over when it has stopped or ended: what is sent to it
    /// from there on stays pending.
    #[track_caller]
    pub fn stop(&self) {
        self.signal(libc::SIGSTOP);
        until(&format!("{} to stop", self.shown), || {
            matches!(self.state(), 'T' | 'Z')
        });
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
