//! What is committed but follows from the source: the manual and the completion
//! scripts; and the rules that hold for the source itself.
//!
//! A test that finds something stale says what, and the one command that mends
//! it: `IPC_BLESS=1 cargo test --test tree`.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::allow_attributes,
    reason = "a test may panic and say why"
)]

use std::path::{Path, PathBuf};

mod architecture;
mod committed;
mod completions;
mod help;
mod lint;
mod page;
mod paths;
mod roff;
mod surroundings;
mod synopsis;
mod verbs;

/// The version, and the day that pages of this version show. A release changes both.
const RELEASE: (&str, &str) = ("0.1.0", "2026-11-21");

/// The root of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A command with the words that lead to it.
struct Spot {
    /// `["ipc", "mq", "send"]`
    words: Vec<String>,
    command: clap::Command,
}

impl Spot {
    /// `ipc-mq-send`
    fn page(&self) -> String {
        self.words.join("-")
    }

    /// The first word after `ipc`, if there is one.
    fn noun(&self) -> Option<&str> {
        self.words.get(1).map(String::as_str)
    }

    /// Whether it takes a verb.
    fn is_noun(&self) -> bool {
        self.command.has_subcommands()
    }
}

/// All commands, `ipc` itself first.
fn spots() -> Vec<Spot> {
    let mut tree = ipc::cli::command();
    // Nouns and verbs are deferred: nothing of them is there before.
    tree.build();
    let mut found = Vec::new();
    collect(&tree, &[], &mut found);
    found
}

fn collect(command: &clap::Command, before: &[String], found: &mut Vec<Spot>) {
    let mut words = before.to_vec();
    words.push(command.get_name().to_owned());
    found.push(Spot {
        words: words.clone(),
        command: command.clone(),
    });
    for inner in command.get_subcommands() {
        if inner.get_name() != "help" && !inner.is_hide_set() {
            collect(inner, &words, found);
        }
    }
}

#[test]
fn every_page_of_the_manual_is_current() {
    assert_eq!(
        RELEASE.0,
        env!("CARGO_PKG_VERSION"),
        "a new version needs its day in RELEASE"
    );
    let spots = spots();
    let mut pages: Vec<(PathBuf, String)> = spots
        .iter()
        .map(|spot| {
            let file = format!("man/{}.1", spot.page());
            (PathBuf::from(file), page::render(spot))
        })
        .collect();
    // Written by hand: anything that is there is what it should be.
    let concepts = std::fs::read_to_string(root().join("man/ipc.7")).unwrap();
    let (version, day) = RELEASE;
    let heading = format!(".TH IPC 7 {day} \"ipc {version}\"");
    assert!(concepts.contains(&heading), "ipc.7 has no line {heading}");
    pages.push((PathBuf::from("man/ipc.7"), concepts));
    committed::check("man", &pages);
}

#[test]
fn every_completion_script_is_current() {
    committed::check("completions", &completions::scripts());
}

/// A test file that nobody listed here would never run.
#[test]
fn every_file_is_in_the_list() {
    let source = include_str!("main.rs");
    for entry in std::fs::read_dir(root().join("tests/tree")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let module = name.trim_end_matches(".rs");
        assert!(
            module == "main" || source.contains(&format!("mod {module};")),
            "{name} is not listed"
        );
    }
}
