//! The table: a ratio a line, and whether it meets its target.

use std::fmt;

/// Which side of the target a ratio has to be on.
#[derive(Debug, Clone, Copy)]
pub enum Target {
    AtMost(f64),
    AtLeast(f64),
}

/// Times of many runs of the same work, in microseconds.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    pub p10: f64,
    pub median: f64,
}

impl Times {
    pub fn of(mut samples: Vec<f64>) -> Times {
        samples.sort_by(f64::total_cmp);
        Times {
            p10: samples[samples.len() / 10],
            median: samples[samples.len() / 2],
        }
    }
}

struct Row {
    figure: String,
    other: String,
    p10: f64,
    median: f64,
    target: Target,
}

impl Row {
    /// The quiet tenth decides: the rest measures what else the machine does.
    fn is_met(&self) -> bool {
        match self.target {
            Target::AtMost(most) => self.p10 <= most,
            Target::AtLeast(least) => self.p10 >= least,
        }
    }
}

/// What was found.
#[derive(Default)]
pub struct Report {
    rows: Vec<Row>,
    notes: Vec<String>,
}

impl Report {
    /// Compares times: a ratio below one means that `ipc` is faster.
    pub fn cost(&mut self, figure: &str, ours: Times, other: &str, theirs: Times, most: f64) {
        self.rows.push(Row {
            figure: figure.to_owned(),
            other: other.to_owned(),
            p10: ours.p10 / theirs.p10,
            median: ours.median / theirs.median,
            target: Target::AtMost(most),
        });
    }

    /// Compares the speed at which the same work was done: above one is faster.
    pub fn speed(&mut self, figure: &str, ours: Times, other: &str, theirs: Times, least: f64) {
        self.rows.push(Row {
            figure: figure.to_owned(),
            other: other.to_owned(),
            p10: theirs.p10 / ours.p10,
            median: theirs.median / ours.median,
            target: Target::AtLeast(least),
        });
    }

    /// A figure that has its own unit.
    pub fn amount(&mut self, figure: &str, found: f64, unit: &str, most: f64) {
        self.rows.push(Row {
            figure: figure.to_owned(),
            other: unit.to_owned(),
            p10: found,
            median: found,
            target: Target::AtMost(most),
        });
    }

    /// Says aloud that something was not measured.
    pub fn skip(&mut self, what: &str, reason: &str) {
        let note = format!("SKIPPED {what}: {reason}");
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<34} {:<30} {:>7} {:>7}  {:<8} met",
            "figure", "against", "p10", "median", "target"
        )?;
        for row in &self.rows {
            let target = match row.target {
                Target::AtMost(most) => format!("<= {most}"),
                Target::AtLeast(least) => format!(">= {least}"),
            };
            writeln!(
                f,
                "{:<34} {:<30} {:>7.2} {:>7.2}  {:<8} {}",
                row.figure,
                row.other,
                row.p10,
                row.median,
                target,
                if row.is_met() { "yes" } else { "NO" }
            )?;
        }
        for note in &self.notes {
            writeln!(f, "{note}")?;
        }
        Ok(())
    }
}
