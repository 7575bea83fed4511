//! Which process it is: number, start time, descriptor. The only reader of
//! `/proc/PID`.
//!
//! A number alone says nothing: it is given to another process when its own
//! has gone. A process is dead when its descriptor says so, not when it is a
//! zombie by its letter, not when `kill 0` fails, and not when `/proc` has no
//! entry; a number from another pid namespace is never judged at all.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::fstat;
use nix::sys::statfs::{FsType, fstatfs};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{SysconfVar, getppid, sysconf};

use crate::error::{Error, ErrorKind, Result};
use crate::sys::pidfd;

/// The file system of process descriptors whose inodes are never reused.
const PIDFS_MAGIC: FsType = FsType(0x5049_4446);

const MORE_FILES: &str = "ulimit -n shows how many files a process may open";

/// One process, held by its descriptor: the number cannot change hands.
#[derive(Debug)]
pub struct Process {
    pid: i32,
    start: Option<Duration>,
    descriptor: OwnedFd,
}

impl Process {
    /// Opens a process of this pid namespace by number.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`] when there is none, or only a thread has the number;
    /// [`ErrorKind::Limit`] without two descriptors to spare.
    pub fn open(pid: i32) -> Result<Process> {
        let descriptor = pidfd::open(pid).map_err(|errno| {
            let error = Error::os(errno).about(format!("process {pid}"));
            match errno {
                Errno::ESRCH => error.saying("no such process"),
                Errno::ENOENT | Errno::EINVAL => error
                    .meaning(ErrorKind::Missing)
                    .saying("is a thread, not a process"),
                Errno::EMFILE => error.hint(MORE_FILES),
                _ => error,
            }
        })?;
        // Read after the descriptor is held. If the process has gone meanwhile
        // the number may be another's: the descriptor then says dead.
        let start = start_of(pid)
            .map_err(|error| error.about(format!("process {pid}")).hint(MORE_FILES))?;
        Ok(Process {
            pid,
            start,
            descriptor,
        })
    }

    /// The parent of this process: the shell, as a rule.
    ///
    /// # Errors
    /// As [`Process::open`]; [`ErrorKind::Usage`] when it lies in another pid namespace.
    pub fn parent() -> Result<Process> {
        match getppid().as_raw() {
            0 => Err(Error::new(
                ErrorKind::Usage,
                "the parent process lies in another pid namespace and cannot be the owner",
            )
            .hint("--owner PID names another one")),
            pid => Process::open(pid),
        }
    }

    /// Its number in this pid namespace.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// When it started, since boot, rounded down to the kernel's ticks; unknown
    /// where `/proc` hides it.
    pub fn start(&self) -> Option<Duration> {
        self.start
    }

    /// Whether it has ended, be it reaped or not.
    pub fn is_dead(&self) -> bool {
        let mut entry = [PollFd::new(self.descriptor.as_fd(), PollFlags::POLLIN)];
        poll(&mut entry, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
    }

    /// A number that no other process gets until the next boot, from Linux 6.9 on.
    pub fn unique(&self) -> Option<u64> {
        let of_pidfs =
            fstatfs(&self.descriptor).is_ok_and(|fs| fs.filesystem_type() == PIDFS_MAGIC);
        let found = of_pidfs.then(|| fstat(&self.descriptor).ok())??;
        Some(found.st_ino)
    }
}

/// For polling: readable from the moment the process has ended.
impl AsFd for Process {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// In which pids and start times mean what they say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Namespaces {
    /// Inode of the pid namespace.
    pub pid: u64,
    /// Inode of the time namespace; 0 where the kernel has none.
    pub time: u64,
}

impl Namespaces {
    /// Those of this process.
    ///
    /// # Errors
    /// When `/proc` is not mounted.
    pub fn of_this_process() -> Result<Namespaces> {
        let time = std::fs::metadata("/proc/self/ns/time").map_or(0, |found| found.ino());
        Ok(Namespaces {
            pid: pid_namespace()?,
            time,
        })
    }
}

impl std::fmt::Display for Namespaces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "pid namespace {} with time namespace {}",
            self.pid, self.time
        )
    }
}

/// The pid namespace that numbers are read in, by its inode.
///
/// # Errors
/// When `/proc` is not mounted.
pub fn pid_namespace() -> Result<u64> {
    let path = "/proc/self/ns/pid";
    std::fs::metadata(path)
        .map(|found| found.ino())
        .map_err(|refusal| Error::os(refusal).about(path))
}

/// Reads CLOCK_BOOTTIME, on which the start times of processes are.
pub fn since_boot() -> Duration {
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from)
}

/// The command line of a process, its words apart by blanks; else its short name.
pub fn command_of(pid: i32) -> Option<String> {
    let words = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let line = words
        .split(|byte| *byte == 0)
        .map(String::from_utf8_lossy)
        .collect::<Vec<_>>()
        .join(" ");
    let line = line.trim_end().to_owned();
    if !line.is_empty() {
        return Some(line);
    }
    std::fs::read_to_string(format!("/proc/{pid}/comm"))
        .ok()
        .map(|name| name.trim_end().to_owned())
}

/// The processes of this pid namespace, as far as `/proc` shows them.
pub fn all() -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut pids: Vec<i32> = entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_unstable();
    pids
}

/// Whether a process has this file open; not when that cannot be seen.
pub fn has_open(pid: i32, device: u64, inode: u64) -> bool {
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten()
        .flatten();
    let is_it = |found: std::fs::Metadata| (found.dev(), found.ino()) == (device, inode);
    descriptors
        .filter_map(|one| std::fs::metadata(one.path()).ok())
        .any(is_it)
}

/// Whether a process is `sh -c TEXT` where the text is one plain command, so
/// that nothing can come after it.
pub fn is_shell_of_one_command(pid: i32) -> bool {
    let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    text_of_shell(&words).is_some_and(|text| {
        let several = |byte: &u8| b";&|(){}`\n".contains(byte);
        !text.trim_ascii().iter().any(several)
    })
}

/// The argument of the option -c, which may be bundled with others.
fn text_of_shell(words: &[u8]) -> Option<&[u8]> {
    let mut words = words.split(|byte| *byte == 0).skip(1);
    let is_option = |word: &[u8]| word.len() > 1 && matches!(word[0], b'-' | b'+');
    words.find(|word| is_option(word) && !word.starts_with(b"--") && word.contains(&b'c'))?;
    words.find(|word| !is_option(word))
}

/// The command of a process that has nothing to do but run this one, as
/// timeout(1) and strace(1): its arguments are this command line. A shell may
/// do more, whatever its arguments are.
pub fn is_launcher(pid: i32) -> bool {
    const SHELLS: &[&[u8]] = &[
        b"sh", b"ash", b"dash", b"bash", b"rbash", b"zsh", b"ksh", b"mksh", b"yash", b"fish",
    ];
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let line = line.strip_suffix(b"\0").unwrap_or(&line);
    let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
    let own: Vec<_> = std::env::args_os().collect();
    let own: Vec<&[u8]> = own.iter().map(|word| word.as_bytes()).collect();
    let bare =
        |word: &&[u8]| word.rsplit(|byte| *byte == b'/').next().unwrap_or_default() == b"busybox";
    let program = words
        .iter()
        .find(|word| !bare(word))
        .copied()
        .unwrap_or_default();
    let name = program
        .rsplit(|byte| *byte == b'/')
        .next()
        .unwrap_or_default();
    let name = name.strip_prefix(b"-").unwrap_or(name);
    !SHELLS.contains(&name) && has_command_line(&words, &own)
}

/// Whether these arguments hold the start of that command line: three words
/// of it, or what stands at their end.
fn has_command_line(words: &[&[u8]], line: &[&[u8]]) -> bool {
    (1..words.len()).any(|at| {
        let pairs = words[at..].iter().zip(line);
        let same = pairs.take_while(|(one, other)| one == other).count();
        same >= 3 || same == 2 && at + same == words.len()
    })
}

/// Where a process comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lineage {
    /// Its parent, 0 when that lies in another pid namespace.
    pub parent: i32,
    /// Its session.
    pub session: i32,
    /// Whether it is a copy of its parent that never became another program:
    /// of a shell, a subshell.
    pub is_copy: bool,
}

/// Where a process comes from, as far as `/proc` tells.
pub fn lineage(pid: i32) -> Option<Lineage> {
    /// PF_FORKNOEXEC of the kernel.
    const NEVER_EXECED: u64 = 0x40;
    let line = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    Some(Lineage {
        parent: i32::try_from(field(&line, 4)?).ok()?,
        session: i32::try_from(field(&line, 6)?).ok()?,
        is_copy: field(&line, 9)? & NEVER_EXECED != 0,
    })
}

/// The ancestors of a process, its parent first, as far as `/proc` tells.
pub fn ancestors(pid: i32) -> impl Iterator<Item = i32> {
    let parent = |pid: i32| Some(lineage(pid)?.parent).filter(|parent| *parent != 0);
    std::iter::successors(parent(pid), move |pid| parent(*pid))
}

/// Whether what a process prints goes into a pipe that the program which it is
/// a copy of does not print into: a subshell of `$( )` or of a pipeline.
/// Unknown where its descriptors cannot be seen.
pub fn prints_elsewhere(copy: i32) -> Option<bool> {
    let output = |pid: i32| std::fs::metadata(format!("/proc/{pid}/fd/1")).ok();
    let own = output(copy)?;
    if !own.file_type().is_fifo() {
        return Some(false);
    }
    let original = ancestors(copy).find(|pid| lineage(*pid).is_none_or(|found| !found.is_copy))?;
    let same = |found: std::fs::Metadata| (found.dev(), found.ino()) == (own.dev(), own.ino());
    Some(!output(original).is_some_and(same))
}

/// When a process started; nothing where `/proc` hides it.
///
/// # Errors
/// A shortage of descriptors: it must not pass for a hidden start, which lets
/// any process of the number through.
fn start_of(pid: i32) -> Result<Option<Duration>> {
    match std::fs::read(format!("/proc/{pid}/stat")).map_err(Error::os) {
        Ok(line) => Ok(field(&line, 22).and_then(since_boot_of)),
        Err(error) if error.is_shortage() => Err(error),
        Err(_) => Ok(None),
    }
}

/// The moment of so many ticks of the kernel after boot.
fn since_boot_of(ticks: u64) -> Option<Duration> {
    let per_second = sysconf(SysconfVar::CLK_TCK)
        .ok()
        .flatten()
        .filter(|hz| *hz > 0)?;
    let micros = u128::from(ticks) * 1_000_000 / per_second.cast_unsigned() as u128;
    Some(Duration::from_micros(u64::try_from(micros).ok()?))
}

/// A field by its number in proc_pid_stat(5), from 4 on; the second one, in
/// brackets, may hold blanks and brackets.
fn field(line: &[u8], number: usize) -> Option<u64> {
    let end = line.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(&line[end + 1..]).ok()?;
    rest.split_ascii_whitespace()
        .nth(number.checked_sub(3)?)?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_time_is_found_behind_any_name() {
        let line = b"7 (a) b (c) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4711 1 2 3";
        assert_eq!(field(line, 22), Some(4711));
        assert_eq!(field(line, 9), Some(4_194_560));
    }

    #[test]
    fn the_text_of_a_shell_is_found_behind_its_options() {
        for (words, text) in [
            (&b"sh\0-c\0one two\0"[..], Some(&b"one two"[..])),
            (b"bash\0-e\0-o\0pipefail\0-lc\0one\0name\0", Some(b"one")),
            (b"bash\0-c\0-e\0--\0one\0", Some(b"one")),
            (b"bash\0script\0", None),
            (b"bash\0", None),
        ] {
            assert_eq!(text_of_shell(words), text);
        }
    }

    #[test]
    fn the_command_line_of_a_child_is_found_in_that_of_its_launcher() {
        let line = ["ipc", "lock", "acquire", "L"].map(str::as_bytes);
        for (words, has_it) in [
            (&["timeout", "5", "ipc", "lock", "acquire", "L"][..], true),
            (
                &["find", ".", "-exec", "ipc", "lock", "acquire", "{}", ";"],
                true,
            ),
            (&["xargs", "ipc", "lock"], true),
            (&["make", "ipc"], false),
            (&["make", "ipc", "lock", "test"], false),
            (&["ipc", "lock", "acquire", "L"], false),
            (&["sh", "-c", "ipc lock acquire L"], false),
        ] {
            let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
            assert_eq!(has_command_line(&words, &line), has_it, "{words:?}");
        }
    }

    #[test]
    fn this_process_is_alive_and_started_in_the_past() {
        let this = Process::open(std::process::id() as i32).unwrap();
        assert!(!this.is_dead());
        assert!(this.start().unwrap() <= since_boot());
    }

    #[test]
    fn a_zombie_is_dead_and_its_number_leads_nowhere_when_reaped() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let process = Process::open(child.id() as i32).unwrap();
        let mut ended = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
        poll(&mut ended, PollTimeout::NONE).unwrap();
        assert!(process.is_dead());
        child.wait().unwrap();
        assert!(process.is_dead());
        assert_eq!(
            Process::open(process.pid()).unwrap_err().kind(),
            ErrorKind::Missing
        );
    }
}
