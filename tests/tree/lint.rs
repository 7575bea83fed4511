//! The pages through the programs that know what a page should look like.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::root;

/// Whether a program is installed; says so when not, and fails where nothing
/// may be skipped.
#[track_caller]
pub fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    if !found {
        let reason = format!("{program} is not installed");
        assert!(
            std::env::var_os("IPC_TEST_REQUIRE_ALL").is_none(),
            "must not be skipped here: {reason}"
        );
        eprintln!("SKIPPED: {reason}");
    }
    found
}

fn pages() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join("man")).unwrap();
    let mut pages: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    pages.sort();
    pages
}

#[test]
fn mandoc_has_nothing_to_say_about_any_page() {
    if !has("mandoc") {
        return;
    }
    let checked = Command::new("mandoc")
        .args(["-T", "lint", "-W", "warning"])
        .args(pages())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success() && said.is_empty(), "{said}");
}

#[test]
fn man_has_nothing_to_say_about_any_page() {
    if !has("man") || !has("groff") {
        return;
    }
    let pages = pages();
    // Each call waits more than it works.
    std::thread::scope(|scope| {
        for some in pages.chunks(pages.len().div_ceil(8)) {
            scope.spawn(|| some.iter().for_each(|page| shown_by_man(page)));
        }
    });
}

fn shown_by_man(page: &Path) {
    for locale in ["C.UTF-8", "C"] {
        let shown = Command::new("man")
            .args(["--warnings", "-l"])
            .arg(page)
            .env("LC_ALL", locale)
            .env("MANWIDTH", "80")
            .env("MANPAGER", "cat")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&shown.stderr);
        assert!(
            shown.status.success() && said.is_empty(),
            "{} in {locale}: {said}",
            page.display()
        );
        assert!(shown.stdout.len() > 200, "{} is empty", page.display());
    }
}

/// Pages refer to each other; a reference to one of ours must lead somewhere.
#[test]
fn every_reference_to_a_page_of_ours_leads_somewhere() {
    let pages = pages();
    for page in &pages {
        let text = std::fs::read_to_string(page).unwrap().replace("\\-", "-");
        // The other way to write a reference.
        let text = text.replace(".BR ", "\\fB").replace(" (", "\\fR(");
        for found in text.split("\\fB").skip(1) {
            let Some((name, rest)) = found.split_once("\\fR(") else {
                continue;
            };
            if !(name == "ipc" || name.starts_with("ipc-")) || name.contains(' ') {
                continue;
            }
            let file = format!("{name}.{}", &rest[..1]);
            assert!(
                pages.iter().any(|page| page.ends_with(&file)),
                "{} refers to {file}, which is not there",
                page.display()
            );
        }
    }
}
