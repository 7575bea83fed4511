//! What every command owes its reader.

use ipc::exit::TABLE;

use crate::help::More;
use crate::{Spot, spots};

fn verbs() -> impl Iterator<Item = (Spot, More)> {
    spots()
        .into_iter()
        .filter(|spot| !spot.is_noun())
        .map(|spot| {
            let more = More::of(&spot.command);
            (spot, more)
        })
}

#[test]
fn every_verb_has_an_example_and_says_where_to_read_on() {
    for (spot, more) in verbs() {
        let page = spot.page();
        assert!(!more.examples.is_empty(), "{page} has no example");
        assert!(!more.see_also.is_empty(), "{page} has no See also");
        let calls = spot.words.join(" ");
        let shows = |line: &String| line.contains(&calls) || line.contains("| ipc");
        assert!(
            more.examples
                .iter()
                .flat_map(|example| &example.lines)
                .any(shows),
            "no example of {page} calls it"
        );
    }
}

#[test]
fn every_verb_tells_its_exit_codes() {
    for (spot, more) in verbs() {
        let page = spot.page();
        let told = |code: &str| more.exits.iter().any(|(own, _)| own == code);
        for (code, _) in &more.exits {
            let known = TABLE.iter().any(|(known, _)| known == code);
            assert!(
                known,
                "{page} has an exit code that the table lacks: {code}"
            );
        }
        let takes = |id: &str| spot.command.get_arguments().any(|one| one.get_id() == id);
        for (option, code) in [("timeout", "124"), ("try_once", "1"), ("if_exists", "4")] {
            // The command's own code is what the whole section of watch is about.
            // The command's own code is what the whole section of watch is about,
            // and run-like verbs leave 1 to the command and answer 124 instead.
            let leaves_1 = page == "ipc-mq-watch" || takes("conflict_code");
            let excused = leaves_1 && code == "1";
            assert!(
                !takes(option) || told(code) || excused,
                "{page} takes --{option} and does not say when it ends with {code}"
            );
        }
        let has_own = !more.exits.is_empty() || !more.exit_notes.is_empty();
        let opens_by_name = spot.command.get_positionals().any(|one| {
            let names = one.get_value_names().unwrap_or_default();
            one.is_required_set() && names.iter().any(|name| name == "NAME")
        });
        assert!(
            has_own || !opens_by_name,
            "{page} takes a name and does not say how it ends when there is none"
        );
    }
}

#[test]
fn every_example_is_a_command_line_that_parses() {
    for (spot, more) in verbs() {
        for line in more.examples.iter().flat_map(|example| &example.lines) {
            // What only a shell knows are numbers: pids and tokens.
            let line = line
                .replace("$$", "4711")
                .replace("$!", "4711")
                .replace("$IPC_LOCK_TOKEN", "4711");
            for words in calls(&line) {
                let parsed = ipc::cli::command().try_get_matches_from(&words);
                assert!(
                    parsed.is_ok(),
                    "an example of {}: {line:?}, read as {words:?}: {}",
                    spot.page(),
                    parsed.unwrap_err()
                );
            }
        }
    }
}

/// The calls of ipc in a line of shell, as far as examples need it.
fn calls(line: &str) -> Vec<Vec<String>> {
    let mut calls = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars().chain([' ']) {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ' ' | ';' | '|' | '&' | '(' | ')' | '<' | '>') => {
                let call = calls.last_mut().unwrap();
                call.extend(word.take());
                if c != ' ' {
                    calls.push(Vec::new());
                }
            }
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    calls
        .into_iter()
        .filter_map(|call| {
            let start = call.iter().position(|word| word == "ipc")?;
            Some(call[start..].to_vec())
        })
        .collect()
}

#[test]
fn calls_are_found_in_a_line_of_shell() {
    assert_eq!(
        calls("job=$(ipc mq recv 'a b' -t 1s) || exit; until ipc x; do y; done"),
        [
            vec!["ipc", "mq", "recv", "a b", "-t", "1s"],
            vec!["ipc", "x"]
        ]
    );
}
