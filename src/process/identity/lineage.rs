//! Where a process comes from, and whether it is a copy of a shell.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use super::stat::field;
use crate::sys::startup;

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
    let own: Vec<&[u8]> = startup::words()
        .iter()
        .map(|word| word.as_bytes())
        .collect();
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

/// The children of a process, straight from its threads: much faster than a
/// pass over all processes, and right as long as none of them ends meanwhile.
/// Nothing where the kernel does not tell, or the process is gone.
pub fn children(pid: i32) -> Option<Vec<i32>> {
    let mut found = Vec::new();
    for thread in std::fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        let text = std::fs::read_to_string(thread.ok()?.path().join("children")).ok()?;
        found.extend(text.split_ascii_whitespace().flat_map(str::parse::<i32>));
    }
    Some(found)
}

/// The number that was given out last in this pid namespace: the next ones
/// follow it.
pub fn last_number() -> Option<i32> {
    let load = std::fs::read_to_string("/proc/loadavg").ok()?;
    load.split_ascii_whitespace().last()?.parse().ok()
}

/// Whether a number is a process's now: a glance, and nothing to act upon.
pub fn is_taken(pid: i32) -> bool {
    let asked = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None);
    asked != Err(nix::errno::Errno::ESRCH)
}

/// The variables that a program was started with, apart by NUL bytes.
pub fn environment(pid: i32) -> Option<Vec<u8>> {
    std::fs::read(format!("/proc/{pid}/environ")).ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_found_by_its_parent() {
        let mut child = std::process::Command::new("sleep")
            .arg("600")
            .spawn()
            .unwrap();
        let found = children(std::process::id() as i32);
        let environment = environment(child.id() as i32);
        child.kill().unwrap();
        child.wait().unwrap();
        // Kernels without checkpointing do not tell.
        assert!(found.is_none_or(|found| found.contains(&(child.id() as i32))));
        assert!(environment.is_some());
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
}
