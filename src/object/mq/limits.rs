//! The limits of queues, and why a queue was refused.

use std::fmt::{self, Display, Formatter, Write as _};

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit};
use nix::unistd::geteuid;

use crate::error::{Error, ErrorKind, Result};
use crate::size::counted;

/// Highest priority of a message.
pub const MAX_PRIORITY: u32 = 32_767;

/// Bytes that the kernel counts for each message beside its contents: its
/// header and its node in the tree of priorities, on 64-bit machines.
const PER_MESSAGE: u64 = 48 + 48;

/// How many messages of which size a queue takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    /// Messages that fit before a sender has to wait.
    pub max_messages: usize,
    /// Bytes that fit into one message.
    pub max_size: usize,
}

/// As `10 messages of 8192 bytes`.
impl Display for Geometry {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let messages = counted(self.max_messages as u64, "message");
        write!(f, "{messages} of {}", counted(self.max_size as u64, "byte"))
    }
}

impl Geometry {
    /// The geometry asked for, with the system's defaults for what was not.
    pub fn or_default(max_messages: Option<usize>, max_size: Option<usize>) -> Geometry {
        Geometry {
            max_messages: max_messages
                .unwrap_or_else(|| sysctl("msg_default").unwrap_or(10) as usize),
            max_size: max_size
                .unwrap_or_else(|| sysctl("msgsize_default").unwrap_or(8192) as usize),
        }
    }

    /// Bytes that such a queue takes out of RLIMIT_MSGQUEUE, full or empty.
    pub fn budget(self) -> u64 {
        (self.max_messages as u64)
            .saturating_mul((self.max_size as u64).saturating_add(PER_MESSAGE))
    }
}

/// Refuses what no kernel takes.
pub(super) fn check(geometry: Geometry) -> Result<()> {
    if geometry.max_messages == 0 || geometry.max_size == 0 {
        return Err(Error::new(
            ErrorKind::Usage,
            "a queue takes at least one message of one byte",
        ));
    }
    Ok(())
}

/// Says which limit refused a new queue, its value, and the arithmetic.
pub(super) fn explain(refusal: Error, geometry: Geometry) -> Error {
    match refusal.errno() {
        Some(Errno::EEXIST) => refusal
            .saying("the queue exists already")
            .hint("--if-exists open takes it as it is, --if-exists replace makes a new one"),
        Some(Errno::EINVAL) => beyond_sysctl(refusal, geometry),
        Some(Errno::EMFILE) => beyond_budget(refusal, geometry),
        Some(Errno::ENOSPC) => {
            let all = sysctl("queues_max").unwrap_or(0);
            refusal
                .saying(format!(
                    "there are {all} queues already, the limit {}",
                    file("queues_max")
                ))
                .hint(format!(
                    "ipc mq ls, ipc mq rm; root can raise {}",
                    file("queues_max")
                ))
        }
        _ => refusal,
    }
}

fn beyond_sysctl(refusal: Error, geometry: Geometry) -> Error {
    let asked = [
        ("msg_max", geometry.max_messages, "messages"),
        ("msgsize_max", geometry.max_size, "bytes a message"),
    ];
    let mut message = String::new();
    let mut raise = String::new();
    for (limit, asked, unit) in asked {
        let Some(allowed) = sysctl(limit).filter(|allowed| asked as u64 > *allowed) else {
            continue;
        };
        let and = if message.is_empty() { "" } else { "; " };
        let _ = write!(
            message,
            "{and}{asked} {unit} asked, {} is {allowed}",
            file(limit)
        );
        let _ = write!(raise, "{and}echo {asked} > {}", file(limit));
    }
    if message.is_empty() {
        return refusal.saying(format!("{geometry}: the kernel refuses that"));
    }
    refusal
        .meaning(ErrorKind::Limit)
        .saying(message)
        .hint(format!("as root: {raise}"))
}

fn beyond_budget(refusal: Error, geometry: Geometry) -> Error {
    let (limit, _) = getrlimit(Resource::RLIMIT_MSGQUEUE).unwrap_or((0, 0));
    let open_files = getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft);
    let (messages, size, needed) = (geometry.max_messages, geometry.max_size, geometry.budget());
    let free = if needed > limit {
        "even alone that is too much".to_owned()
    } else {
        format!(
            "your other queues leave less than that, or all {open_files} descriptors (RLIMIT_NOFILE) are open"
        )
    };
    refusal
        .saying(format!(
            "{messages} messages x ({size} + {PER_MESSAGE}) bytes = {needed}; RLIMIT_MSGQUEUE is {limit} \
             for all queues of user {}, and {free}",
            geteuid()
        ))
        .hint("ipc mq ls shows your queues; a smaller --max-messages or --max-size; ulimit -q raises the limit")
}

fn sysctl(limit: &str) -> Option<u64> {
    std::fs::read_to_string(file(limit))
        .ok()?
        .trim()
        .parse()
        .ok()
}

fn file(limit: &str) -> String {
    format!("/proc/sys/fs/mqueue/{limit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_of_a_default_queue() {
        let geometry = Geometry {
            max_messages: 10,
            max_size: 8192,
        };
        assert_eq!(geometry.budget(), 82_880);
    }

    #[test]
    fn a_refusal_names_the_limit_and_both_numbers() {
        let geometry = Geometry {
            max_messages: 1 << 30,
            max_size: 1 << 30,
        };
        let text = explain(Error::os(Errno::EINVAL), geometry).to_string();
        assert!(text.contains("/proc/sys/fs/mqueue/msg_max is "), "{text}");
        assert!(text.contains("1073741824 messages asked"), "{text}");
        let text = explain(Error::os(Errno::EMFILE), geometry).to_string();
        assert!(text.contains("RLIMIT_MSGQUEUE is "), "{text}");
    }
}
