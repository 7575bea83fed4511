//! Which modules of the crate a file names, read from its text.

use std::path::Path;

/// The module of a file: `src/cmd/mq/mod.rs` is `["cmd", "mq"]`.
pub fn module_of(file: &Path) -> Vec<String> {
    let below = file.strip_prefix("src").unwrap().with_extension("");
    let mut module: Vec<String> = below
        .iter()
        .map(|part| part.to_str().unwrap().to_owned())
        .collect();
    let is_file_of_folder = module
        .last()
        .is_some_and(|last| matches!(last.as_str(), "mod" | "lib" | "main"));
    if is_file_of_folder {
        module.pop();
    }
    module
}

/// The full paths behind `crate::`, `super::` and `self::`.
pub fn references(code: &str, module: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for start in ["crate::", "super::", "self::"] {
        for (at, _) in code.match_indices(start) {
            let before = &code[..at];
            // In the middle of a path, or `pub(crate)`, which has no `::`.
            if before.ends_with("::") || before.ends_with(|c: char| c.is_alphanumeric()) {
                continue;
            }
            read(&code[at..], Vec::new(), module, &mut found);
        }
    }
    found
}

/// Reads one path, or all paths of a braced list; returns what was read.
fn read(
    text: &str,
    mut path: Vec<String>,
    module: &[String],
    found: &mut Vec<Vec<String>>,
) -> usize {
    let mut at = 0;
    loop {
        let rest = &text[at..];
        if rest.starts_with('{') {
            return at + read_list(rest, &path, module, found);
        }
        let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '#';
        let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let part = rest[..length].trim_start_matches("r#");
        at += length;
        match part {
            "" => break,
            "crate" => path.clear(),
            "self" if path.is_empty() => path = module.to_vec(),
            "self" => {}
            "super" => {
                let from = if path.is_empty() { module } else { &path };
                path = from[..from.len() - 1].to_vec();
            }
            part => path.push(part.to_owned()),
        }
        if !text[at..].starts_with("::") {
            break;
        }
        at += 2;
    }
    found.push(path);
    at
}

fn read_list(
    text: &str,
    path: &[String],
    module: &[String],
    found: &mut Vec<Vec<String>>,
) -> usize {
    let mut at = 1;
    while let Some(c) = text[at..].chars().next() {
        match c {
            '}' => return at + 1,
            ',' => at += 1,
            c if c.is_whitespace() => at += c.len_utf8(),
            _ => {
                at += read(&text[at..], path.to_vec(), module, found);
                // Past `as NAME`.
                at += text[at..].find([',', '}']).unwrap_or(text.len() - at);
            }
        }
    }
    at
}

#[test]
fn paths_are_read_wherever_they_lead() {
    let module: Vec<String> = ["cmd", "mq", "send"].map(str::to_owned).into();
    let read = |code: &str| -> Vec<String> {
        let found = references(code, &module);
        found.iter().map(|path| path.join("::")).collect()
    };
    assert_eq!(
        read("use crate::{a, b::{self, C as D}};"),
        ["a", "b", "b::C", "cmd::mq::send"][..3]
    );
    assert_eq!(read("use super::recv::Amount;"), ["cmd::mq::recv::Amount"]);
    assert_eq!(read("super::super::kind::f()"), ["cmd::kind::f"]);
    assert_eq!(read("pub(crate) fn f() {}"), [""; 0]);
    assert_eq!(read("use crate::object::r#move;"), ["object::move"]);
}
