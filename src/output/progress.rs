//! How far long work has come, for a person who looks.

use std::io::{IsTerminal, Read, stderr, stdout};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::Output;

/// Shorter work is not shown.
const PATIENCE: Duration = Duration::from_secs(1);
/// With a total that is known, and without.
const SHARE: &str = "{wide_bar} {binary_bytes} of {binary_total_bytes}, {eta} left";
const COUNT: &str = "{binary_bytes}, {binary_bytes_per_sec}";

/// Bytes that went by, on standard error after a second of work; goes away
/// when dropped.
///
/// Until then it costs a look at the clock for each step, and no system call.
#[derive(Debug)]
pub struct Progress {
    started: Instant,
    total: Option<u64>,
    done: u64,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// Not long enough yet.
    Short,
    /// Nobody wants to see it.
    Hidden,
    Shown(ProgressBar),
}

impl Output {
    /// Progress of work on `total` bytes, where that is known. Not shown where
    /// nobody looks, or where standard output is shown in the same place.
    pub fn progress(&self, total: Option<u64>) -> Progress {
        let stage = if self.is_quiet() {
            Stage::Hidden
        } else {
            Stage::Short
        };
        Progress {
            started: Instant::now(),
            total,
            done: 0,
            stage,
        }
    }
}

impl Progress {
    /// More bytes went by.
    pub fn advance(&mut self, bytes: u64) {
        self.done += bytes;
        match &self.stage {
            Stage::Hidden => {}
            Stage::Shown(bar) => bar.set_position(self.done),
            Stage::Short => {
                let elapsed = self.started.elapsed();
                if elapsed >= PATIENCE {
                    self.stage = self.first(elapsed);
                }
            }
        }
    }

    fn first(&self, elapsed: Duration) -> Stage {
        if stdout().is_terminal() || !stderr().is_terminal() {
            return Stage::Hidden;
        }
        let bar = bar(self.total).with_elapsed(elapsed);
        bar.set_position(self.done);
        // A step may be the last one for long.
        bar.tick();
        Stage::Shown(bar)
    }

    /// Counts what is read from a source.
    pub fn of<'a>(&'a mut self, source: &'a mut dyn Read) -> Counted<'a> {
        Counted {
            source,
            progress: self,
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Stage::Shown(bar) = &self.stage {
            bar.finish_and_clear();
        }
    }
}

/// A source whose bytes are counted.
pub struct Counted<'a> {
    source: &'a mut dyn Read,
    progress: &'a mut Progress,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.source.read(buffer)?;
        self.progress.advance(length as u64);
        Ok(length)
    }
}

fn bar(total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => (ProgressBar::new(total), SHARE),
        None => (ProgressBar::no_length(), COUNT),
    };
    // The templates are constants that a test reads.
    let style = ProgressStyle::with_template(template);
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Color;

    #[test]
    fn the_templates_can_be_read() {
        for template in [SHARE, COUNT] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn what_goes_through_is_counted_and_unchanged() {
        let mut progress = Output::new(false, false, Color::Auto).progress(None);
        let mut source = &b"hello"[..];
        let mut text = String::new();
        progress.of(&mut source).read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), progress.done), ("hello", 5));
    }
}
