//! A second thread that sees what no futex tells: the death of a process, and
//! the end of one that was killed before it could wake anybody.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::thread::JoinHandle;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use crate::process::identity::Process;
use crate::shared::page::Page;
use crate::sys::futex;

/// The thread, for the time of one sleep. Whatever it sees, it wakes the
/// sleepers, who look at everything themselves.
pub(super) struct Watch {
    cancel: Option<EventFd>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Watches these processes and the file of the page; on any event wakes
    /// those who sleep at `offset`.
    ///
    /// Without descriptors to spare there is no watch: the sleeper looks again
    /// by the clock.
    pub(super) fn start(page: &Arc<Page>, offset: usize, processes: Vec<Process>) -> Watch {
        let (page, file) = (Arc::clone(page), watch_file(page));
        Watch::spawn(move |cancelled| follow(&page, offset, &processes, file.as_ref(), &cancelled))
    }

    /// Runs `watched` on a thread until the watch is dropped: the descriptor
    /// that it is given becomes readable then.
    pub(super) fn spawn(watched: impl FnOnce(OwnedFd) + Send + 'static) -> Watch {
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
        let thread = std::thread::Builder::new()
            .stack_size(64 << 10)
            .spawn(move || watched(cancelled))
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
pub(super) fn watch_file(page: &Page) -> Option<Inotify> {
    let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).ok()?;
    let path = format!("/proc/self/fd/{}", page.file().as_raw_fd());
    let events =
        AddWatchFlags::IN_CLOSE_WRITE | AddWatchFlags::IN_ATTRIB | AddWatchFlags::IN_DELETE_SELF;
    inotify.add_watch(path.as_str(), events).ok()?;
    Some(inotify)
}

fn follow(
    page: &Page,
    offset: usize,
    processes: &[Process],
    file: Option<&Inotify>,
    cancelled: &impl AsFd,
) {
    let mut entries = vec![PollFd::new(cancelled.as_fd(), PollFlags::POLLIN)];
    entries.extend(
        processes
            .iter()
            .map(|process| PollFd::new(process.as_fd(), PollFlags::POLLIN)),
    );
    entries.extend(file.map(|inotify| PollFd::new(inotify.as_fd(), PollFlags::POLLIN)));
    loop {
        match poll(&mut entries, PollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            Err(_) => return,
            Ok(_) => {}
        }
        if entries[0].any() == Some(true) {
            return;
        }
        if let Some(inotify) = file {
            let _ = inotify.read_events();
        }
        futex::wake(page.sleeper(offset), u32::MAX);
        if entries[1..=processes.len()]
            .iter()
            .any(|entry| entry.any() == Some(true))
        {
            // Dead is for ever: polling on would spin until the sleeper cancels.
            return;
        }
    }
}
