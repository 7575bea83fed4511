//! The life of one process of the tree.
//!
//! Every one is killed by the kernel when its parent ends, so that nothing is
//! left when the one that made the tree is killed itself. What is written here
//! runs in a copy of this process.

use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{Pid, getppid, read};

use super::record::{Record, Reports};
use super::shape::Shape;
use super::strays::{INDEX, MAKER};
use crate::deadline::monotonic_now;
use crate::error::Result;
use crate::exit::Exit;
use crate::process::blocked::Blocked;
use crate::process::identity::Process;
use crate::process::spawn::Spawn;
use crate::sys::fork;
use crate::sys::wait::{Which, reap_waiting, wait_leaving};

/// What every process of the tree knows.
#[derive(Debug)]
pub(super) struct World<'a> {
    pub(super) shape: &'a Shape,
    pub(super) command: &'a [OsString],
    /// The process that made the tree.
    pub(super) maker: u32,
    pub(super) hold: Duration,
    pub(super) zombies: u32,
    /// The mask that this invocation was started with.
    pub(super) mask: SigSet,
    pub(super) reports: Reports,
    /// A byte of this pipe is the word to go.
    pub(super) start: OwnedFd,
}

impl World<'_> {
    /// Forks the root.
    pub(super) fn plant(&self) -> nix::Result<i32> {
        self.fork_node(0)
    }

    fn fork_node(&self, node: usize) -> nix::Result<i32> {
        let parent = Pid::this();
        fork::child(|| {
            if !is_tied_to(parent) {
                return Exit::Failed.code();
            }
            let _ = self.mask.thread_set_mask();
            self.live(node)
        })
    }

    /// Builds what is below, waits for the word, works, and waits for those below.
    fn live(&self, node: usize) -> u8 {
        let mut children = Vec::new();
        for child in &self.shape.nodes()[node].children {
            match self.fork_node(*child) {
                Ok(pid) => children.push(pid),
                Err(errno) => {
                    self.reports.send(Record::Failed {
                        errno: errno as i32,
                    });
                    break;
                }
            }
        }
        if node == 0 {
            self.leave_zombies();
        }
        let pid = Pid::this().as_raw();
        self.reports.send(Record::Built { node, pid });
        self.wait_for_the_word();
        let until = monotonic_now().saturating_add(self.hold);
        let exit = if self.command.is_empty() {
            Exit::Done
        } else {
            self.work(node)
        };
        stay(until);
        for child in children {
            // A child that was taken by nobody else cannot be missing.
            if let Ok(Some((pid, ending))) = reap_waiting(Which::Pid(child)) {
                self.reports.send(Record::Reaped { pid, ending });
            }
        }
        exit.code()
    }

    /// Starts processes that end at once and are never reaped here.
    fn leave_zombies(&self) {
        for number in 1..=self.zombies {
            let code = u8::try_from(number % 256).unwrap_or_default();
            match fork::child(|| code) {
                Ok(pid) => {
                    let _ = wait_leaving(Which::Pid(pid));
                    self.reports.send(Record::Zombie { pid });
                }
                Err(errno) => {
                    self.reports.send(Record::Failed {
                        errno: errno as i32,
                    });
                    return;
                }
            }
        }
    }

    fn wait_for_the_word(&self) {
        let mut word = [0];
        while read(&self.start, &mut word) == Err(nix::errno::Errno::EINTR) {}
    }

    fn work(&self, node: usize) -> Exit {
        let exit = self.run(node).unwrap_or(Exit::Failed);
        self.reports.send(Record::Command { node, exit });
        exit
    }

    fn run(&self, node: usize) -> Result<Exit> {
        let nodes = self.shape.nodes();
        let spawn = Spawn::new(self.command)?
            .env("IPC_TREE_PATH", self.shape.path(node))
            .env("IPC_TREE_NAME", &nodes[node].name)
            .env("IPC_TREE_DEPTH", nodes[node].depth.to_string())
            .env(INDEX, node.to_string())
            .env(MAKER, self.maker.to_string())
            .env("IPC_TREE_NODES", nodes.len().to_string())
            .dying_with_us();
        let blocked = Blocked::new()?;
        let ended = spawn.run(None, &blocked)?;
        // The tree is to end with what was to end the node.
        ended.strike();
        Ok(ended.exit)
    }

    /// Starts a process whose parent ends at once, so that this one inherits
    /// it. It lives as long as the root does.
    pub(super) fn orphan(&self, root: &Process) -> nix::Result<()> {
        let heir = Pid::this();
        let middle = fork::child(|| {
            let middle = Pid::this();
            let forked = fork::child(|| self.live_alone(root, middle, heir));
            match forked {
                Ok(_) => 0,
                Err(errno) => {
                    self.reports.send(Record::Failed {
                        errno: errno as i32,
                    });
                    1
                }
            }
        })?;
        reap_waiting(Which::Pid(middle)).map(drop)
    }

    fn live_alone(&self, root: &Process, middle: Pid, heir: Pid) -> u8 {
        if let Ok(parent) = Process::open(middle.as_raw()) {
            until_dead(&parent);
        }
        // Only now does the kernel count the death of the heir.
        if !is_tied_to(heir) {
            return Exit::Failed.code();
        }
        let _ = self.mask.thread_set_mask();
        let pid = Pid::this().as_raw();
        self.reports.send(Record::Orphan { pid });
        until_dead(root);
        0
    }
}

/// Has the kernel kill this process with its parent, and sees whether that is
/// still there: it may have died before the tie was made.
fn is_tied_to(parent: Pid) -> bool {
    set_pdeathsig(Signal::SIGKILL).is_ok() && getppid() == parent
}

fn until_dead(process: &Process) {
    while !process.is_dead() {
        let mut watched = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
        let _ = poll(&mut watched, PollTimeout::NONE);
    }
}

/// Sleeps to a moment of the monotonic clock.
fn stay(until: Duration) {
    loop {
        let left = until.saturating_sub(monotonic_now());
        if left.is_zero() {
            return;
        }
        // Rounded up: zero would be no sleep at all.
        let left = left.min(Duration::from_secs(3600)) + Duration::from_millis(1);
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        let _ = poll(&mut [], timeout);
    }
}
