//! Rules that the compiler does not know.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::paths::{module_of, references};
use crate::{root, spots};

/// From top to bottom: what stands in a row may use the rows below it.
const LAYERS: [&[&str]; 8] = [
    &["cli"],
    &["cmd"],
    &["output", "survey"],
    &["shared"],
    &["process"],
    &["object"],
    &[
        "accounts", "backing", "buffer", "deadline", "error", "escape", "exit", "facts", "name",
        "payload", "place", "runtime", "size", "wait",
    ],
    &["sys"],
];

/// The row of small types, which may use each other.
const SMALL: usize = 6;

/// Most lines of a file.
const LONG: usize = 400;

/// A file of src/, without its unit tests.
struct Source {
    file: PathBuf,
    /// `["cmd", "mq", "send"]`
    module: Vec<String>,
    lines: usize,
    /// Comments are left out.
    code: String,
}

fn sources() -> Vec<Source> {
    let mut files = Vec::new();
    collect(&root().join("src"), &mut files);
    // Unit tests that fill a file of their own are tests all the same.
    files.retain(|file| !is_test_module(file));
    files.sort();
    let read = |file: PathBuf| {
        let text = std::fs::read_to_string(&file).unwrap();
        let tested = text
            .split("#[cfg(test)]\nmod tests {")
            .next()
            .unwrap_or_default();
        let code = tested
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .map(|line| format!("{line}\n"))
            .collect();
        let file = file.strip_prefix(root()).unwrap().to_owned();
        Source {
            module: module_of(&file),
            lines: text.lines().count(),
            file,
            code,
        }
    };
    files.into_iter().map(read).collect()
}

/// Whether the file is a module that its folder declares for tests alone.
fn is_test_module(file: &Path) -> bool {
    let name = file.file_stem().unwrap().to_string_lossy().into_owned();
    let folder = file.parent().unwrap();
    let declared_in = [folder.join("mod.rs"), folder.with_extension("rs")];
    let line = format!("#[cfg(test)]\nmod {name};");
    let texts = declared_in
        .iter()
        .filter_map(|file| std::fs::read_to_string(file).ok());
    texts.into_iter().any(|text| text.contains(&line))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Fails with every line that has one of these texts, in files that may not.
#[track_caller]
fn nowhere(texts: &[&str], because: &str, may: impl Fn(&Source) -> bool) {
    let mut found = Vec::new();
    for source in sources().iter().filter(|source| !may(source)) {
        for line in source.code.lines() {
            if texts.iter().any(|text| has_word(line, text)) {
                found.push(format!("{}: {}", source.file.display(), line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "{because}:\n{}", found.join("\n"));
}

/// Whether the text stands in the line, and not as a part of a longer word.
fn has_word(line: &str, text: &str) -> bool {
    let starts_word = text.starts_with(|c: char| c.is_alphanumeric());
    line.match_indices(text).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + text.len()..].chars().next();
        let in_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let is_end_of_word = starts_word && in_word(before);
        let is_start_of_word = text == "unsafe" && in_word(after);
        !is_end_of_word && !is_start_of_word
    })
}

#[test]
fn unsafe_code_is_in_sys_alone() {
    let in_sys = |source: &Source| source.module.first().is_some_and(|top| top == "sys");
    nowhere(&["unsafe"], "unsafe outside of src/sys/", in_sys);
    let is_fence = |source: &Source| source.file == Path::new("src/sys/mod.rs");
    nowhere(
        &["unsafe_code"],
        "the lint against unsafe code is lifted outside of src/sys/mod.rs",
        is_fence,
    );
}

#[test]
fn nothing_prints_past_the_output() {
    nowhere(
        &["print!(", "println!(", "eprint!(", "eprintln!(", "dbg!("],
        "output goes through ipc::output, which sees to it that it arrives",
        |_| false,
    );
}

#[test]
fn nothing_leaves_without_cleaning_up() {
    nowhere(
        &["process::exit(", ".unwrap()", "todo!(", "unimplemented!("],
        "destructors must run and errors must be told",
        |_| false,
    );
}

#[test]
fn only_the_face_knows_clap_and_anyhow() {
    nowhere(
        &["clap::", "clap_complete::", "anyhow::"],
        "below cmd errors are typed and nothing is parsed",
        |source| {
            matches!(
                source.module.first().map(String::as_str),
                Some("cli" | "cmd")
            )
        },
    );
}

#[test]
fn processes_are_read_in_one_place() {
    nowhere(
        &["/proc/{", "read_dir(\"/proc\")"],
        "what /proc says of another process is read by process::identity alone",
        |source| {
            source
                .module
                .starts_with(&["process".into(), "identity".into()])
        },
    );
}

#[test]
fn dependencies_point_down() {
    let row_of = |module: &str| {
        LAYERS
            .iter()
            .position(|row| row.contains(&module))
            .unwrap_or_else(|| panic!("{module} has no place in LAYERS"))
    };
    let mut wrong = Vec::new();
    for source in sources() {
        let Some(own) = source.module.first() else {
            continue;
        };
        for path in references(&source.code, &source.module) {
            let Some(other) = path.first().filter(|other| *other != own) else {
                continue;
            };
            let (from, to) = (row_of(own), row_of(other));
            if to < from || (to == from && from != SMALL) {
                wrong.push(format!(
                    "{} uses {}",
                    source.file.display(),
                    path.join("::")
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "these point up or across:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn nouns_do_not_know_each_other() {
    let nouns: Vec<String> = spots()
        .iter()
        .filter(|spot| spot.words.len() == 2)
        .map(|spot| spot.words[1].clone())
        .collect();
    assert!(nouns.len() > 3, "{nouns:?}");
    apart("cmd", |part| nouns.iter().any(|noun| noun == part));
}

#[test]
fn kinds_of_objects_do_not_know_each_other() {
    apart("object", |_| true);
}

/// Fails when a file below `top` uses another part of it that should be apart.
#[track_caller]
fn apart(top: &str, is_apart: impl Fn(&str) -> bool) {
    let mut wrong = Vec::new();
    for source in sources() {
        let [first, own, ..] = &source.module[..] else {
            continue;
        };
        if first != top {
            continue;
        }
        for path in references(&source.code, &source.module) {
            let [first, other, ..] = &path[..] else {
                continue;
            };
            if first == top && own != other && is_apart(other) {
                wrong.push(format!(
                    "{} uses {}",
                    source.file.display(),
                    path.join("::")
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "these should be apart:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn no_file_is_too_long() {
    let long: BTreeMap<PathBuf, usize> = sources()
        .into_iter()
        .filter(|source| source.lines > LONG)
        .map(|source| (source.file, source.lines))
        .collect();
    assert!(long.is_empty(), "more than {LONG} lines: {long:?}");
}
