//! Whether the file by which a socket is found is still there.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use super::Listener;
use super::place::find;
use crate::error::{Error, ErrorKind, Result};
use crate::wait::RECHECK;

/// The file of a listener, watched for the moment when no path leads to it. One
/// that is renamed has a path still.
#[derive(Debug)]
pub struct NameWatch {
    file: File,
    news: Option<Inotify>,
}

impl Listener {
    /// Watches its file from here on; nothing for an abstract name, which
    /// nobody can take away.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`] when it is gone already.
    pub fn watch_name(&self) -> Result<Option<NameWatch>> {
        let Some((path, identity)) = &self.file else {
            return Ok(None);
        };
        let found = find(path)?;
        if found.identity != *identity {
            return Err(Error::new(ErrorKind::Missing, "its file was replaced"));
        }
        let file = found.into_handle();
        let news = watched(&file);
        Ok(Some(NameWatch { file, news }))
    }
}

/// Tells of each change of how many names a file has (inotify(7)).
fn watched(file: &File) -> Option<Inotify> {
    let news = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).ok()?;
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let watch = news.add_watch(path.as_str(), AddWatchFlags::IN_ATTRIB);
    watch.ok().map(|_| news)
}

impl NameWatch {
    /// Becomes readable when it may be gone.
    pub fn news(&self) -> Option<BorrowedFd<'_>> {
        self.news.as_ref().map(AsFd::as_fd)
    }

    /// How often to look where the kernel does not tell: no inotify was left.
    pub fn recheck(&self) -> Option<Duration> {
        self.news.is_none().then_some(RECHECK)
    }

    /// Whether no path leads to the socket any more.
    pub fn is_gone(&mut self) -> bool {
        if let Some(news) = &self.news {
            let _ = news.read_events();
        }
        self.file.metadata().is_ok_and(|found| found.nlink() == 0)
    }
}
