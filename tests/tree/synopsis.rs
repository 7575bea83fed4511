//! How a command is called: what is required, what excludes what.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};

use crate::roff::{bold, italic};

/// The parts of a call after the words of the command, ready for troff.
pub fn parts(command: &Command) -> Vec<String> {
    let arguments = own(command);
    let mut options = Vec::new();
    let (mut operands, mut last) = (Vec::new(), Vec::new());
    let mut used: Vec<&str> = Vec::new();
    let alternatives = required_alternatives(command);
    for argument in &arguments {
        let id = argument.get_id().as_str();
        if used.contains(&id) {
            continue;
        }
        if takes_the_rest(argument) {
            // Nothing can stand behind it, so it stands behind all others.
            last.push(format!("[{}]", form(argument)));
            continue;
        }
        let required = alternatives.iter().any(|other| other == id);
        let together: Vec<&Arg> = if required {
            arguments
                .iter()
                .copied()
                .filter(|other| alternatives.iter().any(|id| other.get_id() == id))
                .collect()
        } else if argument.is_positional() {
            vec![argument]
        } else {
            exclusive(command, argument, &arguments, &used, &alternatives)
        };
        used.extend(together.iter().map(|other| other.get_id().as_str()));
        let forms: Vec<String> = together.iter().map(|other| form(other)).collect();
        let joined = forms.join("\\~| ");
        let part = match (
            argument.is_required_set() || required,
            argument.is_last_set(),
        ) {
            (true, _) if forms.len() > 1 => format!("{{{joined}}}"),
            (true, true) => format!("\\-\\-\\~{joined}"),
            (false, true) => format!("[\\-\\-\\~{joined}]"),
            (true, false) => joined,
            (false, false) => format!("[{joined}]"),
        };
        if argument.is_positional() {
            operands.push(part);
        } else {
            options.push(part);
        }
    }
    options.extend(operands);
    options.extend(last);
    options
}

/// Whether an option takes all words that follow, options or not.
fn takes_the_rest(argument: &Arg) -> bool {
    let range = argument.get_num_args().expect("a tree that is built");
    !argument.is_positional()
        && argument.is_allow_hyphen_values_set()
        && range.max_values() == usize::MAX
}

/// The arguments of the command itself, without the global ones.
pub fn own(command: &Command) -> Vec<&Arg> {
    command
        .get_arguments()
        .filter(|argument| !argument.is_global_set() && !argument.is_hide_set())
        .filter(|argument| !matches!(argument.get_id().as_str(), "help" | "version"))
        .collect()
}

/// An argument as it is typed, without brackets: `-n, --count N` is `--count N`.
fn form(argument: &Arg) -> String {
    let name = match (argument.get_long(), argument.get_short()) {
        (Some(long), _) => bold(&format!("--{long}")),
        (None, Some(short)) => bold(&format!("-{short}")),
        (None, None) => return value(argument),
    };
    format!("{name}{}", value(argument))
}

/// The value of an argument, with the blank or `=` before it.
pub fn value(argument: &Arg) -> String {
    let range = argument.get_num_args().expect("a tree that is built");
    if !range.takes_values() {
        return String::new();
    }
    let names = argument.get_value_names().unwrap_or_default();
    let names: Vec<String> = names.iter().map(|name| italic(name)).collect();
    let mut shown = names.join(" ");
    let many = range.max_values() > 1 || (argument.is_positional() && repeats(argument));
    if many {
        shown.push_str("\\~...");
    }
    match (argument.is_positional(), range.min_values()) {
        (true, _) => shown,
        (false, 0) if argument.is_require_equals_set() => format!("[\\fB=\\fR{shown}]"),
        (false, 0) => format!("\\~[{shown}]"),
        (false, _) => format!("\\~{shown}"),
    }
}

fn repeats(argument: &Arg) -> bool {
    matches!(argument.get_action(), clap::ArgAction::Append)
}

/// An option and those after it that exclude it and each other.
fn exclusive<'a>(
    command: &Command,
    first: &'a Arg,
    all: &[&'a Arg],
    used: &[&str],
    alternatives: &[String],
) -> Vec<&'a Arg> {
    let mut together = vec![first];
    for other in all {
        let id = other.get_id().as_str();
        let is_free = !used.contains(&id) && id != first.get_id().as_str();
        if is_free
            && !other.is_positional()
            && !takes_the_rest(other)
            && !alternatives.iter().any(|alternative| alternative == id)
            && together
                .iter()
                .all(|member| exclude(command, member, other))
        {
            together.push(other);
        }
    }
    together
}

fn exclude(command: &Command, one: &Arg, other: &Arg) -> bool {
    let names = |a: &Arg, b: &Arg| {
        command
            .get_arg_conflicts_with(a)
            .iter()
            .any(|found| found.get_id() == b.get_id())
    };
    names(one, other) || names(other, one)
}

/// The ids of arguments of which one must be there, found by leaving all out:
/// clap does not tell which rule makes an argument required.
fn required_alternatives(command: &Command) -> Vec<String> {
    let mut words = vec!["ipc".to_owned()];
    let operands = own(command);
    for operand in &operands {
        if operand.is_positional() && operand.is_required_set() {
            if operand.is_last_set() {
                words.push("--".to_owned());
            }
            words.push("1".to_owned());
        }
    }
    let refusal = match command.clone().try_get_matches_from(words) {
        Err(refusal) if refusal.kind() == ErrorKind::MissingRequiredArgument => refusal,
        _ => return Vec::new(),
    };
    let Some(ContextValue::Strings(missing)) = refusal.get(ContextKind::InvalidArg) else {
        return Vec::new();
    };
    // Where it is missing it stands in other brackets than where it may be left out.
    let bare = |text: &str| text.replace(['<', '>', '[', ']'], "");
    let is_missing = |argument: &&&Arg| {
        let own = bare(&argument.to_string());
        // A group stands there as its members.
        missing
            .iter()
            .any(|one| bare(one).split('|').any(|member| member == own))
    };
    let first = operands
        .iter()
        .find(is_missing)
        .unwrap_or_else(|| panic!("{missing:?} is no argument of {}", command.get_name()));
    let mut alternatives = vec![*first];
    for other in &operands {
        let excludes_all = || {
            let mut members = alternatives.iter();
            members.all(|member| exclude(command, member, other))
        };
        if other.get_id() != first.get_id() && (is_missing(&other) || excludes_all()) {
            alternatives.push(other);
        }
    }
    alternatives
        .iter()
        .map(|argument| argument.get_id().to_string())
        .collect()
}
