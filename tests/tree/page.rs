//! One page of the manual, from the definition of its command.

use clap::{Arg, ArgAction};
use ipc::exit::TABLE;

use crate::help::More;
use crate::roff::{Roff, bold, literal, marked, reference};
use crate::surroundings::{environment, files};
use crate::synopsis::{own, parts, value};
use crate::{RELEASE, Spot, spots};

const GLOBAL: &str = "Global options";

/// The source of the page of a command.
pub fn render(spot: &Spot) -> String {
    let more = More::of(&spot.command);
    let mut page = Roff::default();
    page.request("\\\" Made from the source by: IPC_BLESS=1 cargo test --test tree");
    let (version, day) = RELEASE;
    let title = literal(&spot.page().to_uppercase());
    page.request(&format!(
        "TH {title} 1 {day} \"ipc {version}\" \"User Commands\""
    ));
    name(&mut page, spot);
    synopsis(&mut page, spot);
    description(&mut page, spot);
    commands(&mut page, spot);
    arguments(&mut page, spot);
    global_options(&mut page, spot);
    examples(&mut page, &more);
    exit_status(&mut page, spot, &more);
    coming(&mut page, &more);
    environment(&mut page, spot);
    files(&mut page, spot);
    see_also(&mut page, spot, &more);
    page.finish()
}

fn name(page: &mut Roff, spot: &Spot) {
    page.section("NAME");
    let about = about(&spot.command);
    page.line(&format!(
        "{} \\- {}",
        literal(&spot.page()),
        marked(&lower_first(&about), &[])
    ));
}

fn synopsis(page: &mut Roff, spot: &Spot) {
    page.section("SYNOPSIS");
    let call = format!("SY {}", quoted(&literal(&spot.words.join(" "))));
    page.request(&call);
    if spot.is_noun() && !spot.command.is_subcommand_required_set() && spot.noun().is_some() {
        // A noun that does something without a verb.
        for part in parts(&spot.command) {
            page.line(&part.replace("...", "...\\&"));
        }
        page.request("YS");
        page.request(&call);
    }
    if spot.is_noun() {
        let noun = if spot.noun().is_some() {
            ""
        } else {
            "\\fINOUN\\fR "
        };
        page.line("[\\fIGLOBAL OPTIONS\\fR]");
        page.line(&format!(
            "{noun}\\fIVERB\\fR [\\fIOPTIONS\\fR] [\\fIARGUMENTS\\fR]"
        ));
    } else {
        for part in parts(&spot.command) {
            // The dots of a list do not end a sentence.
            page.line(&part.replace("...", "...\\&"));
        }
    }
    page.request("YS");
    let aliases: Vec<String> = spot
        .command
        .get_visible_aliases()
        .map(|alias| format!("{} {alias}", spot.words[..spot.words.len() - 1].join(" ")))
        .collect();
    if !aliases.is_empty() {
        let aliases: Vec<String> = aliases.iter().map(|alias| bold(alias)).collect();
        page.request("PP");
        page.line(&format!("The same: {}.", aliases.join(", ")));
    }
}

fn description(page: &mut Roff, spot: &Spot) {
    page.section("DESCRIPTION");
    let values = value_names(spot);
    let long = spot.command.get_long_about().map(ToString::to_string);
    let text = long.unwrap_or_else(|| about(&spot.command));
    let (first, rest) = text.split_once("\n\n").unwrap_or((&text, ""));
    page.prose(&format!("{}.", first.trim_end_matches('.')), &values);
    if !rest.is_empty() {
        page.request("PP");
        page.paragraphs(rest, &values);
    }
}

fn commands(page: &mut Roff, spot: &Spot) {
    if !spot.is_noun() {
        return;
    }
    page.section(if spot.noun().is_some() {
        "VERBS"
    } else {
        "NOUNS AND COMMANDS"
    });
    let below = spots();
    for inner in &below {
        if inner.words.len() != spot.words.len() + 1 || !inner.words.starts_with(&spot.words) {
            continue;
        }
        page.entry(&reference(&format!("{}(1)", inner.page())));
        let text = about(&inner.command);
        page.prose(&format!("{text}."), &value_names(inner));
        let verbs: Vec<String> = below
            .iter()
            .filter(|verb| verb.words.len() > inner.words.len())
            .filter(|verb| verb.words.starts_with(&inner.words))
            .map(|verb| bold(&verb.words[2]))
            .collect();
        if !verbs.is_empty() {
            page.line(&format!("Verbs: {}.", verbs.join(", ")));
        }
    }
}

fn arguments(page: &mut Roff, spot: &Spot) {
    let arguments = own(&spot.command);
    if arguments.is_empty() {
        return;
    }
    let values = value_names(spot);
    let (operands, options): (Vec<&Arg>, Vec<&Arg>) = arguments
        .into_iter()
        .partition(|argument| argument.is_positional());
    if !operands.is_empty() {
        page.section("ARGUMENTS");
    }
    for argument in operands {
        page.entry(&value(argument));
        explain(page, argument, &values);
    }
    if !options.is_empty() {
        page.section("OPTIONS");
    }
    for argument in options {
        option(page, argument, &values);
    }
}

fn global_options(page: &mut Roff, spot: &Spot) {
    page.section("GLOBAL OPTIONS");
    page.prose(
        "These stand before the noun or anywhere after the verb.",
        &[],
    );
    let values = value_names(spot);
    let is_general = |argument: &&Arg| {
        argument.get_help_heading() == Some(GLOBAL)
            || matches!(argument.get_id().as_str(), "help" | "version")
    };
    for argument in spot.command.get_arguments().filter(is_general) {
        option(page, argument, &values);
    }
}

fn option(page: &mut Roff, argument: &Arg, values: &[String]) {
    let short = argument.get_short().map(|short| bold(&format!("-{short}")));
    let long = argument.get_long().map(|long| bold(&format!("--{long}")));
    let names: Vec<String> = short.into_iter().chain(long).collect();
    page.entry(&format!("{}{}", names.join(", "), value(argument)));
    explain(page, argument, values);
}

/// What an argument means, what it takes, and what it is when not given.
fn explain(page: &mut Roff, argument: &Arg, values: &[String]) {
    match argument.get_action() {
        ArgAction::Help | ArgAction::HelpLong | ArgAction::HelpShort => {
            return page.prose("Print help: -h a summary, --help all of it.", values);
        }
        ArgAction::Version => return page.prose("Print the version.", values),
        _ => {}
    }
    let text = argument.get_long_help().or_else(|| argument.get_help());
    let text = text.map(ToString::to_string).unwrap_or_default();
    for (index, paragraph) in text.split("\n\n").enumerate() {
        if index > 0 {
            page.request("IP");
        }
        page.prose(&format!("{}.", paragraph.trim_end_matches('.')), values);
    }
    if !argument.get_num_args().is_some_and(|n| n.takes_values()) {
        return;
    }
    let possible: Vec<String> = argument
        .get_possible_values()
        .iter()
        .filter(|choice| !choice.is_hide_set())
        .map(|choice| match choice.get_help() {
            Some(help) => format!(
                "{} ({})",
                bold(choice.get_name()),
                marked(&lower_first(&help.to_string()), values)
            ),
            None => bold(choice.get_name()),
        })
        .collect();
    if !possible.is_empty() {
        page.line(&format!("One of: {}.", possible.join(", ")));
    }
    let defaults = argument.get_default_values();
    if !defaults.is_empty() {
        let defaults: Vec<String> = defaults
            .iter()
            .map(|default| bold(&default.to_string_lossy()))
            .collect();
        page.line(&format!("Default: {}.", defaults.join(", ")));
    }
}

fn examples(page: &mut Roff, more: &More) {
    if more.examples.is_empty() {
        return;
    }
    page.section("EXAMPLES");
    for (index, example) in more.examples.iter().enumerate() {
        if !example.meaning.is_empty() {
            if index > 0 {
                page.request("PP");
            }
            page.prose(&example.meaning, &[]);
            page.request("PP");
        } else if index > 0 {
            page.request("PP");
        }
        page.typed(&example.lines);
    }
}

fn coming(page: &mut Roff, more: &More) {
    if more.coming.is_empty() {
        return;
    }
    page.section("COMING FROM OTHER TOOLS");
    for (theirs, ours) in &more.coming {
        page.entry(&bold(theirs));
        page.prose(ours, &[]);
    }
}

fn exit_status(page: &mut Roff, spot: &Spot, more: &More) {
    page.section("EXIT STATUS");
    if spot.noun().is_none() {
        // Its help shows the table itself.
        return table(page);
    }
    if !more.exit_intro.is_empty() {
        // "..., and" leads over to the list, and has no end of its own.
        let end = if more.exit_intro.ends_with('.') {
            ""
        } else {
            ":"
        };
        page.prose(&format!("{}{end}", more.exit_intro), &["CMD".to_owned()]);
    }
    for (index, (code, meaning)) in more.exits.iter().enumerate() {
        for (_, lead) in more.exit_leads.iter().filter(|(at, _)| *at == index) {
            page.request("PP");
            page.prose(lead, &["CMD".to_owned()]);
        }
        page.entry(&bold(code));
        page.prose(&sentence(meaning), &[]);
    }
    if !more.exit_notes.is_empty() {
        page.request("PP");
        page.prose(&more.exit_notes, &["CMD".to_owned()]);
    }
    if !more.exits.is_empty() {
        page.request("PP");
        page.prose("All commands share one table:", &[]);
    }
    table(page);
}

fn table(page: &mut Roff) {
    for (code, meaning) in TABLE {
        page.entry(&bold(code));
        page.prose(&sentence(meaning), &[]);
    }
}

fn see_also(page: &mut Roff, spot: &Spot, more: &More) {
    page.section("SEE ALSO");
    let mut pages = more.see_also.clone();
    pages.extend(["ipc(1)".to_owned(), "ipc(7)".to_owned()]);
    if spot.words.len() > 2 {
        pages.push(format!("{}(1)", spot.words[..2].join("-")));
    }
    let own = format!("{}(1)", spot.page());
    if spot.is_noun() {
        // From the general to the particular and across, not back to all verbs.
        let nouns = spots().into_iter().filter(|other| other.words.len() == 2);
        pages.extend(nouns.map(|other| format!("{}(1)", other.page())));
    }
    pages.retain(|page| *page != own);
    let section = |page: &String| page.split_once('(').map(|(_, rest)| rest.to_owned());
    pages.sort_by_key(|page| (section(page), page.clone()));
    pages.dedup();
    let pages: Vec<String> = pages.iter().map(|page| reference(page)).collect();
    page.line(&pages.join(",\n"));
}

fn about(command: &clap::Command) -> String {
    let text = command.get_about().map(ToString::to_string);
    text.unwrap_or_else(|| panic!("{} has no help", command.get_name()))
}

/// Names of values that a text may speak of.
fn value_names(spot: &Spot) -> Vec<String> {
    let takes = |argument: &&Arg| argument.get_num_args().is_some_and(|n| n.takes_values());
    let arguments = spot.command.get_arguments().filter(takes);
    let names = arguments.filter_map(Arg::get_value_names).flatten();
    names.map(ToString::to_string).collect()
}

/// A capital at the start becomes small, unless the word is an abbreviation.
fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    match (characters.next(), characters.clone().next()) {
        (Some(first), Some(second)) if second.is_lowercase() => {
            first.to_lowercase().chain(characters).collect()
        }
        _ => text.to_owned(),
    }
}

/// A capital at the start and a full stop at the end.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|c| c.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), characters.as_str())
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}
