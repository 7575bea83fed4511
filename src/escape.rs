//! Showing bytes that other programs chose without letting them act on a terminal.
//!
//! Control characters, C1 controls, direction overrides and bytes that are not
//! UTF-8 come out as `\n`, `\x1b`, `\u{202e}` or `\xff`; a backslash is
//! doubled, so that the form can be read back.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// The escaped form of `bytes`.
pub fn escaped(bytes: &[u8]) -> String {
    escape(bytes, |_| false)
}

/// The escaped form of running text: line ends and tabs stay as they are.
pub fn escaped_text(bytes: &[u8]) -> String {
    escape(bytes, |c| matches!(c, '\n' | '\t' | '\\'))
}

fn escape(bytes: &[u8], keep: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                c if keep(c) => shown.push(c),
                '\n' => shown.push_str("\\n"),
                '\r' => shown.push_str("\\r"),
                '\t' => shown.push_str("\\t"),
                '\\' => shown.push_str("\\\\"),
                c if c.is_ascii_control() => push(&mut shown, format_args!("\\x{:02x}", c as u32)),
                c if acts_on_a_terminal(c) => {
                    push(&mut shown, format_args!("\\u{{{:x}}}", c as u32));
                }
                c => shown.push(c),
            }
        }
        for byte in chunk.invalid() {
            push(&mut shown, format_args!("\\x{byte:02x}"));
        }
    }
    shown
}

/// C1 controls, direction overrides, and separators that break a line.
pub(crate) fn acts_on_a_terminal(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn push(shown: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = shown.write_fmt(text);
}

/// Undoes the octal escapes of a mount table: blanks, tabs, line ends, backslashes.
pub fn unescaped_mount(field: &[u8]) -> PathBuf {
    let mut path = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, tail)) = rest.split_first() {
        let code = tail
            .get(..3)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(code) if byte == b'\\' => {
                path.push(code);
                rest = &tail[3..];
            }
            _ => {
                path.push(byte);
                rest = tail;
            }
        }
    }
    PathBuf::from(OsString::from_vec(path))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn nothing_that_acts_on_a_terminal_gets_through() {
        assert_eq!(escaped(b"\x1b[31m\x07"), "\\x1b[31m\\x07");
        assert_eq!(escaped("\u{9b}0m\u{202e}".as_bytes()), "\\u{9b}0m\\u{202e}");
        assert_eq!(escaped(b"a\xffb\\"), "a\\xffb\\\\");
        assert_eq!(escaped_text(b"a\n\tb\r\\"), "a\n\tb\\r\\");
    }

    #[test]
    fn ordinary_text_is_untouched() {
        assert_eq!(escaped("größe 漢字".as_bytes()), "größe 漢字");
    }

    #[test]
    fn a_mount_table_escapes_blanks() {
        assert_eq!(unescaped_mount(b"/a\\040b\\134"), Path::new("/a b\\"));
        assert_eq!(unescaped_mount(b"/dev/mqueue"), Path::new("/dev/mqueue"));
        assert_eq!(unescaped_mount(b"/x\\9"), Path::new("/x\\9"));
    }
}
