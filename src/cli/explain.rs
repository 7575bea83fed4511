//! What is said when a command line does not parse, or asks for help.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use super::{complete_tree, parse_tree};
use crate::cmd::context::ending;
use crate::escape::{escaped, escaped_text};
use crate::exit::Exit;
use crate::output::{Color, Output, tell};

/// Help and version go to standard output and must arrive; the rest is misuse.
pub(super) fn explain(words: &[OsString], refusal: clap::Error) -> Exit {
    if refusal.use_stderr() {
        let text = quoting_safely(words, refusal).render().to_string();
        tell(escaped_text(text.as_bytes()).trim_end());
        return Exit::Usage;
    }
    let mut out = Output::new(false, false, color(words));
    let text = refusal.render();
    let text = if out.is_colored() {
        text.ansi().to_string()
    } else {
        text.to_string()
    };
    let printed = out
        .stdout()
        .write(text.as_bytes())
        .and_then(|()| out.flush());
    match printed {
        Ok(()) => Exit::Done,
        Err(error) => ending(&error.into(), |error| tell(format_args!("ipc: {error:#}"))),
    }
}

/// The same refusal with the words in it escaped: clap takes escape sequences
/// out of what it quotes and leaves line ends in, so that a word could pass
/// for another one, or for a line of ours.
fn quoting_safely(words: &[OsString], refusal: clap::Error) -> clap::Error {
    let escape = |word: &OsString| OsString::from(escaped(word.as_bytes()));
    let safe: Vec<OsString> = words.iter().map(escape).collect();
    if safe == words {
        return refusal;
    }
    match parse_tree(complete_tree(), &safe) {
        Err(again) if again.use_stderr() => again,
        // Only the bytes themselves are wrong.
        _ => refusal,
    }
}

/// The colour that is asked for where nothing is parsed yet.
fn color(words: &[OsString]) -> Color {
    let asked = |when: &str| {
        let glued = format!("--color={when}");
        words.iter().any(|word| *word == *glued)
            || words
                .windows(2)
                .any(|pair| pair[0] == "--color" && pair[1] == when)
    };
    match () {
        () if asked("always") => Color::Always,
        () if asked("never") => Color::Never,
        () => Color::Auto,
    }
}
