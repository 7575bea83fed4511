//! A tree that has a cgroup to itself is ended at one blow: the kernel kills
//! all of a cgroup, and what its processes start meanwhile, when a 1 is written
//! to its `cgroup.kill` (Linux 5.14).
//!
//! A cgroup is a tree's own when every process in it and below it was seen to
//! be in the tree. What comes into it from then on descends from those, whatever
//! its parents do; only somebody who moves a foreign process into it in that
//! very moment would have it killed too.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::AsFd;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::tree::Catch;
use super::{Member, Selection};
use crate::deadline::monotonic_now;
use crate::error::Result;
use crate::escape::unescaped_mount;
use crate::process::identity::cgroup_of;
use crate::process::signal::Signal;

/// How long the killed are waited for before the tree is looked at again.
const ENDING: Duration = Duration::from_millis(500);

/// A cgroup with nothing in it but a tree.
struct Enclosure {
    folder: PathBuf,
    /// Opened before it was looked at, so that it cannot be another's.
    kill: File,
    pids: BTreeSet<i32>,
}

impl Selection {
    /// The cgroups that a tree has to itself and may be ended by, as folders.
    ///
    /// # Errors
    /// A shortage of descriptors.
    pub fn cgroups(&mut self) -> Result<Vec<PathBuf>> {
        let own = self.enclosures()?.into_iter();
        Ok(own.map(|enclosure| enclosure.folder).collect())
    }

    /// Kills all of the cgroups that the tree has to itself.
    pub(super) fn strike(&mut self) -> Result<()> {
        for Enclosure {
            folder,
            mut kill,
            pids,
        } in self.enclosures()?
        {
            if kill.write_all(b"1").is_err() {
                // As if it were not there: the tree is stopped and walked.
                continue;
            }
            for pid in pids {
                if let Some(member) = self.members.get_mut(&pid)
                    && !self.others.contains(&member.identity())
                {
                    member.sent.push(Signal::KILL);
                }
            }
            until_empty(&folder);
            self.struck.insert(folder);
        }
        Ok(())
    }

    /// The cgroups that were killed whole.
    pub fn struck(&self) -> impl Iterator<Item = &Path> {
        self.struck.iter().map(PathBuf::as_path)
    }

    fn enclosures(&mut self) -> Result<Vec<Enclosure>> {
        let roots = self.roots.iter().filter_map(|root| cgroup_of(root.pid));
        let paths: BTreeSet<PathBuf> = roots.filter(|path| is_below_the_root(path)).collect();
        let mut found = Vec::new();
        for path in &paths {
            // What is below another one goes with that.
            let is_within = paths.iter().any(|one| one != path && path.starts_with(one));
            if let Some(folder) = folder_of(path).filter(|_| !is_within) {
                found.extend(self.enclosure(folder)?);
            }
        }
        Ok(found)
    }

    /// Whether all of a cgroup is in the tree, by names and by lineage.
    fn enclosure(&mut self, folder: PathBuf) -> Result<Option<Enclosure>> {
        /// As often is looked at what starts and ends while it is looked at.
        const PASSES: u32 = 10;
        let Ok(kill) = OpenOptions::new()
            .write(true)
            .open(folder.join("cgroup.kill"))
        else {
            return Ok(None);
        };
        for _ in 0..PASSES {
            let mut pids = BTreeSet::new();
            if list(&folder, &mut pids).is_none()
                || !self.roots.iter().any(|root| pids.contains(&root.pid))
            {
                return Ok(None);
            }
            let mut has_moved = false;
            for pid in &pids {
                let is_alive = |member: &Member| !member.process.is_dead();
                if self.members.get(pid).is_some_and(is_alive) {
                    // This process ends last, by its own hand.
                    if *pid == std::process::id().cast_signed() {
                        return Ok(None);
                    }
                    continue;
                }
                match self.catch(*pid)? {
                    Catch::Caught => {}
                    Catch::Missed => has_moved = true,
                    Catch::Foreign => return Ok(None),
                }
            }
            if !has_moved {
                return Ok(Some(Enclosure { folder, kill, pids }));
            }
        }
        Ok(None)
    }
}

/// The root of the hierarchy has all processes, and what is beside the root
/// that this process sees cannot be reached.
fn is_below_the_root(path: &Path) -> bool {
    let is_plain = |part: Component<'_>| matches!(part, Component::RootDir | Component::Normal(_));
    path.components().count() > 1 && path.components().all(is_plain)
}

/// Where a cgroup lies in the file system; nothing where that is not mounted.
fn folder_of(path: &Path) -> Option<PathBuf> {
    let mounts = std::fs::read("/proc/self/mountinfo").ok()?;
    let mut mounts = mounts.split(|byte| *byte == b'\n').filter_map(mount);
    mounts.find_map(|(root, point)| Some(point.join(path.strip_prefix(root).ok()?)))
}

/// Root and mount point of a line of proc_pid_mountinfo(5) about a cgroup
/// file system of version 2.
fn mount(line: &[u8]) -> Option<(PathBuf, PathBuf)> {
    let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let dash = words.iter().position(|word| *word == b"-")?;
    (*words.get(dash + 1)? == b"cgroup2")
        .then(|| (unescaped_mount(words[3]), unescaped_mount(words[4])))
}

/// Lists the processes of a cgroup and of all below it; nothing when some
/// cannot be listed: of another pid namespace, or by threads only.
fn list(folder: &Path, pids: &mut BTreeSet<i32>) -> Option<()> {
    let text = std::fs::read_to_string(folder.join("cgroup.procs")).ok()?;
    for line in text.lines() {
        pids.insert(line.parse().ok().filter(|pid| *pid > 0)?);
    }
    for entry in std::fs::read_dir(folder).ok()? {
        let entry = entry.ok()?;
        if entry.file_type().ok()?.is_dir() {
            list(&entry.path(), pids)?;
        }
    }
    Some(())
}

/// Waits until the last process has ended, for a moment at most: the kernel
/// tells when that changes.
fn until_empty(folder: &Path) {
    let path = folder.join("cgroup.events");
    let until = monotonic_now().saturating_add(ENDING);
    let Ok(events) = File::open(&path) else {
        return;
    };
    loop {
        let mut text = [0; 256];
        let length = nix::sys::uio::pread(&events, &mut text, 0).unwrap_or(0);
        let is_populated = text[..length].starts_with(b"populated 1");
        let left = until.saturating_sub(monotonic_now());
        if !is_populated || left.is_zero() {
            return;
        }
        let mut watched = [PollFd::new(events.as_fd(), PollFlags::POLLPRI)];
        let millis = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
        let _ = poll(&mut watched, millis);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mount_of_cgroups_is_found_among_others() {
        let line = b"41 31 0:38 / /sys/fs/my\\040cgroup rw,relatime shared:1 - cgroup2 cgroup2 rw";
        let (root, point) = mount(line).unwrap();
        assert_eq!((root, point), ("/".into(), "/sys/fs/my cgroup".into()));
        let other = b"30 31 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu";
        assert_eq!(mount(other), None);
        assert_eq!(mount(b""), None);
    }

    #[test]
    fn neither_the_root_nor_what_is_beside_it_is_a_place() {
        for (path, is_it) in [("/", false), ("/a", true), ("/../a", false), ("/a/b", true)] {
            assert_eq!(is_below_the_root(Path::new(path)), is_it, "{path}");
        }
    }
}
