//! What `run` and `duplex` have in common: commands, options, the report.

use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escaped;
use crate::exit::Exit;
use crate::output::payload::json_line;
use crate::output::tell_data;
use crate::process::blocked::Blocked;
use crate::process::ending::in_words;
use crate::process::pipeline::{Pipeline, Stage};
use crate::process::spawn::Spawn;
use crate::size::Size;
use crate::sys::startup;
use crate::sys::wait::Ending;

/// Commands, and what to do about their ends.
#[derive(Debug, Args)]
pub(super) struct Commands {
    /// End with the last exit code that is not 0, instead of that of the last command
    #[arg(long)]
    pipefail: bool,

    /// Let each pipe hold SIZE bytes: 64K, 1MiB; 256K where nothing is said
    #[arg(long, value_name = "SIZE", value_parser = super::pipe_size)]
    size: Option<Size>,

    /// Say on standard error how each command ended, how long it took and what it used
    ///
    /// Processor time and the most memory at a time are those of the command and of the
    /// children that it waited for; memory is at least that of ipc itself. Bytes are
    /// those that its own process read and wrote by all calls but splice(2), the loading
    /// of its libraries included.
    #[arg(long)]
    stat: bool,

    /// End the others when one fails: by SIGTERM, and 2 seconds later by SIGKILL
    ///
    /// With whatever they have started; the exit code is that of the one that failed. A
    /// command before the last that dies of SIGPIPE has not failed.
    #[arg(long)]
    kill_on_failure: bool,

    /// Write the report of --json to FILE
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,

    /// The word between two commands, where one of them has :: as an argument
    #[arg(long, value_name = "WORD", default_value = "::")]
    separator: OsString,

    /// The commands and their arguments, with :: in between
    #[arg(value_name = "CMD", last = true, required = true, add = complete::commands())]
    commands: Vec<OsString>,
}

impl Commands {
    /// The commands, each with its arguments.
    pub(super) fn stages(&self) -> Result<Vec<&[OsString]>> {
        if self.separator.is_empty() {
            let error = Error::new(ErrorKind::Usage, "--separator is a word, not nothing");
            return Err(error.hint("--separator , for commands that have :: as an argument"));
        }
        let stages: Vec<&[OsString]> = self
            .commands
            .split(|word| *word == self.separator)
            .collect();
        if let Some(index) = stages.iter().position(|stage| stage.is_empty()) {
            let separator = escaped(self.separator.as_encoded_bytes());
            return Err(Error::new(
                ErrorKind::Usage,
                format!("command {} of {} is empty", index + 1, stages.len()),
            )
            .hint(format!(
                "A ARGUMENT… {separator} B ARGUMENT…; --separator WORD chooses another word"
            )));
        }
        Ok(stages)
    }

    /// Runs the commands to their end and reports.
    pub(super) fn run(&self, context: &mut Context, is_ring: bool) -> anyhow::Result<Exit> {
        let commands = self.stages()?;
        let pipeline = Pipeline {
            stages: commands
                .iter()
                .map(|command| Ok(Spawn::new(command)?.dying_with_us()))
                .collect::<Result<_>>()?,
            is_ring,
            size: self.size.map(|size| size.0),
            kills_on_failure: self.kill_on_failure,
        };
        // A place that cannot be written is better told before than after.
        let place = self.report.as_deref().map(create).transpose()?;
        if place.is_none() && context.out.is_json() && startup::was_closed(2) {
            let closed = Error::new(ErrorKind::OutputFailed, "is closed").about("standard error");
            return Err(closed
                .hint("--report FILE writes the report to a file")
                .into());
        }
        let blocked = Blocked::new()?;
        let stages = pipeline.run(&blocked)?;
        let exit = self.overall(&stages);
        for (stage, spawn) in stages.iter().zip(&pipeline.stages) {
            if let (None, Some(ending)) = (stage.pid, stage.exit) {
                context.explain_start(&spawn.name(), ending)?;
            }
        }
        let report = Report {
            commands: &commands,
            stages: &stages,
            exit,
        };
        if let Some((mut file, path)) = place {
            let written = file.write_all(&json_line(&report.document()));
            written.map_err(|refusal| Error::os(refusal).about(path))?;
        } else if context.out.is_json() {
            tell_data(&json_line(&report.document()))?;
        }
        if self.stat {
            report.tell_all(context);
        } else if !context.out.is_json() {
            report.tell_failures(context, self.pipefail);
        }
        Ok(exit)
    }

    fn overall(&self, stages: &[Stage]) -> Exit {
        let of = |stage: &Stage| stage.exit.unwrap_or(Exit::Failed);
        if stages.iter().any(|stage| stage.was_ended) {
            // The others ended as they did because of it.
            let failed = stages
                .iter()
                .enumerate()
                .rfind(|(index, stage)| stage.has_failed(index + 1 == stages.len()));
            return failed.map_or(Exit::Failed, |(_, stage)| of(stage));
        }
        let exits = stages.iter().map(of);
        let last = exits.clone().next_back().unwrap_or(Exit::Failed);
        if !self.pipefail {
            return last;
        }
        let mut failed = exits.rev().filter(|exit| exit.code() != 0);
        failed.next().unwrap_or(last)
    }
}

fn create(path: &Path) -> Result<(File, String)> {
    let shown = escaped(path.as_os_str().as_encoded_bytes());
    match File::create(path) {
        Ok(file) => Ok((file, shown)),
        Err(refusal) => Err(Error::os(refusal).about(shown)),
    }
}

/// How it went.
struct Report<'a> {
    commands: &'a [&'a [OsString]],
    stages: &'a [Stage],
    exit: Exit,
}

impl Report<'_> {
    fn document(&self) -> Value {
        let stages = self.stages.iter().zip(self.commands).enumerate();
        let stages: Vec<Value> = stages
            .map(|(index, (stage, command))| {
                let ending = stage.exit.map(Ending::from);
                let words: Vec<String> = command
                    .iter()
                    .map(|word| escaped(word.as_encoded_bytes()))
                    .collect();
                json!({
                    "index": index, "command": words, "pid": stage.pid,
                    "code": ending.and_then(Ending::code),
                    "signal": ending.and_then(Ending::signal),
                    "failed": stage.has_failed(index + 1 == self.stages.len()),
                    "ended_by_ipc": stage.was_ended,
                    "seconds": stage.time.as_secs_f64(),
                    "user_seconds": stage.usage.user.as_secs_f64(),
                    "system_seconds": stage.usage.system.as_secs_f64(),
                    "max_rss": stage.usage.max_rss,
                    "read": stage.transferred.map(|(read, _)| read),
                    "written": stage.transferred.map(|(_, written)| written),
                })
            })
            .collect();
        json!({ "stages": stages, "code": self.exit.code() })
    }

    /// A line for each command that failed. One that died for want of a reader
    /// is told of only where it makes the exit code.
    fn tell_failures(&self, context: &Context, is_pipefail: bool) {
        for (index, stage) in self.stages.iter().enumerate() {
            let exit = stage.exit.unwrap_or(Exit::Failed);
            let is_last = index + 1 == self.stages.len();
            let has_failed =
                stage.has_failed(is_last) || is_pipefail && exit.code() != 0 && !stage.was_ended;
            // Why one did not start has been said.
            if has_failed && stage.pid.is_some() {
                let name = self.name(index);
                context.out.say(format_args!(
                    "ipc: command {} ({name}) {}",
                    index + 1,
                    in_words(Some(exit.into()))
                ));
            }
        }
    }

    fn tell_all(&self, context: &Context) {
        let lines = self.stages.iter().enumerate().map(|(index, stage)| {
            let bytes = |count: Option<u64>| count.map_or("-".to_owned(), |n| Size(n).to_string());
            let (read, written) = stage.transferred.unzip();
            [
                (index + 1).to_string(),
                stage.pid.map_or("-".to_owned(), |pid| pid.to_string()),
                seconds(stage.time),
                seconds(stage.usage.user),
                seconds(stage.usage.system),
                Size(stage.usage.max_rss).to_string(),
                bytes(read),
                bytes(written),
                in_words(Some(stage.exit.unwrap_or(Exit::Failed).into())),
                self.name(index),
            ]
        });
        let headings = [
            "", "PID", "TIME", "USER", "SYSTEM", "MEMORY", "READ", "WRITTEN", "END", "COMMAND",
        ];
        let lines: Vec<[String; 10]> = std::iter::once(headings.map(str::to_owned))
            .chain(lines)
            .collect();
        let width = |column: usize| lines.iter().map(|line| line[column].len()).max();
        let widths: Vec<usize> = (0..10).map(|column| width(column).unwrap_or(0)).collect();
        for line in &lines {
            let cells = line.iter().enumerate().map(|(column, cell)| match column {
                0..=7 => format!("{cell:>0$}", widths[column]),
                8 => format!("{cell:<0$}", widths[column]),
                _ => cell.clone(),
            });
            context.out.say(cells.collect::<Vec<_>>().join("  "));
        }
    }

    fn name(&self, index: usize) -> String {
        let word = self.commands[index].first();
        word.map(|word| escaped(word.as_encoded_bytes()))
            .unwrap_or_default()
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.3}s", time.as_secs_f64())
}
