//! What a process runs, byte by byte.

use std::fmt;

use serde::Serialize;

use super::Row;
use crate::escape::escaped;
use crate::facts::text_and_bytes;

/// What a process runs: the words of its command line, apart by blanks; its
/// short name where it has none. In JSON `command`, and `command_bytes` when
/// it is not UTF-8.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CommandLine {
    /// As text; what is not UTF-8 is escaped. Nothing where it is not known.
    command: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command_bytes: Option<Vec<u8>>,
}

impl CommandLine {
    /// That of a process; unknown when there is none, or when it is hidden.
    pub fn of(pid: i32) -> CommandLine {
        read(pid).map_or_else(CommandLine::default, |line| CommandLine::new(&line))
    }

    /// That of a process in a table, which has a short name in any case.
    pub fn of_row(row: &Row) -> CommandLine {
        CommandLine::new(read(row.pid).as_ref().unwrap_or(&row.comm))
    }

    /// The short name of a process.
    pub fn short(row: &Row) -> CommandLine {
        CommandLine::new(&row.comm)
    }

    fn new(line: &[u8]) -> CommandLine {
        let (command, bytes) = text_and_bytes(line);
        CommandLine {
            command: Some(command),
            command_bytes: bytes.map(<[u8]>::to_vec),
        }
    }

    /// Its bytes; none where it is not known.
    pub fn bytes(&self) -> &[u8] {
        match (&self.command_bytes, &self.command) {
            (Some(bytes), _) => bytes,
            (None, Some(text)) => text.as_bytes(),
            (None, None) => b"",
        }
    }

    /// Whether nothing is known of it.
    pub fn is_unknown(&self) -> bool {
        self.command.is_none()
    }
}

/// Escaped, safe to show; a question mark where it is not known.
impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_unknown() {
            true => f.write_str("?"),
            false => f.write_str(&escaped(self.bytes())),
        }
    }
}

fn read(pid: i32) -> Option<Vec<u8>> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_of_this_process_is_that_of_its_arguments() {
        use std::os::unix::ffi::OsStrExt;
        let words: Vec<_> = std::env::args_os().collect();
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        let own = CommandLine::of(std::process::id().cast_signed());
        assert_eq!(own.bytes(), words.join(&b' '));
    }

    #[test]
    fn what_is_not_text_has_its_bytes_in_json() {
        let line = CommandLine::new(b"a\xffb");
        let document = serde_json::to_value(&line).unwrap();
        let expected = serde_json::json!({ "command": "a\\xffb", "command_bytes": b"a\xffb" });
        assert_eq!(document, expected);
        assert_eq!(line.to_string(), "a\\xffb");
    }

    #[test]
    fn what_is_not_known_is_null_and_a_question_mark() {
        let none = CommandLine::default();
        let document = serde_json::to_value(&none).unwrap();
        assert_eq!(document, serde_json::json!({ "command": null }));
        assert_eq!(none.to_string(), "?");
    }
}
