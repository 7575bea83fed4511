//! What commands have left behind, and which node it belongs to.
//!
//! Whatever loses its parent comes to the process that made the tree, which is
//! its subreaper. Of which node it is stands in its environment: that is what
//! it has kept when its command, and the node, have long gone.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::os::fd::{AsFd, BorrowedFd};

use nix::poll::{PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::State;
use crate::process::identity::{Fate, Process, environment};
use crate::process::reaper::children;
use crate::sys::wait::Ending;

/// The variable with the index of the node.
pub(super) const INDEX: &str = "IPC_TREE_INDEX";
/// The variable with the process that made the tree.
pub(super) const MAKER: &str = "IPC_TREE_PID";

/// How often, once a millisecond, to look at one that is just being loaded:
/// as long as it is, its environment is empty.
const LOOKS: u32 = 10;

/// Those that came here.
#[derive(Debug, Default)]
pub(super) struct Strays {
    /// Each with its node; nothing for one that is of none, or does not say so.
    known: HashMap<i32, Option<usize>>,
    /// The nodes that have some, to be told of their ends.
    nodes: HashMap<usize, Node>,
}

/// A node that has left something.
#[derive(Debug)]
enum Node {
    Alive(Process),
    Ended { was_killed: bool },
}

impl Node {
    /// Whether it has been killed by now.
    fn was_killed(&mut self) -> bool {
        if let Node::Alive(process) = self {
            let was_killed = match process.fate() {
                Fate::Alive => return false,
                Fate::Ended(ending) => is_killed(ending),
                // Reaped by its parent, which tells.
                Fate::Hidden | Fate::Unknown => false,
            };
            *self = Node::Ended { was_killed };
        }
        matches!(self, Node::Ended { was_killed: true })
    }
}

impl Strays {
    /// Looks for new ones, and kills those whose node was killed. `is_ours` are
    /// the processes of the tree itself.
    pub(super) fn follow(&mut self, nodes: &[State], is_ours: impl Fn(i32) -> bool) {
        for node in self.nodes.values_mut() {
            node.was_killed();
        }
        for pid in children() {
            if is_ours(pid) {
                continue;
            }
            let node = *self.known.entry(pid).or_insert_with(|| node_of(pid));
            let Some((index, state)) = node.and_then(|index| Some((index, nodes.get(index)?)))
            else {
                continue;
            };
            if self.was_killed(index, state) {
                // Not reaped by anybody but us, so it is still the same one.
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
    }

    fn was_killed(&mut self, index: usize, state: &State) -> bool {
        if let Some(ending) = state.own_end {
            return is_killed(ending);
        }
        let node = match self.nodes.entry(index) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => match Process::open(state.pid) {
                Ok(process) => place.insert(Node::Alive(process)),
                // Its parent tells of its end, in time.
                Err(_) => return false,
            },
        };
        node.was_killed()
    }

    /// One has been reaped: its number may be given to another.
    pub(super) fn forget(&mut self, pid: i32) {
        self.known.remove(&pid);
    }

    /// Readable when a node with strays has ended.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.nodes.values().filter_map(|node| match node {
            Node::Alive(process) => Some(process.as_fd()),
            Node::Ended { .. } => None,
        })
    }
}

fn is_killed(ending: Ending) -> bool {
    matches!(ending, Ending::Signal(_))
}

/// The node whose command started it.
fn node_of(pid: i32) -> Option<usize> {
    for _ in 0..LOOKS {
        let found = environment(pid)?;
        if !found.is_empty() {
            return index_in(&found, std::process::id());
        }
        let _ = poll(&mut [], PollTimeout::from(1_u8));
    }
    None
}

fn index_in(environment: &[u8], maker: u32) -> Option<usize> {
    let value = |name: &str| {
        let mut entries = environment.split(|byte| *byte == 0);
        let found = entries.find_map(|entry| {
            let rest = entry.strip_prefix(name.as_bytes())?;
            rest.strip_prefix(b"=")
        });
        std::str::from_utf8(found?).ok()?.parse::<usize>().ok()
    };
    // A tree within a tree has numbers of its own.
    (value(MAKER)? == maker as usize).then(|| value(INDEX))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_known_by_the_environment_of_its_own_tree() {
        let environment = b"PATH=/bin\0IPC_TREE_INDEX=3\0IPC_TREE_PID=71\0";
        assert_eq!(index_in(environment, 71), Some(3));
        assert_eq!(index_in(environment, 72), None);
        assert_eq!(index_in(b"IPC_TREE_INDEX=3\0", 71), None);
        assert_eq!(index_in(b"IPC_TREE_INDEX=x\0IPC_TREE_PID=71\0", 71), None);
        assert_eq!(index_in(b"", 71), None);
    }
}
