//! A second thread that sees what no futex tells: an owner's death, and the
//! end of a process that was killed before it could wake anybody.

use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::Inotify;

use super::acquire::Obstacle;
use super::{Lock, SEQUENCE, owner_at};
use crate::process::identity::Process;
use crate::shared::watch::{Watch, watch_file};
use crate::sys::futex;

/// Owners that one thread watches; more are left to the re-check.
const MOST: usize = 200;

/// Watches the owners in the way, the object itself, and the process that is
/// to own it, for the time of one sleep.
///
/// Without descriptors to spare there is no watch: the sleeper looks again by
/// the clock.
pub(super) fn start(lock: &Lock, mut obstacles: Vec<Obstacle>, owner: &Process) -> Option<Watch> {
    obstacles.truncate(MOST);
    let owner = owner.as_fd().try_clone_to_owned().ok()?;
    let (lock, object) = (lock.clone(), watch_file(&lock.page));
    Some(Watch::spawn(move |cancelled| {
        follow(&lock, &obstacles, object.as_ref(), [&cancelled, &owner]);
    }))
}

fn follow(
    lock: &Lock,
    obstacles: &[Obstacle],
    object: Option<&Inotify>,
    [cancelled, owner]: [&OwnedFd; 2],
) {
    let watched: Vec<&Obstacle> = obstacles
        .iter()
        .filter(|one| one.process.is_some())
        .collect();
    let mut entries = vec![
        PollFd::new(cancelled.as_fd(), PollFlags::POLLIN),
        PollFd::new(owner.as_fd(), PollFlags::POLLIN),
    ];
    let owners = watched.iter().filter_map(|one| one.process.as_ref());
    entries.extend(owners.map(|process| PollFd::new(process.as_fd(), PollFlags::POLLIN)));
    entries.extend(object.map(|inotify| PollFd::new(inotify.as_fd(), PollFlags::POLLIN)));
    loop {
        match poll(&mut entries, PollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            Err(_) => return,
            Ok(_) => {}
        }
        if entries[0].any() == Some(true) {
            return;
        }
        for (one, entry) in watched.iter().zip(&entries[2..]) {
            if entry.any() == Some(true) {
                lock.free_dead(one.index, one.word);
            }
        }
        // The sleeper looks at everything itself, so any event is reason enough.
        for one in obstacles {
            futex::wake(lock.page.sleeper(owner_at(one.index)), u32::MAX);
        }
        futex::wake(lock.page.sleeper(SEQUENCE), u32::MAX);
        if let Some(inotify) = object {
            let _ = inotify.read_events();
        }
        if entries[1..=1 + watched.len()]
            .iter()
            .any(|entry| entry.any() == Some(true))
        {
            // Who is dead stays dead: polling on would spin until the sleeper cancels.
            return;
        }
    }
}
