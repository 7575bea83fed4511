//! The files that a process has open or mapped.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;

use nix::sys::stat::makedev;

/// Where shared memory lies.
const SHARED: &[u8] = b"/dev/shm/";

/// One file or socket that a process holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Held {
    /// Something of /dev/shm, or a queue.
    File {
        /// Its device.
        device: u64,
        /// Its inode on that.
        inode: u64,
    },
    /// A socket by its number.
    Socket(u64),
}

/// The objects that a process has open or mapped: files of /dev/shm, queues,
/// sockets. Nothing where that cannot be seen.
pub fn uses(pid: i32) -> Vec<Held> {
    let maps = std::fs::read(format!("/proc/{pid}/maps")).unwrap_or_default();
    let mut found: Vec<Held> = maps
        .split(|byte| *byte == b'\n')
        .filter_map(mapped)
        .collect();
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter();
    for entry in descriptors.flatten().flatten() {
        let path = entry.path();
        let Ok(link) = std::fs::read_link(&path) else {
            continue;
        };
        let link = link.as_os_str().as_bytes();
        let socket = link
            .strip_prefix(b"socket:[")
            .and_then(|rest| rest.strip_suffix(b"]"));
        if let Some(number) = socket {
            let number = std::str::from_utf8(number)
                .ok()
                .and_then(|text| text.parse().ok());
            found.extend(number.map(Held::Socket));
        } else if link.starts_with(SHARED) || is_of_root(link) {
            let file = std::fs::metadata(&path).ok();
            found.extend(file.map(|file| Held::File {
                device: file.dev(),
                inode: file.ino(),
            }));
        }
    }
    found
}

/// A queue has a path of one part, wherever its file system is mounted.
fn is_of_root(link: &[u8]) -> bool {
    link.first() == Some(&b'/') && link.len() > 1 && !link[1..].contains(&b'/')
}

/// A line of `/proc/PID/maps` that is about shared memory.
fn mapped(line: &[u8]) -> Option<Held> {
    let place = line.windows(SHARED.len()).position(|part| part == SHARED)?;
    let head = std::str::from_utf8(&line[..place]).ok()?;
    let mut fields = head.split_ascii_whitespace().skip(3);
    let (major, minor) = fields.next()?.split_once(':')?;
    let hex = |text| u64::from_str_radix(text, 16).ok();
    let device = makedev(hex(major)?, hex(minor)?);
    let inode = fields.next()?.parse().ok()?;
    Some(Held::File { device, inode })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_maps_gives_device_and_inode() {
        let line = b"7f00-7f10 rw-s 00000000 00:1a 4711                     /dev/shm/a b (deleted)";
        let device = makedev(0, 0x1a);
        assert_eq!(
            mapped(line),
            Some(Held::File {
                device,
                inode: 4711
            })
        );
        assert_eq!(mapped(b"7f00-7f10 rw-p 00000000 00:00 0 [heap]"), None);
    }

    #[test]
    fn queues_have_one_part() {
        assert!(is_of_root(b"/jobs"));
        assert!(!is_of_root(b"/dev/null") && !is_of_root(b"pipe:[7]") && !is_of_root(b"/"));
    }
}
