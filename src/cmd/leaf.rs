//! Parsing one verb without building the tree of all.
//!
//! An invocation is nearly all start-up, so the first two words pick one verb
//! and only that command is built, from the same definitions as the tree. What
//! does not parse is parsed again by the whole tree, which knows how to help.

use std::ffi::OsString;

use clap::{Args, Command, Error, FromArgMatches};

use super::options::Global;

/// The global options and the verb with its own.
pub(crate) type Parsed<V> = Result<(Global, V), Error>;

/// Parses `words`, whose first stands for the program, as one verb.
pub(crate) fn parse<A: Args, V>(wrap: fn(A) -> V, words: &[OsString]) -> Parsed<V> {
    let command = A::augment_args(Global::augment_args(Command::new("ipc")));
    let command = command
        .disable_help_flag(false)
        .version(env!("CARGO_PKG_VERSION"));
    let mut matches = command.try_get_matches_from(words)?;
    let global = Global::from_arg_matches_mut(&mut matches)?;
    let arguments = A::from_arg_matches_mut(&mut matches)?;
    Ok((global, wrap(arguments)))
}

/// The whole tree, complete and ready to say what is wrong with a command line.
pub(crate) fn explaining(mut tree: Command) -> Command {
    // Before that the verbs are not there.
    tree.build();
    taking_negative(tree)
}

/// Options that see `-5` as a value, so that they can say what is wrong with
/// it: clap alone takes it for an option, and advises what leads nowhere.
fn taking_negative(command: Command) -> Command {
    let command = command.mut_args(|argument| {
        let takes = !argument.is_positional() && argument.get_action().takes_values();
        if takes {
            argument.allow_negative_numbers(true)
        } else {
            argument
        }
    });
    command.mut_subcommands(taking_negative)
}
