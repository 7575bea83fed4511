//! What a demo has to itself: a scope, and a folder in which nothing is left.
//!
//! Both carry the name of the process that plays, so that the next demo can
//! remove what a killed one had to leave.

use std::ffi::OsStr;
use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use nix::unistd::geteuid;

use crate::backing;
use crate::error::{Error, ErrorKind};
use crate::name::{Name, Scope};
use crate::object::mq::Queue;
use crate::object::sem::Semaphore;
use crate::object::shm::Segment;
use crate::process::identity::{Process, pid_namespace};
use crate::shared::barrier::Barrier;
use crate::shared::lock::Lock;
use crate::survey::scan;

/// The queues of all scenes: not every host can list them.
pub(super) const QUEUES: [&str; 5] = ["buffer", "leave", "log", "never", "task"];

/// What the folder of a demo is called before its scope.
const PREFIX: &str = "ipc.";

/// A scope and a private folder; dropping it removes both with all in them.
pub(super) struct Place {
    scope: Scope,
    folder: PathBuf,
}

impl Place {
    /// Makes the folder, after what demos that were killed had to leave is removed.
    pub(super) fn new() -> anyhow::Result<Place> {
        let player = Player::of_this_process()?;
        remove_leftovers(player.namespace);
        let scope = player.scope()?;
        let folder = Path::new(backing::DIRECTORY).join(format!("{PREFIX}{}", scope.as_str()));
        DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .with_context(|| folder.display().to_string())?;
        Ok(Place { scope, folder })
    }

    /// What stands before the name of every object of the demo.
    pub(super) fn scope(&self) -> &str {
        self.scope.as_str()
    }

    /// Where its processes save what they can deliver nowhere.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where its processes say what is wrong.
    pub(super) fn words(&self) -> PathBuf {
        self.folder.join("words")
    }

    /// Removes the objects of the demo.
    pub(super) fn clear(&self) {
        clear(&self.scope);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.clear();
        // Whoever comes next removes what is left.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The process that plays, as its scope tells: pids mean something within one
/// namespace only, and are given again.
#[derive(Debug, PartialEq, Eq)]
struct Player {
    pid: i32,
    start: u128,
    namespace: u64,
}

impl Player {
    fn of_this_process() -> anyhow::Result<Player> {
        let pid = std::process::id().cast_signed();
        let start = Process::open(pid)?.start().unwrap_or_default();
        Ok(Player {
            pid,
            start: start.as_millis(),
            namespace: pid_namespace()?,
        })
    }

    fn scope(&self) -> crate::error::Result<Scope> {
        format!("demo-{}-{}-{}", self.pid, self.start, self.namespace).parse()
    }

    fn parse(folder: &str) -> Option<Player> {
        let rest = folder.strip_prefix(PREFIX)?.strip_prefix("demo-")?;
        let mut numbers = rest.split('-');
        let player = Player {
            pid: numbers.next()?.parse().ok()?,
            start: numbers.next()?.parse().ok()?,
            namespace: numbers.next()?.parse().ok()?,
        };
        numbers.next().is_none().then_some(player)
    }

    fn is_dead(&self) -> bool {
        match Process::open(self.pid) {
            Ok(process) => {
                let start = process.start().map(|start| start.as_millis());
                process.is_dead() || start.is_some_and(|start| start != self.start)
            }
            Err(error) => error.kind() == ErrorKind::Missing,
        }
    }
}

/// Removes what demos of this user that were killed had to leave.
fn remove_leftovers(namespace: u64) {
    let entries = std::fs::read_dir(backing::DIRECTORY).into_iter().flatten();
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        let player = name.to_str().and_then(Player::parse);
        let Some(player) = player.filter(|player| player.namespace == namespace) else {
            continue;
        };
        // A link of another user's must not lead elsewhere.
        let found = std::fs::symlink_metadata(entry.path());
        let is_own = found.is_ok_and(|found| found.is_dir() && found.uid() == geteuid().as_raw());
        if let (true, true, Ok(scope)) = (is_own, player.is_dead(), player.scope()) {
            clear(&scope);
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Removes all objects of a scope. What cannot be removed was never made, or
/// its scene has told already.
fn clear(scope: &Scope) {
    let name =
        |bytes: &[u8]| Name::parse(&scope.qualify(OsStr::new(&*String::from_utf8_lossy(bytes))));
    let unlink = |bytes: &[u8], unlink: fn(&Name) -> Result<(), Error>| {
        let _ = name(bytes).and_then(|name| unlink(&name));
    };
    for one in scan::segments(scope).unwrap_or_default() {
        unlink(one.label.bytes(), Segment::unlink);
    }
    for one in scan::barriers(scope).unwrap_or_default() {
        unlink(one.label.bytes(), Barrier::unlink);
    }
    for one in scan::semaphores(scope).unwrap_or_default() {
        unlink(one.label.bytes(), Semaphore::unlink);
    }
    for one in scan::locks(scope).unwrap_or_default() {
        unlink(one.label.bytes(), Lock::unlink);
    }
    for one in QUEUES {
        unlink(one.as_bytes(), Queue::unlink);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_folder_tells_who_plays() {
        let player = Player::of_this_process().unwrap();
        let folder = format!("{PREFIX}{}", player.scope().unwrap().as_str());
        assert_eq!(Player::parse(&folder), Some(player));
        for other in [
            "ipc.demo-1-2",
            "ipc.demo-1-2-3-4",
            "demo-1-2-3",
            "ipc.run.0",
        ] {
            assert_eq!(Player::parse(other), None, "{other}");
        }
    }

    #[test]
    fn who_plays_is_alive_and_a_former_one_of_its_pid_is_not() {
        let mut player = Player::of_this_process().unwrap();
        assert!(!player.is_dead());
        player.start += 10;
        assert!(player.is_dead());
    }
}
