//! Comparing what should be in a folder with what is committed there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::root;

/// Fails unless the folder holds exactly these files; writes them when blessing.
#[track_caller]
pub fn check(folder: &str, wanted: &[(PathBuf, String)]) {
    let wrong = differences(folder, wanted);
    if std::env::var_os("IPC_BLESS").is_some() {
        bless(folder, wanted, &wrong);
        return;
    }
    assert!(
        wrong.is_empty(),
        "{folder}/ does not follow from the source:\n{}\n\
         To mend it: IPC_BLESS=1 cargo test --test tree",
        wrong
            .iter()
            .map(Difference::sentence)
            .collect::<Vec<_>>()
            .join("\n")
    );
}

enum Difference {
    Missing(PathBuf),
    Stale(PathBuf, String),
    Orphaned(PathBuf),
}

impl Difference {
    fn sentence(&self) -> String {
        match self {
            Difference::Missing(file) => format!("  missing:  {}", file.display()),
            Difference::Stale(file, line) => format!("  stale:    {}, {line}", file.display()),
            Difference::Orphaned(file) => {
                format!("  orphaned: {}: no command has it", file.display())
            }
        }
    }
}

fn differences(folder: &str, wanted: &[(PathBuf, String)]) -> Vec<Difference> {
    let mut wrong = Vec::new();
    for (file, text) in wanted {
        match std::fs::read_to_string(root().join(file)) {
            Ok(present) if present == *text => {}
            Ok(present) => {
                wrong.push(Difference::Stale(
                    file.clone(),
                    first_difference(&present, text),
                ));
            }
            Err(_) => wrong.push(Difference::Missing(file.clone())),
        }
    }
    let known: BTreeSet<&Path> = wanted.iter().map(|(file, _)| file.as_path()).collect();
    for entry in std::fs::read_dir(root().join(folder)).unwrap() {
        let file = Path::new(folder).join(entry.unwrap().file_name());
        if !known.contains(file.as_path()) {
            wrong.push(Difference::Orphaned(file));
        }
    }
    wrong
}

fn first_difference(present: &str, wanted: &str) -> String {
    let number = present
        .lines()
        .zip(wanted.lines())
        .take_while(|(one, other)| one == other)
        .count();
    let line = |text: &str| text.lines().nth(number).unwrap_or("its end").to_owned();
    format!(
        "line {}: it has {:?}, not {:?}",
        number + 1,
        line(present),
        line(wanted)
    )
}

fn bless(folder: &str, wanted: &[(PathBuf, String)], wrong: &[Difference]) {
    for difference in wrong {
        eprintln!("{}", difference.sentence());
        match difference {
            Difference::Orphaned(file) => std::fs::remove_file(root().join(file)).unwrap(),
            Difference::Missing(file) | Difference::Stale(file, _) => {
                let (_, text) = wanted.iter().find(|(name, _)| name == file).unwrap();
                std::fs::write(root().join(file), text).unwrap();
            }
        }
    }
    if folder == "man" && !wrong.is_empty() {
        // The binary holds the pages, but the compiler does not see that a folder
        // has new files.
        let source = std::fs::File::open(root().join("src/cmd/man/mod.rs")).unwrap();
        source.set_modified(SystemTime::now()).unwrap();
    }
}
