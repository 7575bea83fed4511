//! Trees of real processes: built, started at one word, ended to the last.

use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::signalfd::SignalFd;
use nix::unistd::{pipe2, write};

use self::node::World;
use self::record::{Record, Reports};
use self::strays::Strays;
use super::blocked::Blocked;
use super::identity::Process;
use super::reaper::{Found, Reaper};
use crate::error::{Error, ErrorKind, Result};
use crate::exit::Exit;
use crate::sys::wait::Ending;

mod node;
mod record;
mod shape;
mod strays;

pub use shape::{MOST_DEPTH, MOST_NODES, Node, Shape};

/// A tree to grow.
#[derive(Debug)]
pub struct Plan<'a> {
    /// Its nodes.
    pub shape: &'a Shape,
    /// What each node runs, as a child; nothing to run none.
    pub command: &'a [OsString],
    /// How long each node lives from the start on, at least.
    pub hold: Duration,
    /// Zombies that the root leaves, as long as it lives.
    pub zombies: u32,
    /// Processes without a parent of their own, as long as the root lives.
    pub orphans: u32,
}

/// A tree whose processes are all there and wait for the word to start.
///
/// Dropped, it is killed, and nothing is left of it.
#[derive(Debug)]
pub struct Grown<'a> {
    world: World<'a>,
    reaper: Reaper,
    blocked: &'a Blocked,
    bell: SignalFd,
    go: OwnedFd,
    nodes: Vec<State>,
    zombies: Vec<i32>,
    orphans: Vec<i32>,
    strays: Strays,
    failure: Option<Errno>,
    is_over: bool,
}

/// One node as far as it is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct State {
    /// Its process, 0 before that is known.
    pub pid: i32,
    command: Option<Exit>,
    /// How its own process ended; nothing before it was reaped.
    own_end: Option<Ending>,
}

impl State {
    /// How its command ended, or else itself; nothing while it runs. A command
    /// that ended well does not hide that the node was killed.
    pub fn exit(&self) -> Option<Exit> {
        let own = self.own_end.map(Exit::from);
        self.command
            .filter(|exit| exit.code() != 0 || own.is_none())
            .or(own)
    }
}

impl Plan<'_> {
    /// Starts every process of the tree. Ending signals are to be `blocked`:
    /// one that comes while this waits ends the tree.
    ///
    /// # Errors
    /// When the system has no room for all of them; nothing is left then.
    /// [`ErrorKind::Interrupted`].
    pub fn grow<'a>(&'a self, blocked: &'a Blocked) -> Result<Grown<'a>> {
        let (start, go) = pipe2(OFlag::O_CLOEXEC).map_err(Error::os)?;
        let world = World {
            shape: self.shape,
            command: self.command,
            maker: std::process::id(),
            hold: self.hold,
            zombies: self.zombies,
            mask: blocked.former(),
            reports: Reports::new()?,
            start,
        };
        let mut grown = Grown {
            world,
            reaper: Reaper::new()?,
            blocked,
            bell: blocked.bell()?,
            go,
            nodes: vec![State::default(); self.shape.nodes().len()],
            zombies: Vec::new(),
            orphans: Vec::new(),
            strays: Strays::default(),
            failure: None,
            is_over: false,
        };
        let root = grown.world.plant().map_err(no_room)?;
        let root = Process::open(root)?;
        for _ in 0..self.orphans {
            grown.world.orphan(&root).map_err(no_room)?;
        }
        grown.wait_until_built(self)?;
        Ok(grown)
    }
}

impl Grown<'_> {
    /// The nodes, as [`Shape::nodes`] has them.
    pub fn nodes(&self) -> &[State] {
        &self.nodes
    }

    /// The zombies that the root has.
    pub fn zombies(&self) -> &[i32] {
        &self.zombies
    }

    /// The processes without a parent of their own.
    pub fn orphans(&self) -> &[i32] {
        &self.orphans
    }

    fn wait_until_built(&mut self, plan: &Plan<'_>) -> Result<()> {
        loop {
            if let Some(errno) = self.failure {
                return Err(no_room(errno));
            }
            let all = self.nodes.iter().all(|node| node.pid != 0)
                && self.zombies.len() == plan.zombies as usize
                && self.orphans.len() == plan.orphans as usize;
            if all {
                return Ok(());
            }
            self.step()?;
            if self.is_over {
                return Err(Error::new(
                    ErrorKind::Limit,
                    "the tree was killed while it was built",
                ));
            }
        }
    }

    /// Gives the word and waits until everything below this process has ended,
    /// with what the commands left behind.
    ///
    /// # Errors
    /// [`ErrorKind::Interrupted`] by an ending signal; the tree is killed then.
    pub fn run(mut self) -> Result<Vec<State>> {
        let word = vec![0; self.nodes.len()];
        // Never waits: there are fewer nodes than a pipe holds bytes.
        write(&self.go, &word).map_err(Error::os)?;
        while !self.is_over {
            self.step()?;
        }
        Ok(std::mem::take(&mut self.nodes))
    }

    /// Waits for the next thing that happens, and takes it down.
    fn step(&mut self) -> Result<()> {
        self.blocked.check()?;
        let own = [
            self.world.reports.as_fd(),
            self.reaper.as_fd(),
            self.bell.as_fd(),
        ];
        let mut watched: Vec<PollFd<'_>> = own
            .into_iter()
            .chain(self.strays.descriptors())
            .map(|one| PollFd::new(one, PollFlags::POLLIN))
            .collect();
        match poll(&mut watched, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(Error::os(errno)),
        }
        self.read_reports()?;
        loop {
            match self.reaper.next()? {
                Found::Reaped(pid, ending) => {
                    self.strays.forget(pid);
                    self.reaped(pid, ending);
                }
                Found::Running => {
                    self.follow_strays();
                    return Ok(());
                }
                Found::Nobody => break,
            }
        }
        // All that was written before the end is in the pipe.
        self.read_reports()?;
        self.is_over = true;
        Ok(())
    }

    /// What a command left goes with its node when that is killed; of a node
    /// that ends in order it may go on.
    fn follow_strays(&mut self) {
        if self.world.command.is_empty() {
            return;
        }
        let (nodes, orphans) = (&self.nodes, &self.orphans);
        let is_ours = |pid: i32| {
            let is_node = |node: &State| node.pid == pid && node.own_end.is_none();
            orphans.contains(&pid) || nodes.iter().any(is_node)
        };
        self.strays.follow(nodes, is_ours);
    }

    fn read_reports(&mut self) -> Result<()> {
        loop {
            let mut watched = [PollFd::new(self.world.reports.as_fd(), PollFlags::POLLIN)];
            if poll(&mut watched, PollTimeout::ZERO).unwrap_or(0) == 0 {
                return Ok(());
            }
            match self.world.reports.take()? {
                Some(Record::Built { node, pid }) => {
                    if let Some(known) = self.nodes.get_mut(node) {
                        known.pid = pid;
                    }
                }
                Some(Record::Zombie { pid }) => self.zombies.push(pid),
                Some(Record::Orphan { pid }) => self.orphans.push(pid),
                Some(Record::Failed { errno }) => self.failure = Some(Errno::from_raw(errno)),
                Some(Record::Command { node, exit }) => {
                    if let Some(known) = self.nodes.get_mut(node) {
                        known.command = Some(exit);
                    }
                }
                Some(Record::Reaped { pid, ending }) => self.reaped(pid, ending),
                None => {}
            }
        }
    }

    fn reaped(&mut self, pid: i32, ending: Ending) {
        for node in &mut self.nodes {
            if node.pid == pid && node.own_end.is_none() {
                node.own_end = Some(ending);
            }
        }
    }
}

impl Drop for Grown<'_> {
    fn drop(&mut self) {
        // Whatever goes wrong, it has to be gone.
        let _ = self.reaper.end_all(|_, _| {});
    }
}

fn no_room(errno: Errno) -> Error {
    let error = Error::os(errno).about("fork");
    if errno != Errno::EAGAIN {
        return error;
    }
    let (limit, _) = getrlimit(Resource::RLIMIT_NPROC).unwrap_or_default();
    error
        .saying(format!(
            "no more processes: this user may have {limit} (RLIMIT_NPROC), beside the limits of \
             pids.max of the control group and /proc/sys/kernel/pid_max"
        ))
        .hint("ulimit -u, or a smaller tree")
}
