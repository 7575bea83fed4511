//! The command tree, the one dispatch, and the only printer of errors.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

/// Set by the completion scripts when they ask for candidates.
pub use crate::cmd::completions::VARIABLE as COMPLETION_VARIABLE;

use crate::cmd::context::{Context, ending};
use crate::cmd::options::Global;
use crate::cmd::{
    array, barrier, completions, demo, event, fork_tree, leaf, lock, man, mq, sem, shm, sock, value,
};
use crate::escape::{escaped, escaped_text};
use crate::exit::Exit;
use crate::name::Scope;
use crate::output::{Color, Output, tell};
use crate::sys::signal;

/// Shared memory, values, locks, semaphores, queues and events for the shell
///
/// Separate processes create and use real POSIX objects: C, Python and any other
/// program can sit on the other side. Every verb takes --json, every blocking verb
/// a --timeout, and every failure has its own exit code.
#[derive(Debug, Parser)]
#[command(name = "ipc", version, propagate_version = true, after_long_help = closing::more())]
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
    ///
    /// A segment is a file of /dev/shm. Programs map it, and what one writes all others
    /// see at once. It lives until it is removed or the machine starts anew, whoever
    /// made it. Nothing orders those who write at the same time: take a semaphore.
    #[command(
        subcommand,
        arg_required_else_help = true,
        subcommand_value_name = "VERB"
    )]
    #[command(subcommand_help_heading = "Verbs")]
    Shm(shm::Verb),

    /// Values: numbers and words of a type, changed in one step, shared with numpy
    #[command(
        subcommand,
        arg_required_else_help = true,
        subcommand_value_name = "VERB"
    )]
    #[command(subcommand_help_heading = "Verbs")]
    Value(value::Verb),

    /// Arrays: elements of one type, in one dimension or more, shared with numpy
    #[command(
        subcommand,
        arg_required_else_help = true,
        subcommand_value_name = "VERB"
    )]
    #[command(subcommand_help_heading = "Verbs")]
    Array(array::Verb),

    /// Semaphores: counting units that processes take and give
    ///
    /// The same objects that sem_open(3) of a 64-bit glibc program opens, and Python
    /// with it. Whoever takes a unit while there is none waits until somebody gives
    /// one. A unit has no owner: when its taker is killed, it is gone until somebody
    /// gives it back.
    #[command(
        subcommand,
        arg_required_else_help = true,
        subcommand_value_name = "VERB"
    )]
    #[command(subcommand_help_heading = "Verbs")]
    Sem(sem::Verb),

    /// Message queues: messages with priorities, whole and in order
    ///
    /// A queue belongs to the kernel and holds as many messages of as many bytes as
    /// was said when it was made. The highest priority comes out first, and within
    /// one the oldest. Senders wait while it is full, receivers while it is empty. A
    /// queue lives until it is removed or the machine starts anew.
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

    /// Barriers: nobody goes on until all have arrived
    #[command(
        subcommand,
        arg_required_else_help = true,
        subcommand_value_name = "VERB"
    )]
    #[command(subcommand_help_heading = "Verbs")]
    Barrier(barrier::Verb),

    /// Sockets: conversations, servers, and descriptors handed over
    #[command(
        subcommand,
        arg_required_else_help = true,
        subcommand_value_name = "VERB"
    )]
    #[command(subcommand_help_heading = "Verbs")]
    Sock(sock::Verb),

    ForkTree(fork_tree::ForkTree),

    Demo(demo::Demo),

    Man(man::Man),

    Completions(completions::Completions),
}

impl Noun {
    fn path(&self) -> &'static str {
        match self {
            Noun::Shm(verb) => verb.path(),
            Noun::Value(verb) => verb.path(),
            Noun::Array(verb) => verb.path(),
            Noun::Sem(verb) => verb.path(),
            Noun::Mq(verb) => verb.path(),
            Noun::Lock(verb) => verb.path(),
            Noun::Event(verb) => verb.path(),
            Noun::Barrier(verb) => verb.path(),
            Noun::Sock(verb) => verb.path(),
            Noun::ForkTree(_) => "fork-tree",
            Noun::Demo(_) => "demo",
            Noun::Man(_) => "man",
            Noun::Completions(_) => "completions",
        }
    }

    /// Whether failures of ours are 125, so that 1 to 123 belong to a command.
    fn is_run_like(&self) -> bool {
        match self {
            Noun::ForkTree(fork_tree) => fork_tree.is_run_like(),
            Noun::Sock(verb) => verb.is_run_like(),
            _ => RUN_LIKE.contains(&self.path()),
        }
    }

    fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        match self {
            Noun::Shm(verb) => verb.run(context),
            Noun::Value(verb) => verb.run(context),
            Noun::Array(verb) => verb.run(context),
            Noun::Sem(verb) => verb.run(context),
            Noun::Mq(verb) => verb.run(context),
            Noun::Lock(verb) => verb.run(context),
            Noun::Event(verb) => verb.run(context),
            Noun::Barrier(verb) => verb.run(context),
            Noun::Sock(verb) => verb.run(context),
            Noun::ForkTree(fork_tree) => fork_tree.run(context),
            Noun::Demo(demo) => demo.run(context),
            Noun::Man(man) => man.run(context, &command()),
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
    let words: Vec<OsString> = std::env::args_os().collect();
    if let Some(answered) = completions::answer(&words, command) {
        return answered;
    }
    let exit = match parse(&words) {
        Ok((global, noun)) => run(global, noun),
        Err(refusal) => match explain(&words, refusal) {
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
    let (scope, refusal) = match global.scope() {
        Ok(scope) => (scope, None),
        Err(refusal) => (Scope::default(), Some(refusal)),
    };
    let mut context = Context::new(out, scope);
    context.named(noun.path());
    let is_run_like = noun.is_run_like();
    // Those two use no names, and a shell's start-up file may call them.
    let nameless = matches!(noun, Noun::Man(_) | Noun::Completions(_));
    let result = match refusal.filter(|_| !nameless) {
        None => noun.run(&mut context),
        Some(refusal) => Err(refusal.into()),
    };
    // What was printed before a failure must arrive too.
    let flushed = context.out.flush().map_err(anyhow::Error::from);
    let failure = match (result, flushed) {
        (Ok(exit), Ok(())) => return exit,
        (Err(failure), _) | (Ok(_), Err(failure)) => failure,
    };
    match ending(&failure, |failure| context.report(failure)) {
        signal @ Exit::Signal(_) => signal,
        // So that 1 to 123 belong to the command.
        _ if is_run_like => Exit::Failed,
        exit => exit,
    }
}

/// Verbs that run a command: their own failures, misuse included, are 125.
const RUN_LIKE: [&str; 2] = ["lock run", "sem run"];

/// Commands that do so where `--` and a command follow.
const RUN_LIKE_WITH_COMMAND: [&str; 1] = ["fork-tree"];

/// Verbs that do so with --exec.
const RUN_LIKE_WITH_EXEC: [&str; 2] = ["sock recv-fd", "sock fetch"];

/// Whether a command line that could not be parsed was meant for such a verb.
fn names_run_like(words: &[OsString]) -> bool {
    let ours: Vec<&OsString> = words.iter().take_while(|word| *word != "--").collect();
    let has_command = words.len() > ours.len() + 1;
    let runs = |word: &OsString| RUN_LIKE_WITH_COMMAND.iter().any(|noun| word == noun);
    if has_command && ours.iter().any(|word| runs(word)) {
        return true;
    }
    let has_exec = words.iter().any(|word| word == "--exec");
    let with_exec = RUN_LIKE_WITH_EXEC.iter().filter(|_| has_exec);
    ours.windows(2).any(|pair| {
        RUN_LIKE.iter().chain(with_exec.clone()).any(|path| {
            path.split_once(' ')
                .is_some_and(|(noun, verb)| pair[0] == noun && pair[1] == verb)
        })
    })
}

/// Parses the one verb that the first two words name, else the whole tree.
///
/// What is wrong, or a question for help, goes through the tree once more with
/// nothing deferred: before that a list of verbs cannot say what they do.
fn parse(words: &[OsString]) -> leaf::Parsed<Noun> {
    match parse_leaf(words) {
        Some(Ok(parsed)) => Ok(parsed),
        _ => parse_tree(Cli::command(), words).or_else(|_| parse_tree(complete_tree(), words)),
    }
}

fn complete_tree() -> clap::Command {
    let mut tree = Cli::command();
    tree.build();
    tree
}

fn parse_leaf(words: &[OsString]) -> Option<leaf::Parsed<Noun>> {
    let (noun, verb) = (words.get(1)?.to_str()?, words.get(2)?.to_str()?);
    // The verb stands for the program: what follows are its arguments.
    let rest = &words[2..];
    match noun {
        "shm" => shm::leaf(verb, rest).map(|parsed| within(parsed, Noun::Shm)),
        "value" => value::leaf(verb, rest).map(|parsed| within(parsed, Noun::Value)),
        "array" => array::leaf(verb, rest).map(|parsed| within(parsed, Noun::Array)),
        "sem" => sem::leaf(verb, rest).map(|parsed| within(parsed, Noun::Sem)),
        "mq" => mq::leaf(verb, rest).map(|parsed| within(parsed, Noun::Mq)),
        "lock" => lock::leaf(verb, rest).map(|parsed| within(parsed, Noun::Lock)),
        "barrier" => barrier::leaf(verb, rest).map(|parsed| within(parsed, Noun::Barrier)),
        "sock" => sock::leaf(verb, rest).map(|parsed| within(parsed, Noun::Sock)),
        "event" => event::leaf(verb, rest).map(|parsed| within(parsed, Noun::Event)),
        _ => None,
    }
}

fn within<V>(parsed: leaf::Parsed<V>, noun: fn(V) -> Noun) -> leaf::Parsed<Noun> {
    parsed.map(|(global, verb)| (global, noun(verb)))
}

/// Parses by a tree. Elements of arrays may look like options; when they do
/// not help, the message is about the words as they were written.
fn parse_tree(tree: clap::Command, words: &[OsString]) -> leaf::Parsed<Noun> {
    let shielded = array::shielded(words).map(|words| parse_words(tree.clone(), &words));
    match shielded {
        Some(Ok(parsed)) => Ok(parsed),
        _ => parse_words(tree, words),
    }
}

fn parse_words(tree: clap::Command, words: &[OsString]) -> leaf::Parsed<Noun> {
    let mut matches = tree.try_get_matches_from(words)?;
    let cli = Cli::from_arg_matches_mut(&mut matches)?;
    Ok((cli.global, cli.noun))
}

/// Help and version go to standard output and must arrive; the rest is misuse.
fn explain(words: &[OsString], refusal: clap::Error) -> Exit {
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

mod closing;
#[cfg(test)]
mod tests;
