//! How a program ended, and what is expected of it.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use super::Sandbox;

/// How a program ended and what it said. Standard error is expected to be
/// empty unless a test says otherwise.
#[must_use]
pub struct Outcome<'a> {
    pub(super) sandbox: &'a Sandbox,
    pub(super) shown: String,
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
