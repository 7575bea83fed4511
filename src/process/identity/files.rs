//! What of shared memory, queues, sockets and FIFOs a process has open or mapped.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use nix::libc;

use super::descriptors::{file_behind, paths};
use crate::object::mq::mounted::is_mqueue;

/// The folder of named shared memory.
const SHARED: &[u8] = b"/dev/shm/";

/// What the kernel adds to the path of a file that has lost its name.
const REMOVED: &[u8] = b" (deleted)";

/// How System V segments are called among the mappings.
const SYSTEM_V: &[u8] = b"/SYSV";

/// How a process uses a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Use {
    /// Through a descriptor.
    Open,
    /// In its memory, and maybe through a descriptor too.
    Mapped,
}

/// A file that a process uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedFile {
    /// The device of its file system.
    pub device: u64,
    /// Its inode, which tells it from another one of the same name.
    pub inode: u64,
    /// Its name in `/dev/shm` when it was opened; those of semaphores may be
    /// the temporary ones that the C library makes them under. Of a FIFO the path.
    pub name: Vec<u8>,
    /// How it is used.
    pub how: Use,
    /// Whether it has no name any more.
    pub removed: bool,
}

/// What one process uses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    /// Files of `/dev/shm`, each once.
    pub shared: Vec<UsedFile>,
    /// Message queues, named without the slash.
    pub queues: Vec<UsedFile>,
    /// Numbers of System V segments.
    pub system_v: Vec<u64>,
    /// Inodes of sockets, by which the kernel lists them.
    pub sockets: Vec<u64>,
    /// FIFOs that have a name, each once.
    pub fifos: Vec<UsedFile>,
}

/// What a process has open and mapped; nothing where that is hidden, as it is
/// for the processes of others, or when it has ended.
pub fn files_of(pid: i32) -> Option<Files> {
    let mut found = Files::default();
    for path in paths(pid)? {
        if let Ok(target) = std::fs::read_link(&path) {
            found.add_descriptor(&path, target.into_os_string());
        }
    }
    found.add_mappings(&std::fs::read(format!("/proc/{pid}/maps")).ok()?);
    Some(found)
}

/// Whether a path leads a process to the same file as this one: both are in
/// one mount namespace.
pub fn shares_files(pid: i32) -> bool {
    let namespace = |whose: &str| std::fs::read_link(format!("/proc/{whose}/ns/mnt")).ok();
    namespace(&pid.to_string()).is_some_and(|theirs| Some(theirs) == namespace("self"))
}

impl Files {
    fn add_descriptor(&mut self, path: &Path, target: OsString) {
        let target = target.into_vec();
        if let Some(name) = shared_name(&target) {
            if let Some((device, inode)) = file_behind(path) {
                add(&mut self.shared, device, inode, name, Use::Open);
            }
        } else if let Some(number) = socket(&target) {
            self.sockets.push(number);
        } else if let Some(name) = target.strip_prefix(b"/")
            && !name.contains(&b'/')
            && is_mqueue(path)
        {
            if let Some((device, inode)) = file_behind(path) {
                add(&mut self.queues, device, inode, name, Use::Open);
            }
        } else if may_be_a_fifo(&target)
            && let Ok(found) = std::fs::metadata(path)
            && found.file_type().is_fifo()
        {
            add(
                &mut self.fifos,
                found.dev(),
                found.ino(),
                &target,
                Use::Open,
            );
        }
    }

    fn add_mappings(&mut self, maps: &[u8]) {
        for line in maps.split(|byte| *byte == b'\n') {
            // Most lines name nothing, or a program.
            let Some(at) = line.iter().position(|byte| *byte == b'/') else {
                continue;
            };
            let path = &line[at..];
            if path.starts_with(SYSTEM_V) {
                if let Some((_, id)) = place(line)
                    && !self.system_v.contains(&id)
                {
                    self.system_v.push(id);
                }
            } else if let Some(name) = shared_name(path)
                && let Some((device, inode)) = place(line)
            {
                add(&mut self.shared, device, inode, name, Use::Mapped);
            }
        }
    }
}

fn add(files: &mut Vec<UsedFile>, device: u64, inode: u64, name: &[u8], how: Use) {
    let is_it = |one: &&mut UsedFile| (one.device, one.inode) == (device, inode);
    match files.iter_mut().find(is_it) {
        Some(known) => known.how = known.how.max(how),
        None => {
            let former = name.strip_suffix(REMOVED);
            files.push(UsedFile {
                device,
                inode,
                name: former.unwrap_or(name).to_vec(),
                how,
                removed: former.is_some(),
            });
        }
    }
}

/// The name of an object of shared memory; those lie in the folder itself.
fn shared_name(path: &[u8]) -> Option<&[u8]> {
    let name = path.strip_prefix(SHARED)?;
    (!name.contains(&b'/')).then_some(name)
}

/// Devices are the bulk of what is open; none of them needs a look.
fn may_be_a_fifo(target: &[u8]) -> bool {
    target.starts_with(b"/") && (target.starts_with(SHARED) || !target.starts_with(b"/dev/"))
}

/// The number in a target such as `socket:[4711]`.
fn socket(target: &[u8]) -> Option<u64> {
    let number = target.strip_prefix(b"socket:[")?.strip_suffix(b"]")?;
    std::str::from_utf8(number).ok()?.parse().ok()
}

/// Device and inode in a line of proc_pid_maps(5).
fn place(line: &[u8]) -> Option<(u64, u64)> {
    let mut words = line
        .split(|byte| *byte == b' ')
        .filter(|word| !word.is_empty());
    let device = std::str::from_utf8(words.nth(3)?).ok()?;
    let (major, minor) = device.split_once(':')?;
    let hex = |digits| u32::from_str_radix(digits, 16).ok();
    let inode = std::str::from_utf8(words.next()?).ok()?.parse().ok()?;
    Some((libc::makedev(hex(major)?, hex(minor)?), inode))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings_are_known_by_device_and_inode() {
        let maps =
            b"7f00-7f01 rw-s 00000000 00:1a 42                         /dev/shm/a b (deleted)\n\
            7f01-7f02 rw-s 00000000 00:1a 42                         /dev/shm/a b (deleted)\n\
            7f02-7f03 rw-s 00000000 00:01 7                          /SYSV00000000 (deleted)\n\
            7f03-7f04 r-xp 00000000 08:01 9                          /bin/true\n\
            7f04-7f05 rw-p 00000000 00:00 0 \n";
        let mut found = Files::default();
        found.add_mappings(maps);
        assert_eq!(found.system_v, [7]);
        assert_eq!(
            found.shared,
            [UsedFile {
                device: libc::makedev(0, 0x1a),
                inode: 42,
                name: b"a b".to_vec(),
                how: Use::Mapped,
                removed: true,
            }]
        );
    }

    #[test]
    fn sockets_are_known_by_number() {
        assert_eq!(socket(b"socket:[4711]"), Some(4711));
        assert_eq!(socket(b"pipe:[4711]"), None);
    }

    #[test]
    fn an_open_file_of_this_process_is_found() {
        let name = format!("ipct-files-{}", std::process::id());
        let path = format!("/dev/shm/{name}");
        let file = std::fs::File::create(&path).unwrap();
        let found = files_of(std::process::id() as i32);
        std::fs::remove_file(&path).unwrap();
        let found = found.unwrap();
        let own = found.shared.iter().find(|one| one.name == name.as_bytes());
        assert_eq!(own.unwrap().inode, file.metadata().unwrap().ino());
        assert_eq!(own.unwrap().how, Use::Open);
    }
}
