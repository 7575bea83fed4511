//! A second thread that sees what no futex tells: the death of a process, and
//! the end of one that was killed before it could wake anybody.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use crate::process::identity::Process;
use crate::shared::page::Page;
use crate::sys::futex;

/// Milliseconds from the first wake after an event to the second.
const FIRST_PAUSE: u8 = 1;

/// From this pause on, in milliseconds, a sleeper has surely heard.
const LAST_PAUSE: u32 = 100;

/// The thread, for the time of one wait. Whatever it sees, it wakes the
/// sleepers, who look at everything themselves.
pub(super) struct Watch {
    cancel: Option<EventFd>,
    thread: Option<JoinHandle<()>>,
    noticed: Arc<AtomicBool>,
}

impl Watch {
    /// Watches these processes and the file of the page; on any event wakes
    /// those who sleep at `offset`.
    ///
    /// Without descriptors to spare there is no watch: the sleeper looks again
    /// by the clock.
    pub(super) fn start(page: &Arc<Page>, offset: usize, processes: Vec<Process>) -> Watch {
        let Some(cancel) = Cancel::new() else {
            return Watch {
                cancel: None,
                thread: None,
                noticed: Arc::default(),
            };
        };
        let (page, file) = (Arc::clone(page), watch_file(page));
        let noticed = Arc::new(AtomicBool::new(false));
        let notice = Arc::clone(&noticed);
        let mut watch = Watch::spawn(cancel, move |cancelled| {
            let wake = |happened| {
                notice.fetch_or(happened, Ordering::Release);
                futex::wake(page.sleeper(offset), u32::MAX);
            };
            follow(&processes, file.as_ref(), &cancelled, wake);
        });
        watch.noticed = noticed;
        watch
    }

    /// Whether something has happened since this was asked last. What the
    /// clock alone finds is not noticed.
    pub(super) fn has_noticed(&self) -> bool {
        self.noticed.swap(false, Ordering::Acquire)
    }

    /// Runs `watched` on a thread until the watch is dropped: the descriptor
    /// that it is given becomes readable then. Without a thread to be had
    /// nobody watches.
    pub(super) fn spawn(cancel: Cancel, watched: impl FnOnce(OwnedFd) + Send + 'static) -> Watch {
        let cancelled = cancel.cancelled;
        let thread = std::thread::Builder::new()
            .stack_size(64 << 10)
            .spawn(move || watched(cancelled))
            .ok();
        Watch {
            cancel: Some(cancel.cancel),
            thread,
            noticed: Arc::default(),
        }
    }
}

/// What a watch is ended with: one end for each side.
pub(super) struct Cancel {
    cancel: EventFd,
    cancelled: OwnedFd,
}

impl Cancel {
    /// Nothing without two descriptors to spare.
    pub(super) fn new() -> Option<Cancel> {
        let cancel = EventFd::from_flags(EfdFlags::EFD_CLOEXEC).ok()?;
        let cancelled = cancel.as_fd().try_clone_to_owned().ok()?;
        Some(Cancel { cancel, cancelled })
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

/// Says whether something has happened, or it is only said once more.
fn follow(
    processes: &[Process],
    file: Option<&Inotify>,
    cancelled: &impl AsFd,
    wake: impl Fn(bool),
) {
    let readable = |descriptor| PollFd::new(descriptor, PollFlags::POLLIN);
    let mut entries = vec![readable(cancelled.as_fd())];
    entries.extend(file.map(|inotify| readable(inotify.as_fd())));
    let lasting = entries.len();
    entries.extend(processes.iter().map(|process| readable(process.as_fd())));
    let mut pause = PollTimeout::NONE;
    loop {
        match poll(&mut entries, pause) {
            Err(Errno::EINTR) => continue,
            Err(_) => return,
            Ok(_) => {}
        }
        if entries[0].any() == Some(true) {
            return;
        }
        let happened = entries.iter().any(|entry| entry.any() == Some(true));
        // The sleeper may only be on its way to sleep, and no word has changed
        // that would keep it from it: once more a little later, and again.
        pause = if happened {
            FIRST_PAUSE.into()
        } else {
            longer(pause)
        };
        if let Some(inotify) = file {
            let _ = inotify.read_events();
        }
        // Dead is for ever: polled on, it would let this thread run hot.
        let mut index = 0;
        entries.retain(|entry| {
            index += 1;
            index <= lasting || entry.any() != Some(true)
        });
        wake(happened);
    }
}

/// Twice as long, and for ever beyond a tenth of a second.
fn longer(pause: PollTimeout) -> PollTimeout {
    match pause.as_millis() {
        Some(millis) if millis < LAST_PAUSE => PollTimeout::try_from(2 * millis),
        _ => Ok(PollTimeout::NONE),
    }
    .unwrap_or(PollTimeout::NONE)
}
