//! The command tree, the one dispatch, and the only printer of errors.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind as UsageKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

/// Set by the completion scripts when they ask for candidates.
pub use crate::cmd::completions::VARIABLE as COMPLETION_VARIABLE;

use crate::cmd::context::Context;
use crate::cmd::options::Global;
use crate::cmd::{completions, demo, event, leaf, lock, man, mq, sem, shm};
use crate::error::{Error, ErrorKind};
use crate::escape::escaped_text;
use crate::exit::{Exit, TABLE};
use crate::output::{Output, tell};
use crate::sys::{exec, signal, startup};

/// Shared memory, semaphores and message queues for the shell
///
/// Separate processes create and use real POSIX objects: C, Python and any other
/// program can sit on the other side. Every verb takes --json, every blocking verb
/// a --timeout, and every failure has its own exit code.
#[derive(Debug, Parser)]
#[command(name = "ipc", version, propagate_version = true, after_long_help = more())]
#[command(arg_required_else_help = true, subcommand_required = true)]
struct Cli {
    #[command(flatten)]
    global: Global,

    #[command(subcommand)]
    noun: Noun,
}

#[derive(Debug, Subcommand)]
#[command(
    defer = true,
    subcommand_value_name = "NOUN",
    subcommand_help_heading = "Nouns"
)]
enum Noun {
    /// Shared memory: segments of bytes under a name
    #[command(
        subcommand,
        arg_required_else_help = true,
        subcommand_value_name = "VERB"
    )]
    #[command(subcommand_help_heading = "Verbs")]
    Shm(shm::Verb),

    /// Semaphores: counting units that processes take and give
    #[command(
        subcommand,
        arg_required_else_help = true,
        subcommand_value_name = "VERB"
    )]
    #[command(subcommand_help_heading = "Verbs")]
    Sem(sem::Verb),

    /// Message queues: messages with priorities, whole and in order
    #[command(
        subcommand,
        arg_required_else_help = true,
        subcommand_value_name = "VERB"
    )]
    #[command(subcommand_help_heading = "Verbs")]
    Mq(mq::Verb),

    /// Locks: one holder, many readers or counted slots, free when the owner dies
    #[command(
        subcommand,
        arg_required_else_help = true,
        subcommand_value_name = "VERB"
    )]
    #[command(subcommand_help_heading = "Verbs")]
    Lock(lock::Verb),

    /// Events: waiting until something has happened
    #[command(
        subcommand,
        arg_required_else_help = true,
        subcommand_value_name = "VERB"
    )]
    #[command(subcommand_help_heading = "Verbs")]
    Event(event::Verb),

    Demo(demo::Demo),

    Man(man::Man),

    Completions(completions::Completions),
}

impl Noun {
    fn path(&self) -> &'static str {
        match self {
            Noun::Shm(verb) => verb.path(),
            Noun::Sem(verb) => verb.path(),
            Noun::Mq(verb) => verb.path(),
            Noun::Lock(verb) => verb.path(),
            Noun::Event(verb) => verb.path(),
            Noun::Demo(_) => "demo",
            Noun::Man(_) => "man",
            Noun::Completions(_) => "completions",
        }
    }

    fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        match self {
            Noun::Shm(verb) => verb.run(context),
            Noun::Sem(verb) => verb.run(context),
            Noun::Mq(verb) => verb.run(context),
            Noun::Lock(verb) => verb.run(context),
            Noun::Event(verb) => verb.run(context),
            Noun::Demo(demo) => demo.run(context),
            Noun::Man(man) => man.run(context),
            Noun::Completions(completions) => completions.run(context),
        }
    }
}

/// The whole command tree, for man pages and completions.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the program: parses, dispatches, prints what went wrong.
pub fn main() -> ExitCode {
    exec::keep_status_of_children();
    let words: Vec<OsString> = std::env::args_os().collect();
    if std::env::var_os(completions::VARIABLE).is_some() {
        return completions::answer(command);
    }
    let exit = match parse(&words) {
        Ok((global, noun)) => run(global, noun),
        Err(refusal) => match explain(&refusal) {
            Exit::Usage if names_run_like(&words) => Exit::Failed,
            exit => exit,
        },
    };
    if let Exit::Signal(signal) = exit {
        // The caller sees a real death by signal, not a number that looks like one.
        signal::die_by(signal);
    }
    ExitCode::from(exit.code())
}

fn run(global: Global, noun: Noun) -> Exit {
    let out = Output::new(global.json, global.quiet, global.color);
    let mut context = Context::new(out, global.scope.unwrap_or_default());
    let path = noun.path();
    let result = noun.run(context.named(path));
    // What was printed before a failure must arrive too.
    let flushed = context.out.flush().map_err(anyhow::Error::from);
    let failure = match (result, flushed) {
        (Ok(exit), Ok(())) => return exit,
        (Err(failure), _) | (Ok(_), Err(failure)) => failure,
    };
    let kind = failure
        .downcast_ref::<Error>()
        .map_or(ErrorKind::Limit, Error::kind);
    match kind {
        // As every filter ends whose reader has seen enough.
        ErrorKind::OutputClosed if !startup::was_sigpipe_ignored() => {}
        ErrorKind::Interrupted(_) => {}
        _ => context.report(&failure),
    }
    match kind {
        ErrorKind::Interrupted(_) => kind.into(),
        // So that 1 to 123 belong to the command.
        _ if RUN_LIKE.contains(&path) => Exit::Failed,
        ErrorKind::OutputClosed if startup::was_sigpipe_ignored() => Exit::Limit,
        kind => kind.into(),
    }
}

/// Verbs that run a command: their own failures, misuse included, are 125.
const RUN_LIKE: [&str; 2] = ["lock run", "sem run"];

/// Whether a command line that could not be parsed was meant for such a verb.
fn names_run_like(words: &[OsString]) -> bool {
    let ours: Vec<&OsString> = words.iter().take_while(|word| *word != "--").collect();
    ours.windows(2).any(|pair| {
        RUN_LIKE.iter().any(|path| {
            path.split_once(' ')
                .is_some_and(|(noun, verb)| pair[0] == noun && pair[1] == verb)
        })
    })
}

/// Parses the one verb that the first two words name, else the whole tree.
fn parse(words: &[OsString]) -> leaf::Parsed<Noun> {
    match parse_leaf(words) {
        Some(Ok(parsed)) => Ok(parsed),
        _ => parse_tree(words),
    }
}

fn parse_leaf(words: &[OsString]) -> Option<leaf::Parsed<Noun>> {
    let (noun, verb) = (words.get(1)?.to_str()?, words.get(2)?.to_str()?);
    // The verb stands for the program: what follows are its arguments.
    let rest = &words[2..];
    match noun {
        "shm" => shm::leaf(verb, rest).map(|parsed| within(parsed, Noun::Shm)),
        "sem" => sem::leaf(verb, rest).map(|parsed| within(parsed, Noun::Sem)),
        "mq" => mq::leaf(verb, rest).map(|parsed| within(parsed, Noun::Mq)),
        "lock" => lock::leaf(verb, rest).map(|parsed| within(parsed, Noun::Lock)),
        "event" => event::leaf(verb, rest).map(|parsed| within(parsed, Noun::Event)),
        _ => None,
    }
}

fn within<V>(parsed: leaf::Parsed<V>, noun: fn(V) -> Noun) -> leaf::Parsed<Noun> {
    parsed.map(|(global, verb)| (global, noun(verb)))
}

fn parse_tree(words: &[OsString]) -> leaf::Parsed<Noun> {
    let mut matches = Cli::command().try_get_matches_from(words)?;
    let cli = Cli::from_arg_matches_mut(&mut matches)?;
    Ok((cli.global, cli.noun))
}

/// Help and version go to standard output and must arrive; the rest is misuse.
fn explain(refusal: &clap::Error) -> Exit {
    let text = refusal.render();
    if refusal.use_stderr() {
        let text = escaped_text(text.to_string().as_bytes());
        tell(text.trim_end());
        return Exit::Usage;
    }
    let mut out = Output::new(false, false, crate::output::Color::Auto);
    let text = if out.is_colored() {
        text.ansi().to_string()
    } else {
        text.to_string()
    };
    debug_assert!(matches!(
        refusal.kind(),
        UsageKind::DisplayHelp | UsageKind::DisplayVersion
    ));
    let printed = out
        .stdout()
        .write(text.as_bytes())
        .and_then(|()| out.flush());
    match printed {
        Ok(()) => Exit::Done,
        Err(error) => {
            tell(format_args!("ipc: {error}"));
            error.kind().into()
        }
    }
}

/// The end of `ipc --help`: the exit codes, from the one table.
fn more() -> String {
    let mut text = String::from("Exit status:\n");
    for (code, meaning) in TABLE {
        text.push_str(&format!("  {code:<9}{meaning}\n"));
    }
    text.push_str("\nSee also: ipc(7)");
    text
}
