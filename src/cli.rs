//! The command tree, the one dispatch, and the only printer of errors.

use std::ffi::OsString;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

mod explain;
mod more;
mod run_like;

use explain::explain;

/// Set by the completion scripts when they ask for candidates.
pub use crate::cmd::completions::VARIABLE as COMPLETION_VARIABLE;

use crate::cmd::context::{Context, ending};
use crate::cmd::options::Global;
use crate::cmd::{
    array, barrier, completions, demo, event, fork_tree, kill, leaf, lock, man, mq, pipe, proc,
    reap_zombies, sem, shm, signal, sock, tree, value, wait,
};
use crate::exit::Exit;
use crate::name::Scope;
use crate::output::{Output, tell};
use crate::sys::signal::die_by;
use crate::sys::startup;

/// Shared memory, locks, queues, sockets, signals and processes for the shell
///
/// Separate processes create and use real POSIX objects: C, Python and any other
/// program can sit on the other side. Every verb takes --json, every blocking verb
/// a --timeout, and every failure has its own exit code.
#[derive(Debug, Parser)]
#[command(name = "ipc", version, propagate_version = true, after_long_help = more::text())]
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

    /// Pipes: FIFOs that separate processes find by name, and pipelines
    ///
    /// A FIFO is a pipe with a path: bytes in order, until the last writer closes. It
    /// holds nothing by itself: what was written and not read is gone when the last
    /// process closes it. By name it lies in the runtime folder of the user; a word with
    /// a slash elsewhere than in front is a path.
    #[command(
        subcommand,
        arg_required_else_help = true,
        subcommand_value_name = "VERB"
    )]
    #[command(subcommand_help_heading = "Verbs")]
    Pipe(pipe::Verb),

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

    /// Named processes: started in one shell, joined from any other
    #[command(
        subcommand,
        arg_required_else_help = true,
        subcommand_value_name = "VERB"
    )]
    #[command(subcommand_help_heading = "Verbs")]
    Proc(proc::Verb),

    /// Sockets: conversations, servers, and descriptors handed over
    #[command(
        subcommand,
        arg_required_else_help = true,
        subcommand_value_name = "VERB"
    )]
    #[command(subcommand_help_heading = "Verbs")]
    Sock(sock::Verb),

    Wait(wait::Wait),

    ForkTree(fork_tree::ForkTree),

    Tree(tree::Tree),

    /// Signals: waiting for them, and what processes do about them
    #[command(
        subcommand,
        arg_required_else_help = true,
        subcommand_value_name = "VERB"
    )]
    #[command(subcommand_help_heading = "Verbs")]
    Signal(signal::Verb),

    Kill(kill::Kill),

    ReapZombies(reap_zombies::ReapZombies),

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
            Noun::Pipe(verb) => verb.path(),
            Noun::Lock(verb) => verb.path(),
            Noun::Event(verb) => verb.path(),
            Noun::Barrier(verb) => verb.path(),
            Noun::Proc(verb) => verb.path(),
            Noun::Wait(_) => "wait",
            Noun::Sock(verb) => verb.path(),
            Noun::ForkTree(_) => "fork-tree",
            Noun::Tree(_) => "tree",
            Noun::Signal(verb) => verb.path(),
            Noun::Kill(_) => "kill",
            Noun::ReapZombies(reap_zombies) => reap_zombies.path(),
            Noun::Demo(_) => "demo",
            Noun::Man(_) => "man",
            Noun::Completions(_) => "completions",
        }
    }

    /// Whether failures of ours are 125, so that 1 to 123 belong to a command.
    fn is_run_like(&self) -> bool {
        match self {
            Noun::ForkTree(fork_tree) => fork_tree.is_run_like(),
            Noun::Wait(wait) => wait.is_run_like(),
            Noun::Sock(verb) => verb.is_run_like(),
            _ => run_like::VERBS.contains(&self.path()),
        }
    }

    fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        match self {
            Noun::Shm(verb) => verb.run(context),
            Noun::Value(verb) => verb.run(context),
            Noun::Array(verb) => verb.run(context),
            Noun::Sem(verb) => verb.run(context),
            Noun::Mq(verb) => verb.run(context),
            Noun::Pipe(verb) => verb.run(context),
            Noun::Lock(verb) => verb.run(context),
            Noun::Event(verb) => verb.run(context),
            Noun::Barrier(verb) => verb.run(context),
            Noun::Proc(verb) => verb.run(context),
            Noun::Wait(wait) => wait.run(context),
            Noun::Sock(verb) => verb.run(context),
            Noun::ForkTree(fork_tree) => fork_tree.run(context),
            Noun::Tree(tree) => tree.run(context),
            Noun::Signal(verb) => verb.run(context),
            Noun::Kill(kill) => kill.run(context),
            Noun::ReapZombies(reap_zombies) => reap_zombies.run(context),
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

/// Runs the program: parses, dispatches, prints what went wrong; the exit code.
pub fn main(words: &[OsString]) -> u8 {
    if startup::has_more_than_its_caller() {
        // Whoever could run it so could run anything so.
        tell("ipc: refuses to be set-user-ID, set-group-ID or to have capabilities of its file");
        return run_like::or_failed(Exit::Denied, words).code();
    }
    if let Some(answered) = completions::answer(words, command) {
        return answered.code();
    }
    let exit = match parse(words) {
        Ok((global, noun)) => run(global, noun),
        Err(refusal) => run_like::or_failed(explain(words, refusal), words),
    };
    if let Exit::Signal(signal) = exit {
        // The caller sees a real death by signal, not a number that looks like one.
        die_by(signal);
    }
    exit.code()
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
    leaf::explaining(Cli::command())
}

fn parse_leaf(words: &[OsString]) -> Option<leaf::Parsed<Noun>> {
    if words.get(1)? == "wait" {
        return wait::leaf(Noun::Wait, &words[1..]);
    }
    let (noun, verb) = (words.get(1)?.to_str()?, words.get(2)?.to_str()?);
    if noun == "kill" {
        return kill::leaf(Noun::Kill, &words[1..]);
    }
    // The verb stands for the program: what follows are its arguments.
    let rest = &words[2..];
    match noun {
        "shm" => shm::leaf(verb, rest).map(|parsed| within(parsed, Noun::Shm)),
        "value" => value::leaf(verb, rest).map(|parsed| within(parsed, Noun::Value)),
        "array" => array::leaf(verb, rest).map(|parsed| within(parsed, Noun::Array)),
        "sem" => sem::leaf(verb, rest).map(|parsed| within(parsed, Noun::Sem)),
        "mq" => mq::leaf(verb, rest).map(|parsed| within(parsed, Noun::Mq)),
        "pipe" => pipe::leaf(verb, rest).map(|parsed| within(parsed, Noun::Pipe)),
        "lock" => lock::leaf(verb, rest).map(|parsed| within(parsed, Noun::Lock)),
        "barrier" => barrier::leaf(verb, rest).map(|parsed| within(parsed, Noun::Barrier)),
        "proc" => proc::leaf(verb, rest).map(|parsed| within(parsed, Noun::Proc)),
        "sock" => sock::leaf(verb, rest).map(|parsed| within(parsed, Noun::Sock)),
        "event" => event::leaf(verb, rest).map(|parsed| within(parsed, Noun::Event)),
        "signal" => signal::leaf(verb, rest).map(|parsed| within(parsed, Noun::Signal)),
        _ => None,
    }
}

fn within<V>(parsed: leaf::Parsed<V>, noun: fn(V) -> Noun) -> leaf::Parsed<Noun> {
    parsed.map(|(global, verb)| (global, noun(verb)))
}

/// Parses by a tree. Elements of arrays and signals may look like options; when
/// they do not help, the message is about the words as they were written.
fn parse_tree(tree: clap::Command, words: &[OsString]) -> leaf::Parsed<Noun> {
    let shielded = kill::shielded(words).or_else(|| array::shielded(words));
    let shielded = shielded.map(|words| parse_words(tree.clone(), &words));
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

#[cfg(test)]
mod tests;
