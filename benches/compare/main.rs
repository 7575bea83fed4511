//! What `ipc` costs beside the least that C can do, and beside other tools.
//!
//! `cargo bench --bench compare [SECTION]…`; sections are startup, shared, queue,
//! memory, processes, stream and socket. Whatever is compared runs in turns within one run, so that the rest of
//! the machine's work hits all alike: only the ratios mean something.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::allow_attributes,
    reason = "a benchmark prints, and may panic and say why"
)]

mod lab;
mod memory;
mod processes;
mod queue;
mod report;
mod shared;
mod socket;
mod startup;
mod stream;

use lab::Lab;
use report::Report;

type Section = (&'static str, fn(&Lab, &mut Report));

const SECTIONS: [Section; 7] = [
    ("startup", startup::measure),
    ("shared", shared::measure),
    ("queue", queue::measure),
    ("memory", memory::measure),
    ("processes", processes::measure),
    ("stream", stream::measure),
    ("socket", socket::measure),
];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --all-targets` runs this without the word that `cargo bench` adds.
    if !words.iter().any(|word| word == "--bench") {
        println!("compare: measures only under cargo bench");
        return;
    }
    let wanted: Vec<&String> = words.iter().filter(|word| !word.starts_with('-')).collect();
    for word in &wanted {
        let is_known = SECTIONS.iter().any(|(name, _)| name == word);
        assert!(
            is_known,
            "no section {word}: startup, shared, queue, memory, processes, stream, socket"
        );
    }
    let lab = Lab::new();
    let mut report = Report::default();
    for (name, measure) in SECTIONS {
        if wanted.is_empty() || wanted.iter().any(|word| *word == name) {
            eprintln!("{name} …");
            measure(&lab, &mut report);
        }
    }
    print!("{report}");
}
