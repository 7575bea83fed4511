//! The command line of a process, byte by byte.

/// The words of the command line of a process, apart by blanks; its short name
/// where it has none. Not always text.
pub fn command_line(pid: i32) -> Option<Vec<u8>> {
    let mut line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    for byte in line.iter_mut().filter(|byte| **byte == 0) {
        *byte = b' ';
    }
    line.truncate(line.trim_ascii_end().len());
    if !line.is_empty() {
        return Some(line);
    }
    let name = std::fs::read(format!("/proc/{pid}/comm")).ok()?;
    Some(name.trim_ascii_end().to_vec())
}

/// The same as text; bytes that are none are shown as U+FFFD.
pub fn command_of(pid: i32) -> Option<String> {
    command_line(pid).map(|line| String::from_utf8_lossy(&line).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_of_this_process_is_that_of_its_arguments() {
        use std::os::unix::ffi::OsStrExt;
        let words: Vec<_> = std::env::args_os().collect();
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        let own = command_line(std::process::id().cast_signed()).unwrap();
        assert_eq!(own, words.join(&b' '));
    }
}
