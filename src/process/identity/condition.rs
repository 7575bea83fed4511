//! What a process is at: its system call, who traces it, what confines it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use nix::libc;

/// What a process is at, as far as `/proc` tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// Runs, or is in the kernel without a system call.
    None,
    /// Sleeps in this system call, with these arguments.
    In(i64, [u64; 6]),
    /// Hidden from this user.
    Hidden,
}

impl Call {
    /// Of the first thread of a process: `/proc/PID/syscall`, which takes the
    /// right to trace it.
    pub fn of(pid: i32) -> Call {
        Call::read(&format!("/proc/{pid}/syscall"))
    }

    fn read(path: &str) -> Call {
        let Ok(line) = std::fs::read_to_string(path) else {
            return Call::Hidden;
        };
        let mut words = line.split_ascii_whitespace();
        let number = words.next().and_then(|word| word.parse().ok());
        let Some(number) = number.filter(|number| *number >= 0) else {
            return Call::None;
        };
        let mut arguments = [0; 6];
        for (argument, word) in arguments.iter_mut().zip(words) {
            let digits = word.trim_start_matches("0x");
            *argument = u64::from_str_radix(digits, 16).unwrap_or_default();
        }
        Call::In(number, arguments)
    }

    /// Its name, for those that processes sleep in; else its number.
    pub fn name(self) -> Option<String> {
        let Call::In(number, _) = self else {
            return None;
        };
        let known = SLEEPS.iter().find(|(known, _)| *known == number);
        Some(known.map_or_else(|| number.to_string(), |(_, name)| (*name).to_owned()))
    }
}

/// System calls that processes sleep in.
const SLEEPS: &[(libc::c_long, &str)] = &[
    (libc::SYS_read, "read"),
    (libc::SYS_readv, "readv"),
    (libc::SYS_write, "write"),
    (libc::SYS_ioctl, "ioctl"),
    (libc::SYS_fcntl, "fcntl"),
    (libc::SYS_flock, "flock"),
    (libc::SYS_openat, "openat"),
    (libc::SYS_accept, "accept"),
    (libc::SYS_accept4, "accept4"),
    (libc::SYS_connect, "connect"),
    (libc::SYS_recvfrom, "recvfrom"),
    (libc::SYS_recvmsg, "recvmsg"),
    (libc::SYS_sendto, "sendto"),
    (libc::SYS_sendmsg, "sendmsg"),
    (libc::SYS_futex, "futex"),
    (libc::SYS_nanosleep, "nanosleep"),
    (libc::SYS_clock_nanosleep, "clock_nanosleep"),
    (libc::SYS_ppoll, "ppoll"),
    (libc::SYS_pselect6, "pselect6"),
    (libc::SYS_epoll_pwait, "epoll_pwait"),
    (libc::SYS_wait4, "wait4"),
    (libc::SYS_waitid, "waitid"),
    (libc::SYS_rt_sigtimedwait, "rt_sigtimedwait"),
    (libc::SYS_rt_sigsuspend, "rt_sigsuspend"),
    (libc::SYS_semtimedop, "semtimedop"),
    (libc::SYS_semop, "semop"),
    (libc::SYS_msgrcv, "msgrcv"),
    (libc::SYS_msgsnd, "msgsnd"),
    (libc::SYS_mq_timedreceive, "mq_timedreceive"),
    (libc::SYS_mq_timedsend, "mq_timedsend"),
    (libc::SYS_splice, "splice"),
    (libc::SYS_fsync, "fsync"),
    (libc::SYS_io_getevents, "io_getevents"),
    (libc::SYS_restart_syscall, "restart_syscall"),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_open, "open"),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_poll, "poll"),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_select, "select"),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_epoll_wait, "epoll_wait"),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_pause, "pause"),
];

/// Where in the kernel a process sleeps; nothing where it does not, or where
/// that is hidden.
pub fn wait_function(pid: i32) -> Option<String> {
    let found = std::fs::read_to_string(format!("/proc/{pid}/wchan")).ok()?;
    Some(found).filter(|name| !name.is_empty() && name != "0")
}

/// What confines or watches a process: parts of `/proc/PID/status`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Confinement {
    /// The process that traces it, 0 for none.
    pub tracer: i32,
    /// The mode of seccomp: 2 is a filter.
    pub seccomp: i32,
    /// How many threads it has.
    pub threads: u32,
    /// How many pid namespaces down from ours it lives.
    pub namespaces_below: usize,
}

impl Confinement {
    /// Of a process, as far as `/proc` tells.
    pub fn of(pid: i32) -> Option<Confinement> {
        let status = std::fs::read(format!("/proc/{pid}/status")).ok()?;
        Some(Confinement::parse(&String::from_utf8_lossy(&status)))
    }

    fn parse(status: &str) -> Confinement {
        let words = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key));
            line.unwrap_or_default().split_ascii_whitespace()
        };
        let number = |key| words(key).next().and_then(|word| word.parse().ok());
        Confinement {
            tracer: number("TracerPid:").unwrap_or_default(),
            seccomp: number("Seccomp:").unwrap_or_default(),
            threads: number("Threads:").unwrap_or_default().cast_unsigned(),
            namespaces_below: words("NSpid:").count().saturating_sub(1),
        }
    }
}

/// The cgroup of a process in the one hierarchy of version 2, cgroups(7), as a
/// path from the root that this process sees; nothing without such a hierarchy.
pub fn cgroup_of(pid: i32) -> Option<PathBuf> {
    let lines = std::fs::read(format!("/proc/{pid}/cgroup")).ok()?;
    let mut lines = lines.split(|byte| *byte == b'\n');
    let path = lines.find_map(|line| line.strip_prefix(b"0::"))?;
    Some(PathBuf::from(OsStr::from_bytes(path)))
}

/// What every thread of a process is at.
pub fn calls_of_threads(pid: i32) -> Vec<Call> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter();
    let path = |entry: std::fs::DirEntry| entry.path().join("syscall");
    threads
        .flatten()
        .flatten()
        .map(|entry| Call::read(&path(entry).to_string_lossy()))
        .collect()
}

/// What a descriptor of a process leads to, as `/proc` writes it.
pub fn target_of(pid: i32, descriptor: u64) -> Option<String> {
    let target = std::fs::read_link(format!("/proc/{pid}/fd/{descriptor}")).ok()?;
    Some(target.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_confines_is_read_by_its_name() {
        let status = "Name:\tx\nTracerPid:\t7\nNSpid:\t71\t1\nThreads:\t3\nSeccomp:\t2\nSeccomp_filters:\t1\n";
        let found = Confinement::parse(status);
        assert_eq!((found.tracer, found.seccomp, found.threads), (7, 2, 3));
        assert_eq!(found.namespaces_below, 1);
        let plain = Confinement::parse("NSpid:\t7\n");
        assert_eq!((plain.namespaces_below, plain.tracer), (0, 0));
    }

    #[test]
    fn calls_have_names_and_what_is_not_there_is_hidden() {
        assert_ne!(Call::of(std::process::id() as i32), Call::Hidden);
        assert_eq!(Call::of(i32::MAX), Call::Hidden);
        let call = Call::In(libc::SYS_nanosleep, [0; 6]);
        assert_eq!(call.name().as_deref(), Some("nanosleep"));
        assert_eq!(Call::In(999, [0; 6]).name().as_deref(), Some("999"));
    }
}
