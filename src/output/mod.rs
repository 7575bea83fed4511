//! What people and scripts see: the only writer of standard output.
//!
//! Data goes to standard output and is checked to have arrived; words go to
//! standard error. Colour is for terminals. A payload is escaped on a terminal
//! alone, and a pipe gets its bytes; names in tables are escaped everywhere.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::os::fd::{AsFd, BorrowedFd};

use serde::Serialize;

use crate::error::{Error, ErrorKind, Result};
use crate::escape::escaped_text;

pub mod branches;
pub mod payload;
pub mod pour;
mod progress;
mod stdout;
pub mod table;

pub use progress::{Counted, Progress};
pub use stdout::Stdout;

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE forces it.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How one invocation speaks.
#[derive(Debug)]
pub struct Output {
    stdout: Stdout,
    json: bool,
    quiet: bool,
    color: Color,
}

impl Output {
    /// Speaks as the global options say.
    pub fn new(json: bool, quiet: bool, color: Color) -> Output {
        Output {
            stdout: Stdout::default(),
            json,
            quiet,
            color,
        }
    }

    /// Whether JSON was asked for.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Whether standard output is a terminal.
    pub fn is_terminal(&self) -> bool {
        std::io::stdout().is_terminal()
    }

    /// Whether words are unwanted.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Whether a person sees standard error.
    pub fn has_listener(&self) -> bool {
        !self.quiet && std::io::stderr().is_terminal()
    }

    /// Whether to use colour on standard output.
    pub fn is_colored(&self) -> bool {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        match self.color {
            Color::Always => true,
            Color::Never => false,
            // By its definition any value counts, 0 too.
            Color::Auto if set("NO_COLOR").is_some() => false,
            Color::Auto if set("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
            Color::Auto => self.is_terminal() && set("TERM").is_none_or(|term| term != "dumb"),
        }
    }

    /// Prints bytes: as they are, but escaped on a terminal.
    ///
    /// # Errors
    /// When they do not arrive.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        if self.is_terminal() {
            return self.stdout.write(escaped_text(bytes).as_bytes());
        }
        self.stdout.write(bytes)
    }

    /// Prints one line of text.
    ///
    /// # Errors
    /// When it does not arrive.
    pub fn line(&mut self, text: impl Display) -> Result<()> {
        self.stdout.write(format!("{text}\n").as_bytes())
    }

    /// Prints one JSON document on a line of its own.
    ///
    /// # Errors
    /// When it does not arrive.
    pub fn json(&mut self, document: &impl Serialize) -> Result<()> {
        self.stdout.write(&payload::json_line(document))
    }

    /// Says something to the person, on standard error, unless told to be quiet.
    pub fn say(&self, words: impl Display) {
        if !self.quiet {
            tell(words);
        }
    }

    /// Standard output itself, for payloads.
    pub fn stdout(&mut self) -> &mut Stdout {
        &mut self.stdout
    }

    /// Hands everything to the kernel.
    ///
    /// # Errors
    /// When it does not arrive.
    pub fn flush(&mut self) -> Result<()> {
        self.stdout.flush()
    }
}

/// One line on standard error. There is nobody to tell when that fails.
pub fn tell(words: impl Display) {
    let _ = std::io::stderr().write_all(format!("{words}\n").as_bytes());
}

/// Data on standard error, where standard output is that of a command.
///
/// # Errors
/// [`ErrorKind::OutputFailed`] when they do not arrive.
pub fn tell_data(bytes: &[u8]) -> Result<()> {
    std::io::stderr().write_all(bytes).map_err(|refusal| {
        let error = Error::os(refusal).meaning(ErrorKind::OutputFailed);
        error.about("standard error")
    })
}

/// The descriptor of standard output, to watch for its reader going away.
pub fn stdout_descriptor() -> BorrowedFd<'static> {
    // The handle of std is a static, so the descriptor can be borrowed for ever.
    static HANDLE: std::sync::OnceLock<std::io::Stdout> = std::sync::OnceLock::new();
    HANDLE.get_or_init(std::io::stdout).as_fd()
}
