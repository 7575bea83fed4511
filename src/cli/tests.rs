//! One grammar, parsed two ways: the verb alone, and the whole tree.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use clap::{Arg, Command};

use super::*;

/// Nouns whose verbs have a parser of their own.
const NOUNS: [&str; 3] = ["shm", "sem", "mq"];

fn words(line: &[&str]) -> Vec<OsString> {
    line.iter().map(OsString::from).collect()
}

/// Every verb of the tree, built: noun, one of its names, definition.
fn leaves() -> Vec<(&'static str, String, Command)> {
    let tree = complete_tree();
    let mut found = Vec::new();
    for noun in NOUNS {
        let verbs = tree.find_subcommand(noun).unwrap().get_subcommands();
        for verb in verbs.filter(|verb| verb.get_name() != "help") {
            let aliases = verb.get_visible_aliases().map(str::to_owned);
            for name in std::iter::once(verb.get_name().to_owned()).chain(aliases) {
                found.push((noun, name, verb.clone()));
            }
        }
    }
    found
}

/// A value that an argument takes.
fn sample(arg: &Arg) -> String {
    if let Some(value) = arg.get_possible_values().first() {
        return value.get_name().to_owned();
    }
    let label = arg.get_value_names().and_then(|names| names.first());
    match label.map(|label| label.as_str()) {
        Some("SIZE" | "BYTES") => "4K",
        Some("MODE") => "0640",
        Some("DURATION") => "1m30s",
        Some("PATTERN") => "a*",
        Some("COLUMN,…") => "name,mode",
        Some("NAME" | "SOURCE" | "DESTINATION" | "SCOPE") => "jobs",
        Some("FILE") => "a.bin",
        Some("CMD" | "DATA" | "MESSAGE") => "true",
        _ => "3",
    }
    .to_owned()
}

/// An option as it is written: `--long value`, or `-s` where it has no long form.
fn written(arg: &Arg) -> Vec<String> {
    let name = arg.get_long().map_or_else(
        || format!("-{}", arg.get_short().unwrap()),
        |long| format!("--{long}"),
    );
    let takes_value = arg.get_num_args().is_some_and(|count| count.takes_values());
    if takes_value {
        vec![name, sample(arg)]
    } else {
        vec![name]
    }
}

fn options(verb: &Command) -> Vec<Vec<String>> {
    let own = verb.get_arguments().filter(|arg| !arg.is_positional());
    own.map(written).collect()
}

/// The positional arguments: those that must be there, or all.
fn positionals(verb: &Command, all: bool) -> Vec<String> {
    let mut line = Vec::new();
    for arg in verb.get_positionals() {
        if all || arg.is_required_set() {
            if arg.is_last_set() {
                line.push("--".to_owned());
            }
            line.push(sample(arg));
        }
    }
    line
}

/// Both parsers on one line: the same meaning, or refused by both for the same reason.
fn compare(line: &[String]) -> bool {
    let line: Vec<OsString> = line.iter().map(OsString::from).collect();
    let alone = parse_leaf(&line).unwrap_or_else(|| panic!("{line:?} has no parser of its own"));
    let whole = parse_tree(Cli::command(), &line);
    match (alone, whole) {
        (Ok(alone), Ok(whole)) => {
            assert_eq!(format!("{alone:?}"), format!("{whole:?}"), "{line:?}");
            true
        }
        (Err(alone), Err(whole)) => {
            assert_eq!(alone.kind(), whole.kind(), "{line:?}");
            false
        }
        (alone, whole) => panic!("{line:?}\nalone: {alone:?}\nwhole: {whole:?}"),
    }
}

fn line(noun: &str, verb: &str, parts: &[&[String]]) -> Vec<String> {
    let start = ["ipc", noun, verb].map(str::to_owned).to_vec();
    [start, parts.concat()].concat()
}

#[test]
fn every_verb_and_alias_has_a_parser_of_its_own() {
    let found = leaves();
    assert!(found.len() > 25, "{} verbs", found.len());
    for (noun, name, _) in found {
        let parsed = parse_leaf(&words(&["ipc", noun, &name]));
        assert!(parsed.is_some(), "{noun} {name}");
    }
    for stranger in ["frob", "help", "--json", ""] {
        assert!(parse_leaf(&words(&["ipc", "shm", stranger])).is_none());
    }
}

#[test]
fn every_option_means_the_same_both_ways() {
    for (noun, name, verb) in leaves() {
        let mut valid = 0;
        for all in [false, true] {
            let targets = positionals(&verb, all);
            valid += u32::from(compare(&line(noun, &name, &[&targets])));
            for option in options(&verb) {
                valid += u32::from(compare(&line(noun, &name, &[&option, &targets])));
                valid += u32::from(compare(&line(noun, &name, &[&targets, &option])));
            }
        }
        assert!(valid > 3, "{noun} {name}: only {valid} lines make sense");
    }
}

#[test]
fn pairs_of_options_mean_the_same_both_ways() {
    for (noun, name, verb) in leaves() {
        let (options, targets) = (options(&verb), positionals(&verb, false));
        for (index, first) in options.iter().enumerate() {
            for second in &options[index..] {
                compare(&line(noun, &name, &[first, &targets, second]));
            }
        }
    }
}

#[test]
fn what_one_way_refuses_the_other_refuses_too() {
    for (noun, name, verb) in leaves() {
        let targets = positionals(&verb, true);
        for extra in [
            "--frob",
            "-Z",
            "--json=3",
            "--color=blue",
            "--scope=a.b",
            "--scope",
        ] {
            let wrong = line(noun, &name, &[&targets, &[extra.to_owned()]]);
            let after_all = targets.iter().any(|word| word == "--");
            assert!(!compare(&wrong) || after_all, "{wrong:?}");
        }
        for option in options(&verb).iter().filter(|option| option.len() == 2) {
            compare(&line(noun, &name, &[&targets, &option[..1]]));
            let bad = format!("{}=?!", option[0]);
            compare(&line(noun, &name, &[&[bad], &targets]));
        }
        let many = vec!["word".to_owned(); 9];
        compare(&line(noun, &name, &[&many]));
        compare(&line(
            noun,
            &name,
            &[&["--".to_owned()], &many, &["--json".to_owned()]],
        ));
        for help in ["--help", "-h", "--version", "-V"] {
            assert!(!compare(&line(noun, &name, &[&[help.to_owned()]])));
        }
    }
}

#[test]
fn global_options_mean_the_same_in_every_place() {
    let forms: [&[&str]; 6] = [
        &["--json"],
        &["--quiet"],
        &["-q"],
        &["--scope", "ci-7"],
        &["--scope=ci-7"],
        &["--color", "never"],
    ];
    for (noun, name, verb) in leaves() {
        let mut targets = positionals(&verb, false);
        if name == "create" && noun == "shm" {
            targets.extend(["--size", "4K"].map(str::to_owned));
        }
        if targets.is_empty() && name != "ls" && name != "list" {
            targets.push("jobs".to_owned());
        }
        for form in forms {
            let form: Vec<String> = form.iter().map(|word| (*word).to_owned()).collect();
            let expected = meaning(&line(noun, &name, &[&form, &targets]));
            // Behind `--` a word belongs to the command that is run.
            if !targets.iter().any(|word| word == "--") {
                let last = line(noun, &name, &[&targets, &form]);
                assert_eq!(meaning(&last), expected, "{last:?}");
            }
            for place in 1..=2 {
                let mut moved = line(noun, &name, &[&targets]);
                moved.splice(place..place, form.clone());
                assert_eq!(meaning(&moved), expected, "{moved:?}");
            }
        }
    }
}

fn meaning(line: &[String]) -> String {
    let line: Vec<OsString> = line.iter().map(OsString::from).collect();
    let parsed = parse(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"));
    format!("{parsed:?}")
}

#[test]
fn every_command_says_what_it_does() {
    fn check(command: &Command) {
        let name = command.get_name();
        assert!(command.get_about().is_some(), "{name} has no description");
        for arg in command.get_arguments() {
            let help = arg
                .get_help()
                .is_some_and(|help| !help.to_string().is_empty());
            assert!(help, "{name}: {} has no description", arg.get_id());
        }
        for inner in command.get_subcommands().filter(|c| c.get_name() != "help") {
            check(inner);
        }
    }
    let tree = complete_tree();
    tree.clone().debug_assert();
    check(&tree);
}

/// Every command of the tree that takes arguments of its own, with the words before them.
fn commands(command: &Command, before: &[String], found: &mut Vec<(Vec<String>, Command)>) {
    let inner: Vec<&Command> = command.get_subcommands().collect();
    if inner.is_empty() {
        found.push((before.to_vec(), command.clone()));
    }
    for inner in inner.into_iter().filter(|inner| inner.get_name() != "help") {
        let before = [before, &[inner.get_name().to_owned()]].concat();
        commands(inner, &before, found);
    }
}

#[test]
fn no_word_that_is_refused_acts_on_a_terminal_or_passes_for_a_line_of_ours() {
    let mut tree = complete_tree();
    tree.build();
    let mut found = Vec::new();
    commands(&tree, &["ipc".to_owned()], &mut found);
    let mut refused = 0;
    for bad in [
        &b"3=x\nipc: forged\x1b[31m"[..],
        b"\xff\nipc: forged\x1b[31m",
    ] {
        let bad = OsStr::from_bytes(bad);
        for (before, command) in &found {
            let start: Vec<OsString> = before.iter().map(OsString::from).collect();
            let mut lines: Vec<Vec<OsString>> = vec![vec![bad.into(); 12]];
            let own = command.get_arguments().filter(|arg| !arg.is_global_set());
            for option in own.filter(|arg| !arg.is_positional()).map(written) {
                if let [name, _] = &option[..] {
                    // Each of both forms is quoted by the same path of clap.
                    lines.push(match bad.to_str() {
                        Some(_) => vec![name.into(), bad.into()],
                        None => vec![[OsStr::new(name), bad].join(OsStr::new("="))],
                    });
                }
            }
            for line in lines {
                let line = [&start[..], &line].concat();
                if let Err(refusal) = parse(&line) {
                    let said = explain::misuse(&line, refusal);
                    let is_forged = said.lines().any(|line| line.starts_with("ipc:"));
                    assert!(!is_forged && !said.contains('\x1b'), "{line:?}: {said}");
                    refused += usize::from(said.contains("forged"));
                }
            }
        }
    }
    assert!(refused > 100, "{refused}");
}

#[test]
fn a_word_is_quoted_as_it_was_given() {
    let quoted = |words: &[&[u8]]| {
        let words: Vec<OsString> = words
            .iter()
            .map(|word| OsStr::from_bytes(word).into())
            .collect();
        explain::misuse(&words, parse(&words).map(drop).unwrap_err())
    };
    // Escaped it would be a good label, and escaped twice another one.
    let label = quoted(&[b"ipc", b"sock", b"store", b"x", b"0=a\x1b[31m\n"]);
    assert!(label.contains("'0=a\\x1b[31m\\n'"), "{label}");
    assert!(label.contains("label 'a\\x1b[31m\\n'"), "{label}");
    for bytes in [&[&b"--size=a\xff"[..]][..], &[b"--size", b"a\xff"]] {
        let size = quoted(&[&[&b"ipc"[..], b"shm", b"create", b"x"][..], bytes].concat());
        assert!(!size.contains('\u{fffd}'), "{size}");
    }
    let unknown = quoted(&[b"ipc", b"sock", b"ls", b"--for\ned"]);
    assert!(unknown.contains("'--for\\ned'"), "{unknown}");
}
