//! A second thread that sees what no futex tells: an owner's death, and the
//! end of a process that was killed before it could wake anybody.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::thread::JoinHandle;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use super::acquire::Obstacle;
use super::{Lock, SEQUENCE, owner_at};
use crate::process::identity::Process;
use crate::sys::futex;

/// Owners that one thread watches; more are left to the re-check.
const MOST: usize = 200;

/// The thread, for the time of one sleep.
pub(super) struct Watch {
    cancel: Option<EventFd>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Watches the owners in the way, the object itself, and the process that
    /// is to own it.
    ///
    /// Without descriptors to spare there is no watch: the sleeper looks again
    /// by the clock.
    pub(super) fn start(lock: &Lock, mut obstacles: Vec<Obstacle>, owner: &Process) -> Watch {
        obstacles.truncate(MOST);
        let none = Watch {
            cancel: None,
            thread: None,
        };
        let Ok(cancel) = EventFd::from_flags(EfdFlags::EFD_CLOEXEC) else {
            return none;
        };
        let Ok(cancelled) = cancel.as_fd().try_clone_to_owned() else {
            return none;
        };
        let Ok(owner) = owner.as_fd().try_clone_to_owned() else {
            return none;
        };
        let (lock, object) = (lock.clone(), watch_object(lock));
        let watched = move || follow(&lock, &obstacles, object.as_ref(), [&cancelled, &owner]);
        let thread = std::thread::Builder::new()
            .stack_size(64 << 10)
            .spawn(watched)
            .ok();
        Watch {
            cancel: Some(cancel),
            thread,
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let cancelled = self
            .cancel
            .as_ref()
            .is_some_and(|cancel| cancel.write(1).is_ok());
        if let Some(thread) = self.thread.take().filter(|_| cancelled) {
            // It only polls and wakes: there is no panic to pass on.
            let _ = thread.join();
        }
    }
}

/// An inotify descriptor that tells when a process that could change the
/// object has closed it, be it by being killed, and when it is removed.
fn watch_object(lock: &Lock) -> Option<Inotify> {
    let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).ok()?;
    let path = format!("/proc/self/fd/{}", lock.page.file().as_raw_fd());
    let events =
        AddWatchFlags::IN_CLOSE_WRITE | AddWatchFlags::IN_ATTRIB | AddWatchFlags::IN_DELETE_SELF;
    inotify.add_watch(path.as_str(), events).ok()?;
    Some(inotify)
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
