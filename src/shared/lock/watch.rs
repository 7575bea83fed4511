//! A second thread that sees what no futex tells: an owner's death, and the
//! end of a process that was killed before it could wake anybody.

use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::Inotify;

use super::obstacle::{Obstacle, Obstacles};
use super::{Lock, SEQUENCE, owner_at};
use crate::process::identity::Process;
use crate::shared::watch::{Cancel, Watch, watch_file};
use crate::sys::futex;

/// Watches the owners in the way, the object itself, and the process that is
/// to own it, for the time of one sleep.
///
/// Where descriptors are short, fewer owners are watched; with none to spare
/// there is no watch, and the sleeper looks again by the clock.
pub(super) fn start(lock: &Lock, mut obstacles: Obstacles, owner: &Process) -> Option<Watch> {
    let needed = || Some((Cancel::new()?, owner.as_fd().try_clone_to_owned().ok()?));
    let (cancel, owner) = obstacles.with_room_for(needed)?;
    // Fails too where the user has no inotify instance left.
    let object = watch_file(&lock.page);
    let (lock, obstacles) = (lock.clone(), obstacles.into_list());
    Some(Watch::spawn(cancel, move |cancelled| {
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
    if poll_on(&mut entries, PollTimeout::NONE).is_err() {
        return;
    }
    for (one, entry) in watched.iter().zip(&entries[2..]) {
        if entry.any() == Some(true) {
            lock.free_dead(one.index, one.word);
        }
    }
    // The sleeper looks at everything itself, so any event is reason enough. It
    // may not be asleep yet, and no word need have changed: again until it hears.
    let mut pause = 1_u8;
    while entries[0].any() != Some(true) {
        for one in obstacles {
            futex::wake(lock.page.sleeper(owner_at(one.index)), u32::MAX);
        }
        futex::wake(lock.page.sleeper(SEQUENCE), u32::MAX);
        if poll_on(&mut entries[..1], pause.into()).is_err() {
            return;
        }
        pause = pause.saturating_mul(2);
    }
}

fn poll_on(entries: &mut [PollFd<'_>], timeout: PollTimeout) -> nix::Result<i32> {
    loop {
        match poll(entries, timeout) {
            Err(Errno::EINTR) => {}
            result => return result,
        }
    }
}
