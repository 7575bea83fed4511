//! What is said when a command line does not parse, or asks for help.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use clap::error::{ContextKind, ContextValue};

use super::{complete_tree, parse_tree};
use crate::cmd::context::ending;
use crate::escape::{escaped, escaped_text};
use crate::exit::Exit;
use crate::output::{Color, Output, tell};

/// Help and version go to standard output and must arrive; the rest is misuse.
pub(super) fn explain(words: &[OsString], refusal: clap::Error) -> Exit {
    if refusal.use_stderr() {
        tell(misuse(words, refusal).trim_end());
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

/// What is said about a line that does not parse: nothing in it acts on a terminal.
pub(super) fn misuse(words: &[OsString], refusal: clap::Error) -> String {
    let text = quoting_safely(words, refusal).render().to_string();
    escaped_text(text.as_bytes())
}

/// The same refusal with the words in it escaped: clap takes escape sequences
/// out of what it quotes and leaves line ends in, so that a word could pass
/// for another one, or for a line of ours.
fn quoting_safely(words: &[OsString], mut refusal: clap::Error) -> clap::Error {
    let escape = |word: &OsString| OsString::from(escaped(word.as_bytes()));
    let safe: Vec<OsString> = words.iter().map(escape).collect();
    if safe == words {
        return refusal;
    }
    if refusal.get(ContextKind::InvalidValue).is_none()
        && let Err(again) = parse_tree(complete_tree(), &safe)
        && again.kind() == refusal.kind()
    {
        return again;
    }
    // A value is escaped where it is quoted: the escaped one may be a good one,
    // or bad for another reason, and what is said about it quotes it as well.
    let quoted: Vec<(ContextKind, Option<ContextValue>)> = refusal
        .context()
        .filter_map(|(kind, value)| match value {
            ContextValue::String(text) => {
                let text = escaped_value(words, text);
                Some((kind, Some(ContextValue::String(text))))
            }
            // Advice that has a word in it, which cannot be taken out of it.
            ContextValue::StyledStr(_) if kind != ContextKind::Usage => Some((kind, None)),
            ContextValue::StyledStrs(_) => Some((kind, None)),
            _ => None,
        })
        .collect();
    for (kind, value) in quoted {
        match value {
            Some(value) => drop(refusal.insert(kind, value)),
            None => drop(refusal.remove(kind)),
        }
    }
    refusal
}

/// What clap quotes, escaped: where that is no text, the bytes themselves and
/// not the signs that clap has put for them.
fn escaped_value(words: &[OsString], quoted: &str) -> String {
    let after = |bytes: &[u8], mark: u8| bytes.iter().position(|byte| *byte == mark);
    let found = words.iter().map(|word| word.as_bytes()).find_map(|word| {
        let glued = after(word, b'=').map_or(word, |at| &word[at + 1..]);
        let short = word.get(2..).unwrap_or_default();
        [word, glued, short]
            .into_iter()
            .find(|part| String::from_utf8_lossy(part) == quoted)
    });
    escaped(found.unwrap_or(quoted.as_bytes()))
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
