//! What the README shows is what happens.

use ipc::exit::TABLE;

use crate::sandbox::Sandbox;
use crate::shell::Shell;

const README: &str = include_str!("../../README.md");

/// The commands of the tour and what each prints, in order.
fn tour() -> Vec<(String, String)> {
    let mut steps: Vec<(String, String)> = Vec::new();
    let mut inside = false;
    for line in README.lines() {
        match line {
            "```console" => inside = true,
            "```" => inside = false,
            _ if !inside => {}
            line => match line.strip_prefix("$ ") {
                Some(command) => steps.push((command.to_owned(), String::new())),
                None => {
                    let (_, printed) = steps.last_mut().expect("output before a command");
                    printed.push_str(line);
                    printed.push('\n');
                }
            },
        }
    }
    steps
}

#[test]
fn every_step_of_the_tour_prints_what_the_readme_shows() {
    let sb = Sandbox::new();
    let steps = tour();
    assert!(steps.len() >= 10, "a tour of {} commands", steps.len());
    for word in ["jobs", "mail"] {
        sb.will_make_queue(word);
    }
    // One shell for all of them, as in the terminal of a reader: `$$` is the
    // same in every step.
    let mut shell = Shell::new(&sb);
    for (command, expected) in steps {
        let (code, printed) = shell.ask(&format!("{{ {command}\n}} 2>&1 </dev/null"));
        let printed = printed.replace(&format!("{}.", sb.scope()), "");
        assert_eq!(
            (code, printed.as_str()),
            (0, expected.as_str()),
            "{command}"
        );
    }
    shell.end();
    assert_eq!(sb.left_in_shm(), Vec::<String>::new());
}

#[test]
fn the_table_of_exit_codes_is_the_one_of_the_program() {
    let rows: Vec<String> = TABLE
        .iter()
        .map(|(code, meaning)| format!("| {code} | {meaning} |\n"))
        .collect();
    let table = format!("| code | meaning |\n| --- | --- |\n{}", rows.concat());
    assert!(
        README.contains(&table),
        "README.md lacks this table:\n{table}"
    );
}
