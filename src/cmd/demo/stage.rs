//! Where a scene plays: names of its own, and processes that end with it.

use std::ffi::OsStr;
use std::fmt::Display;
use std::io::Write;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, bail};

use crate::cmd::context::Context;
use crate::name::{Name, Scope};
use crate::object::mq::Queue;
use crate::object::sem::Semaphore;
use crate::object::shm::Segment;
use crate::object::socket::Address;
use crate::shared::barrier::Barrier;
use crate::shared::lock::Lock;
use crate::survey::{scan, sockets};
use crate::sys::exec;
use nix::sys::signal::SigSet;

/// Makes `ipc` in a script mean this very binary, wherever it lies.
const PRELUDE: &str = "ipc() { \"$IPC\" \"$@\"; }\n";

/// A scope of its own, and the way to start processes in it.
pub(super) struct Stage<'a> {
    context: &'a mut Context,
    scope: String,
    queues: Vec<&'static str>,
}

impl<'a> Stage<'a> {
    pub(super) fn new(context: &'a mut Context) -> anyhow::Result<Stage<'a>> {
        let scope = format!("demo-{}", std::process::id());
        Ok(Stage {
            context,
            scope,
            queues: Vec::new(),
        })
    }

    pub(super) fn announce(&mut self, title: &str) -> anyhow::Result<()> {
        if self.context.out.is_json() {
            return Ok(());
        }
        self.context.out.line(title)?;
        Ok(self.context.out.flush()?)
    }

    /// Tells what happens.
    pub(super) fn tell(&mut self, what: impl Display) -> anyhow::Result<()> {
        if self.context.out.is_json() {
            return Ok(());
        }
        self.context.out.line(format_args!("  {what}"))?;
        Ok(self.context.out.flush()?)
    }

    /// Makes a small queue, shown as the command that makes it.
    pub(super) fn queue(&mut self, name: &'static str) -> anyhow::Result<()> {
        self.queues.push(name);
        self.show(&[
            "-q",
            "mq",
            "create",
            name,
            "--max-messages",
            "4",
            "--max-size",
            "64",
        ])
        .map(drop)
    }

    /// Runs one command of ipc to its end, shown, and gives what it printed.
    pub(super) fn show(&mut self, arguments: &[&str]) -> anyhow::Result<Vec<u8>> {
        let words: Vec<&str> = arguments
            .iter()
            .copied()
            .filter(|word| *word != "-q")
            .collect();
        self.tell(format_args!("$ ipc {}", words.join(" ")))?;
        self.run(arguments)
    }

    /// Runs one command of ipc to its end; anything but success is an error.
    pub(super) fn run(&self, arguments: &[&str]) -> anyhow::Result<Vec<u8>> {
        let output = self
            .command(std::env::current_exe()?)
            .args(arguments)
            .output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!(
                "ipc {} ended with {}: {}",
                arguments.join(" "),
                output.status,
                said.trim()
            );
        }
        Ok(output.stdout)
    }

    /// Runs one command of ipc to its end and gives its exit code.
    pub(super) fn code(&self, arguments: &[&str]) -> anyhow::Result<i32> {
        let output = self
            .command(std::env::current_exe()?)
            .args(arguments)
            .output()?;
        output.status.code().context("killed by a signal")
    }

    /// Starts a shell with a script that uses `ipc`.
    pub(super) fn start(
        &self,
        script: &str,
        input: Option<&[u8]>,
        arguments: &[&str],
    ) -> anyhow::Result<Player> {
        let mut command = self.command("sh");
        command
            .args(["-c", &format!("{PRELUDE}{script}"), "sh"])
            .args(arguments);
        command.stdin(if input.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        });
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .context("sh")?;
        if let (Some(bytes), Some(mut stdin)) = (input, child.stdin.take()) {
            stdin.write_all(bytes)?;
        }
        Ok(Player { child: Some(child) })
    }

    fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env("IPC", std::env::current_exe().unwrap_or_default())
            .env("IPC_SCOPE", &self.scope);
        exec::as_the_caller(&mut command, SigSet::empty(), &[0, 1, 2]);
        command
    }
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        let Ok(scope) = self.scope.parse::<Scope>() else {
            return;
        };
        let name = |bytes: &[u8]| {
            Name::parse(&scope.qualify(OsStr::new(&*String::from_utf8_lossy(bytes))))
        };
        let segments = scan::segments(&scope).unwrap_or_default();
        let semaphores = scan::semaphores(&scope).unwrap_or_default();
        // What cannot be removed was never made; the scene has told already.
        for one in segments {
            let _ = name(one.label.bytes()).and_then(|name| Segment::unlink(&name));
        }
        for one in scan::barriers(&scope).unwrap_or_default() {
            let _ = name(one.label.bytes()).and_then(|name| Barrier::unlink(&name));
        }
        for one in semaphores {
            let _ = name(one.label.bytes()).and_then(|name| Semaphore::unlink(&name));
        }
        for one in scan::locks(&scope).unwrap_or_default() {
            let _ = name(one.label.bytes()).and_then(|name| Lock::unlink(&name));
        }
        for one in sockets::list(&scope).unwrap_or_default() {
            let name = name(one.label.bytes());
            let _ = name.and_then(|name| Address::Named(name).remove(true));
        }
        for one in &self.queues {
            let _ = name(one.as_bytes()).and_then(|name| Queue::unlink(&name));
        }
    }
}

/// A process of the scene; it does not outlive it.
pub(super) struct Player {
    child: Option<Child>,
}

impl Player {
    /// Kills it without warning; says which process it was.
    pub(super) fn kill(mut self) -> anyhow::Result<u32> {
        let mut child = self.child.take().context("finished once already")?;
        child.kill()?;
        child.wait()?;
        Ok(child.id())
    }

    /// Waits for its end and gives what it printed; failure is an error.
    pub(super) fn finish(mut self) -> anyhow::Result<String> {
        let child = self.child.take().context("finished once already")?;
        let output = child.wait_with_output()?;
        if !output.status.success() {
            bail!("a process of the scene ended with {}", output.status);
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // One that has ended already is only reaped.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
